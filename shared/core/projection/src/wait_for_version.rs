use std::future::Future;
use std::time::Duration;

use cqrs::QueryError;
use tokio::time::Instant;

/// How long an answer waits for the read side; the HTTP contract's number.
const MAX_WAIT: Duration = Duration::from_secs(2);
/// The first pause between two looks; it doubles up to [`MAX_PAUSE`]. The read side is usually there within a few milliseconds,
/// and a look-up by primary key is the cheapest query there is.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
/// The longest pause between two looks.
const MAX_PAUSE: Duration = Duration::from_millis(50);

/// A row as a query may see it.
pub trait VersionedRow {
    /// The number of the stream's events that are in the row.
    fn version(&self) -> u64;
}

/// The row that `read_row` reads. With `min_version`, the read side must have reached that version first. `read_row`
/// gives no row if the caller may not see it.
///
/// # Errors
/// [`QueryError::NotFound`] without `min_version`. With it, [`QueryError::ProjectionBehind`] after 2 s: a stream that was
/// just created has no row yet, so a missing row is no proof; and a caller must not tell another caller's row from no row by
/// the time that the answer takes.
pub async fn row_at_version<R, F>(min_version: Option<u64>, read_row: impl Fn() -> F + Send) -> Result<R, QueryError>
where
    R: VersionedRow + Send,
    F: Future<Output = Result<Option<R>, QueryError>> + Send,
{
    let give_up_at = Instant::now() + MAX_WAIT;
    let mut pause = FIRST_PAUSE;
    loop {
        match (read_row().await?, min_version) {
            (None, None) => return Err(QueryError::NotFound),
            (Some(row), None) => return Ok(row),
            (Some(row), Some(min_version)) if row.version() >= min_version => return Ok(row),
            (_, Some(min_version)) if Instant::now() + pause > give_up_at => {
                return Err(QueryError::ProjectionBehind { min_version });
            }
            (_, Some(_)) => {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(MAX_PAUSE);
            }
        }
    }
}

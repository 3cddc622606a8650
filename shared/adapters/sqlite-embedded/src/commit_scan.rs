use async_trait::async_trait;
use cqrs::{Commit, CommitPlace, CommitScan, EventStoreSize, ReadError, ScannedCommit, StreamId, StreamRange};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use crate::SqliteEventStore;
use crate::sqlite_event_store::{commit_from, read_error};
use crate::version_column::version_to_column;

/// The number of streams that are sampled for each part of a split. More samples make the parts more even.
const SAMPLES_PER_PART: u32 = 64;

/// Whether a row has a place in the order: its stream's id must be written in the usual form of a UUID. `CHECK` ensures
/// that the version is valid.
const HAS_A_PLACE: &str = "(stream_id GLOB '????????-????-????-????-????????????' AND stream_id NOT GLOB '*[^0-9a-f-]*' \
                           AND length(replace(stream_id, '-', '')) = 32)";

/// The position in the log of the stream's commit before this one.
const POSITION_BEFORE: &str = "(SELECT earlier.position FROM commits AS earlier \
                               WHERE earlier.stream_id = commits.stream_id \
                               AND earlier.first_version < commits.first_version \
                               ORDER BY earlier.first_version DESC LIMIT 1)";

#[async_trait]
impl CommitScan for SqliteEventStore {
    /// Reads in the order of the index that keeps versions unique. UUIDs as text sort as their bytes do, so this is the
    /// order of the scan.
    async fn scan(
        &self,
        range: StreamRange,
        after: Option<CommitPlace>,
        limit: u32,
    ) -> Result<Vec<ScannedCommit>, ReadError> {
        let after = after.or(range.from.map(|stream_id| CommitPlace { stream_id, first_version: 0 }));
        let after_version = after.map_or(0, |after| after.first_version);
        let statement = format!(
            "SELECT *, {POSITION_BEFORE} AS position_before FROM commits \
             WHERE (stream_id, first_version) > (?1, ?2) AND stream_id < ?3 AND {HAS_A_PLACE} ORDER BY stream_id, first_version LIMIT ?4"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(after.map_or_else(String::new, |after| after.stream_id.to_string()))
            .bind(version_to_column(after_version))
            // `~` sorts after every digit.
            .bind(range.before.map_or_else(|| "~".to_owned(), |before| before.to_string()))
            .bind(limit)
            .fetch_all(&self.database.readers)
            .await
            .map_err(read_error)?;
        rows.iter()
            .map(|row| {
                let commit = commit_from(row);
                let misfits = commit.as_ref().map_or_else(|_| Ok(Vec::new()), |commit| misfits(row, commit))?;
                Ok(ScannedCommit { place: place_of(row)?, commit, misfits })
            })
            .collect()
    }

    /// Splits at streams that lie evenly over the log.
    async fn split(&self, parts: u32) -> Result<Vec<StreamRange>, ReadError> {
        let samples = i64::from(parts.saturating_mul(SAMPLES_PER_PART).max(1));
        let step = (self.last_position().await? / samples).max(1);
        let statement = format!(
            "WITH RECURSIVE places (position) AS \
             (SELECT 1 UNION ALL SELECT position + ?1 FROM places WHERE position + ?1 <= ?2) \
             SELECT stream_id FROM places JOIN commits USING (position) WHERE {HAS_A_PLACE}"
        );
        let streams: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(statement))
            .bind(step)
            .bind(self.last_position().await?)
            .fetch_all(&self.database.readers)
            .await
            .map_err(read_error)?;
        let samples = streams.iter().filter_map(|id| Uuid::try_parse(id).ok()).map(StreamId).collect();
        Ok(StreamRange::from_samples(samples, parts))
    }

    async fn size(&self) -> Result<EventStoreSize, ReadError> {
        let row = sqlx::query(
            "SELECT COUNT(*) AS commits, COALESCE(SUM(last_version - first_version + 1), 0) AS events FROM commits",
        )
        .fetch_one(&self.database.readers)
        .await
        .map_err(read_error)?;
        let count = |column: &str| -> Result<u64, ReadError> {
            Ok(row.try_get::<i64, _>(column).map_err(read_error)?.unsigned_abs())
        };
        Ok(EventStoreSize { commits: count("commits")?, events: count("events")? })
    }

    async fn has_commit_of(&self, aggregate_types: &[&str]) -> Result<bool, ReadError> {
        for aggregate_type in aggregate_types {
            let row = sqlx::query("SELECT 1 FROM commits WHERE aggregate_type = ? LIMIT 1")
                .bind(*aggregate_type)
                .fetch_optional(&self.database.readers)
                .await
                .map_err(read_error)?;
            if row.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn misplaced(&self, limit: u32) -> Result<Vec<String>, ReadError> {
        let statement =
            format!("SELECT position, stream_id FROM commits WHERE NOT {HAS_A_PLACE} ORDER BY position LIMIT ?");
        let rows = sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(limit)
            .fetch_all(&self.database.readers)
            .await
            .map_err(read_error)?;
        rows.iter()
            .map(|row| {
                let position: i64 = row.try_get("position").map_err(read_error)?;
                let stream_id: String = row.try_get("stream_id").map_err(read_error)?;
                Ok(format!("the commit at position {position} of the log is of the stream {stream_id:?}"))
            })
            .collect()
    }
}

fn place_of(row: &SqliteRow) -> Result<CommitPlace, ReadError> {
    let stream_id: String = row.try_get("stream_id").map_err(read_error)?;
    let first_version: i64 = row.try_get("first_version").map_err(read_error)?;
    let stream_id =
        StreamId(Uuid::try_parse(&stream_id).map_err(|error| read_error(sqlx::Error::Decode(error.into())))?);
    Ok(CommitPlace { stream_id, first_version: first_version.unsigned_abs() })
}

/// The faults that no hash covers: in columns that only repeat the commit, and in the exact text of the JSON columns.
/// Another reader could read a changed text differently.
fn misfits(row: &SqliteRow, commit: &Commit) -> Result<Vec<String>, ReadError> {
    let draft = &commit.draft;
    let text = |column: &str| row.try_get::<Option<String>, _>(column).map_err(read_error);
    let integer = |column: &str| row.try_get::<Option<i64>, _>(column).map_err(read_error);
    let mut misfits = Vec::new();
    let last_version =
        version_to_column(draft.first_version) + i64::try_from(draft.events.len()).unwrap_or(i64::MAX) - 1;
    if integer("last_version")? != Some(last_version) {
        misfits.push(format!("last_version is not {last_version}, the version of its last event"));
    }
    if integer("position_before")? >= integer("position")? {
        misfits.push("its place in the log is before the commit that it follows".to_owned());
    }
    if text("idempotency_key")?.is_some() != text("request_fingerprint")?.is_some() {
        misfits.push("only one of idempotency_key and request_fingerprint is there".to_owned());
    }
    for (column, as_written) in
        [("events", serde_json::to_string(&draft.events)), ("state", serde_json::to_string(&draft.state))]
    {
        if text(column)? != as_written.ok() {
            misfits.push(format!("the text of {column} is not as this program writes it"));
        }
    }
    Ok(misfits)
}

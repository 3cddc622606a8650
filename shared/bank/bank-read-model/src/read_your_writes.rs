use std::time::Duration;

use bank::{AccountId, Actor};
use cqrs::QueryError;
use tokio::time::Instant;

use crate::{BankAccountEntity, BankAccountRepository};

/// How long an answer waits for the read side; the HTTP contract's number.
const MAX_WAIT: Duration = Duration::from_secs(2);
/// The first pause between two looks; it doubles up to [`MAX_PAUSE`]. The read side is usually there within
/// a few milliseconds, and a primary-key look-up is the cheapest query there is.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
/// The longest pause between two looks.
const MAX_PAUSE: Duration = Duration::from_millis(50);

/// The account, if the actor may see it; with `min_version`, once the read side has reached that version.
///
/// # Errors
/// [`QueryError::NotFound`] without `min_version`. With it, [`QueryError::ProjectionBehind`] after 2 s: an
/// account that was just opened has no row yet, so no row is no proof of no account, and another caller's
/// account must not be told from none by how soon the answer comes.
pub async fn account_at_version(
    repository: &dyn BankAccountRepository,
    account_id: AccountId,
    actor: &Actor,
    min_version: Option<u64>,
) -> Result<BankAccountEntity, QueryError> {
    let give_up_at = Instant::now() + MAX_WAIT;
    let mut pause = FIRST_PAUSE;
    loop {
        let visible = repository.account(account_id).await?.filter(|account| account.is_visible_to(actor));
        match (visible, min_version) {
            (None, None) => return Err(QueryError::NotFound),
            (Some(account), None) => return Ok(account),
            (Some(account), Some(min_version)) if account.version >= min_version => return Ok(account),
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

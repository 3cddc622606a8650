use bank::{AccountEvent, AccountId};
use bank_read_model::{BankAccountEntity, StatementLine, account_id_of};
use cqrs::{DomainEvent as _, EventEnvelope};

use crate::commit_reader::ReadCommit;

/// An account's row before and after a page's events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoldedAccount {
    /// As the shadow table holds it; none where it does not.
    pub before: Option<BankAccountEntity>,
    /// As it is to hold it.
    pub after: BankAccountEntity,
}

/// What a page of commits makes of the rows.
#[derive(Debug, Default)]
pub(crate) struct FoldedPage {
    /// Rows that are others now, in the order of their ids.
    pub(crate) accounts: Vec<FoldedAccount>,
    /// New lines, in the order of their keys.
    pub(crate) lines: Vec<StatementLine>,
    /// Events that were read, those of other aggregates included.
    pub(crate) events: u64,
    /// Streams with an event that cannot follow on those before it, and why. What is behind it was left out, as the
    /// projector leaves it waiting.
    pub(crate) stopped: Vec<(AccountId, String)>,
}

impl FoldedPage {
    /// Folds commits that come stream after stream, and of each stream in order. `continued` is the row of the first
    /// stream, where the page begins in the middle of it.
    pub(crate) fn of(page: &[ReadCommit], continued: Option<BankAccountEntity>) -> Self {
        let mut folded = Self::default();
        let mut continued = continued;
        for stream in page.chunk_by(|one, next| one.place.stream_id == next.place.stream_id) {
            let account_id = AccountId::try_from(stream[0].place.stream_id.0).ok();
            // Only the first stream can be the continued one.
            let before = continued.take().filter(|row| Some(row.account_id) == account_id);
            folded.fold_stream(stream, before);
        }
        folded
    }

    fn fold_stream(&mut self, stream: &[ReadCommit], before: Option<BankAccountEntity>) {
        let mut current = before.clone();
        let mut is_stopped = false;
        for commit in stream {
            let events = match &commit.events {
                Ok(events) => events.as_slice(),
                Err(reason) => {
                    self.stop(commit, reason, &mut is_stopped);
                    continue;
                }
            };
            self.events += events.len() as u64;
            for event in events {
                if is_stopped {
                    break;
                }
                match after(current.as_ref(), event) {
                    Ok(Some((row, line))) => {
                        current = Some(row);
                        self.lines.extend(line);
                    }
                    Ok(None) => {}
                    Err(reason) => self.stop(commit, &reason, &mut is_stopped),
                }
            }
        }
        if let Some(after) = current.filter(|after| Some(after) != before.as_ref()) {
            self.accounts.push(FoldedAccount { before, after });
        }
    }

    fn stop(&mut self, commit: &ReadCommit, reason: &str, is_stopped: &mut bool) {
        if *is_stopped {
            return;
        }
        *is_stopped = true;
        tracing::warn!(stream_id = %commit.place.stream_id, reason, "the stream cannot be folded further");
        if let Ok(account_id) = AccountId::try_from(commit.place.stream_id.0) {
            self.stopped.push((account_id, reason.to_owned()));
        }
    }
}

/// The row after one more event; none for an event of another aggregate, and for one that the row has already.
fn after(
    current: Option<&BankAccountEntity>,
    event: &EventEnvelope,
) -> Result<Option<(BankAccountEntity, Option<StatementLine>)>, String> {
    let Some(account_id) = account_id_of(event)? else {
        return Ok(None);
    };
    let version = current.map_or(0, |row| row.version);
    if event.version <= version {
        return Ok(None);
    }
    if event.version > version + 1 {
        return Err(format!("version {} follows on version {version}", event.version));
    }
    let decoded = AccountEvent::from_data(&event.event_type, event.schema_version, &event.data)
        .map_err(|error| error.to_string())?;
    BankAccountEntity::after(current, account_id, &decoded, event.occurred_at)
        .map(Some)
        .map_err(|error| error.to_string())
}

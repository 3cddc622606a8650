//! The read side of cases: a row a case, and how events become it, strictly by version.

use std::path::Path;

use async_trait::async_trait;
use cqrs::{
    AggregateRoot as _, DomainEvent as _, EventEnvelope, EventHandler, EventHandlerError, HandledBatch, RejectedEvent,
    Timestamp,
};
use serde::{Deserialize, Serialize};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{SqliteConnection, SqlitePool};

use super::case::{Case, CaseEvent, CaseId, DocketNumber, HearingNumber, HearingStatus, Name, Verdict};

// --- the row

/// A case's row in the read database: what queries ask for, not what decisions need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseEntity {
    /// The key.
    pub case_id: CaseId,
    /// What the court calls it by.
    pub docket_number: DocketNumber,
    /// Who filed it.
    pub plaintiff: Name,
    /// Against whom.
    pub defendant: Name,
    /// Its hearings by number, those included that are over.
    pub hearings: Vec<HearingEntity>,
    /// How it was decided, if it was.
    pub verdict: Option<Verdict>,
    /// How many of the stream's events are in this row: all of the first so many.
    pub version: u64,
    /// When the newest event in this row happened.
    pub updated_at: Timestamp,
}

/// A hearing in its case's row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HearingEntity {
    /// Its number.
    pub hearing: HearingNumber,
    /// When it begins, or began, or would have begun.
    pub starts_at: Timestamp,
    /// Where, if that was recorded.
    pub room: Option<Name>,
    /// What has become of it.
    pub status: HearingStatus,
}

/// An event that cannot follow on the row as it is. Handling: keep the event aside; the event store or the
/// row is damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CaseProjectionError {
    /// Something happened to a case that is not there.
    #[error("the first event of a case must be CaseFiled")]
    NotFiled,
    /// A case was filed that is there.
    #[error("the case has been filed already")]
    FiledTwice,
    /// Something happened to a hearing that is not there.
    #[error("the case has no hearing {hearing}")]
    NoSuchHearing {
        /// The number.
        hearing: HearingNumber,
    },
}

impl CaseEntity {
    /// The row after one more event.
    pub fn after(
        before: Option<Self>,
        case_id: CaseId,
        event: &CaseEvent,
        occurred_at: Timestamp,
    ) -> Result<Self, CaseProjectionError> {
        if let CaseEvent::CaseFiled { docket_number, plaintiff, defendant } = event {
            return match before {
                Some(_) => Err(CaseProjectionError::FiledTwice),
                None => Ok(Self {
                    case_id,
                    docket_number: docket_number.clone(),
                    plaintiff: plaintiff.clone(),
                    defendant: defendant.clone(),
                    hearings: Vec::new(),
                    verdict: None,
                    version: 1,
                    updated_at: occurred_at,
                }),
            };
        }
        let before = before.ok_or(CaseProjectionError::NotFiled)?;
        let mut after = Self { version: before.version + 1, updated_at: occurred_at, ..before };
        match event {
            // Dealt with above.
            CaseEvent::CaseFiled { .. } => {}
            CaseEvent::HearingScheduled { hearing, starts_at, room } => after.hearings.push(HearingEntity {
                hearing: *hearing,
                starts_at: *starts_at,
                room: room.clone(),
                status: HearingStatus::Scheduled,
            }),
            CaseEvent::HearingAdjourned { hearing } => after.end_hearing(*hearing, HearingStatus::Adjourned)?,
            CaseEvent::HearingHeld { hearing } => after.end_hearing(*hearing, HearingStatus::Held)?,
            CaseEvent::HearingCancelled { hearing } => after.end_hearing(*hearing, HearingStatus::Cancelled)?,
            CaseEvent::CaseDecided { verdict } => after.verdict = Some(*verdict),
        }
        Ok(after)
    }

    fn end_hearing(&mut self, hearing: HearingNumber, status: HearingStatus) -> Result<(), CaseProjectionError> {
        let ended = self.hearings.iter_mut().find(|entity| entity.hearing == hearing);
        ended.ok_or(CaseProjectionError::NoSuchHearing { hearing })?.status = status;
        Ok(())
    }
}

// --- the tables

/// The rows, and the events that wait for their turn. A row is kept as JSON: nothing looks into it yet. What a
/// query filters or sorts by becomes a column, and whoever adds one lets the rows be built again.
const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS cases (
        case_id TEXT    NOT NULL PRIMARY KEY,
        version INTEGER NOT NULL CHECK (version >= 1),
        entity  TEXT    NOT NULL CHECK (json_valid(entity))
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS early_case_events (
        case_id  TEXT    NOT NULL,
        version  INTEGER NOT NULL,
        envelope TEXT    NOT NULL CHECK (json_valid(envelope)),
        PRIMARY KEY (case_id, version)
    ) STRICT, WITHOUT ROWID;
";

/// The cases' tables, in the file that also has the bus's checkpoint: whoever deletes it deletes both, and
/// the rows are built again from the first event on.
#[derive(Debug, Clone)]
pub struct CaseReadDb {
    pool: SqlitePool,
}

impl CaseReadDb {
    /// Opens the read database's file, and makes the tables where they are missing.
    pub async fn open(read_db_file: &Path) -> Result<Self, sqlx::Error> {
        let options = SqliteConnectOptions::new().filename(read_db_file);
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
        sqlx::raw_sql(TABLES).execute(&pool).await?;
        Ok(Self { pool })
    }

    /// Closes the connection.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// The case's row.
    pub async fn case(&self, case_id: CaseId) -> Result<Option<CaseEntity>, EventHandlerError> {
        let mut connection = self.pool.acquire().await.map_err(unavailable)?;
        load(&mut connection, case_id).await
    }
}

// --- events become rows

#[async_trait]
impl EventHandler for CaseReadDb {
    async fn handle(&self, events: &[EventEnvelope]) -> Result<HandledBatch, EventHandlerError> {
        // IMMEDIATE: the rows that are read here are written here, so the write lock is taken first.
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(unavailable)?;
        let mut handled = HandledBatch::default();
        for event in events {
            if event.aggregate_type == Case::AGGREGATE_TYPE {
                take_in(&mut transaction, event, &mut handled).await?;
            } else {
                handled.foreign += 1;
            }
        }
        transaction.commit().await.map_err(unavailable)?;
        Ok(handled)
    }
}

/// What becomes of one event: dropped as a repeat, kept until its turn comes, applied, or rejected.
async fn take_in(
    connection: &mut SqliteConnection,
    event: &EventEnvelope,
    handled: &mut HandledBatch,
) -> Result<(), EventHandlerError> {
    let case_id = CaseId::from_stream(event.stream_id);
    let row = load(connection, case_id).await?;
    let next_version = row.as_ref().map_or(0, |row| row.version) + 1;
    if event.version < next_version {
        handled.repeated += 1;
        return Ok(());
    }
    if event.version > next_version {
        // Only what can be read is kept: the rest is the bus's to keep, with its reason.
        match decode(event) {
            Ok(_) if keep_early(connection, event).await? => handled.kept_early += 1,
            Ok(_) => handled.repeated += 1,
            Err(reason) => handled.rejected.push(RejectedEvent { event: event.clone(), reason }),
        }
        return Ok(());
    }
    match row_after(row, event) {
        Ok(mut after) => {
            handled.applied += 1;
            // The gap is closed, and perhaps the next event has been waiting behind it.
            while let Some(early) = kept_event(connection, case_id, after.version + 1).await? {
                match row_after(Some(after.clone()), &early) {
                    Ok(next) => after = next,
                    // It stays where it is kept, and those behind it with it.
                    Err(reason) => {
                        tracing::error!(stream_id = %early.stream_id, early.version, reason, "cannot be applied");
                        break;
                    }
                }
                handled.applied += 1;
            }
            save(connection, &after).await
        }
        Err(reason) => {
            handled.rejected.push(RejectedEvent { event: event.clone(), reason });
            Ok(())
        }
    }
}

fn decode(event: &EventEnvelope) -> Result<CaseEvent, String> {
    CaseEvent::from_data(&event.event_type, event.schema_version, &event.data).map_err(|error| error.to_string())
}

fn row_after(row: Option<CaseEntity>, event: &EventEnvelope) -> Result<CaseEntity, String> {
    let case_id = CaseId::from_stream(event.stream_id);
    CaseEntity::after(row, case_id, &decode(event)?, event.occurred_at).map_err(|error| error.to_string())
}

// --- SQL

async fn load(connection: &mut SqliteConnection, case_id: CaseId) -> Result<Option<CaseEntity>, EventHandlerError> {
    let entity: Option<String> = sqlx::query_scalar("SELECT entity FROM cases WHERE case_id = ?")
        .bind(case_id.stream_id().to_string())
        .fetch_optional(connection)
        .await
        .map_err(unavailable)?;
    entity.map(|entity| serde_json::from_str(&entity)).transpose().map_err(corrupt)
}

/// Writes the row; kept events that are in it now are no longer needed.
async fn save(connection: &mut SqliteConnection, case: &CaseEntity) -> Result<(), EventHandlerError> {
    let case_id = case.case_id.stream_id().to_string();
    let version = version_to_column(case.version);
    sqlx::query(
        "INSERT INTO cases (case_id, version, entity) VALUES (?, ?, ?) \
         ON CONFLICT (case_id) DO UPDATE SET version = excluded.version, entity = excluded.entity",
    )
    .bind(&case_id)
    .bind(version)
    .bind(serde_json::to_string(case).map_err(corrupt)?)
    .execute(&mut *connection)
    .await
    .map_err(unavailable)?;
    sqlx::query("DELETE FROM early_case_events WHERE case_id = ? AND version <= ?")
        .bind(&case_id)
        .bind(version)
        .execute(connection)
        .await
        .map_err(unavailable)?;
    Ok(())
}

/// Answers whether the event was not kept yet.
async fn keep_early(connection: &mut SqliteConnection, event: &EventEnvelope) -> Result<bool, EventHandlerError> {
    let kept = sqlx::query("INSERT OR IGNORE INTO early_case_events (case_id, version, envelope) VALUES (?, ?, ?)")
        .bind(event.stream_id.to_string())
        .bind(version_to_column(event.version))
        .bind(serde_json::to_string(event).map_err(corrupt)?)
        .execute(connection)
        .await
        .map_err(unavailable)?;
    Ok(kept.rows_affected() == 1)
}

async fn kept_event(
    connection: &mut SqliteConnection,
    case_id: CaseId,
    version: u64,
) -> Result<Option<EventEnvelope>, EventHandlerError> {
    let envelope: Option<String> =
        sqlx::query_scalar("SELECT envelope FROM early_case_events WHERE case_id = ? AND version = ?")
            .bind(case_id.stream_id().to_string())
            .bind(version_to_column(version))
            .fetch_optional(connection)
            .await
            .map_err(unavailable)?;
    envelope.map(|envelope| serde_json::from_str(&envelope)).transpose().map_err(corrupt)
}

/// SQLite's integers are signed. No stream comes near the limit, and past it nothing is found.
fn version_to_column(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}

fn unavailable(error: sqlx::Error) -> EventHandlerError {
    EventHandlerError::Unavailable { source: error.into() }
}

fn corrupt(error: serde_json::Error) -> EventHandlerError {
    EventHandlerError::Corrupt { reason: error.to_string() }
}

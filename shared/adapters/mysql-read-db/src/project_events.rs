use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use async_trait::async_trait;
use backon::{ExponentialBuilder, Retryable as _};
use bank::AccountId;
use bank_read_model::{
    AccountsAsLoaded, BankAccountEntity, ProjectionPlan, StatementLine, account_id_of, plan_projection,
};
use cqrs::{EventEnvelope, EventHandler, EventHandlerError, HandledBatch};
use serde::Serialize;
use sqlx::mysql::MySqlDatabaseError;
use sqlx::{Connection as _, MySqlConnection};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use crate::MySqlReadDb;
use crate::mysql_read_db::in_time;
use crate::parcels::{Parcel, json, parcels};
use crate::rows::AccountRow;

/// The wait before the second try of a lost race; it doubles with each further one, with as much again at random.
const MIN_BACKOFF: Duration = Duration::from_millis(5);
/// The longest wait between two tries, before that addition.
const MAX_BACKOFF: Duration = Duration::from_millis(500);

/// Why one try of a batch ended with nothing written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TryError {
    /// The server broke it off in favour of another transaction. Handling: try again, from the reads on.
    #[error("broken off in favour of another transaction")]
    LostRace(#[source] sqlx::Error),
    /// A row was not as it had been read, though its account was locked: somebody writes without the lock, or the
    /// rows are damaged. Handling: try again; if it stays so, a person must look.
    #[error("the rows are not those that were read: {0}")]
    Contradicted(String),
    /// What is stored cannot be read. Handling: a person must look.
    #[error("{0}")]
    Corrupt(String),
    /// Anything else of the server's or on the way to it. Handling: deliver the batch again.
    #[error(transparent)]
    Unavailable(sqlx::Error),
}

impl TryError {
    const fn may_pass(&self) -> bool {
        matches!(self, Self::LostRace(_) | Self::Contradicted(_))
    }
}

impl From<sqlx::Error> for TryError {
    fn from(error: sqlx::Error) -> Self {
        if matches!(error, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_)) {
            return Self::Corrupt(error.to_string());
        }
        match server_error_number(&error) {
            // ER_LOCK_DEADLOCK, ER_LOCK_WAIT_TIMEOUT and, on MariaDB only, ER_CHECKREAD
            Some(1213 | 1205 | 1020) => Self::LostRace(error),
            // ER_DUP_ENTRY
            Some(1062) => Self::Contradicted(error.to_string()),
            _ => Self::Unavailable(error),
        }
    }
}

impl From<TryError> for EventHandlerError {
    fn from(error: TryError) -> Self {
        match error {
            TryError::LostRace(source) | TryError::Unavailable(source) => Self::Unavailable { source: source.into() },
            TryError::Contradicted(_) | TryError::Corrupt(_) => Self::Corrupt { reason: error.to_string() },
        }
    }
}

pub(crate) fn server_error_number(error: &sqlx::Error) -> Option<u16> {
    Some(error.as_database_error()?.try_downcast_ref::<MySqlDatabaseError>()?.number())
}

#[async_trait]
impl EventHandler for MySqlReadDb {
    async fn handle(&self, events: &[EventEnvelope]) -> Result<HandledBatch, EventHandlerError> {
        let account_ids: BTreeSet<AccountId> = events.iter().filter_map(|event| account_id_of(event).ok()?).collect();
        if account_ids.is_empty() {
            return Ok(plan_projection(AccountsAsLoaded::default(), events).outcome);
        }
        // In order, and so every transaction locks its accounts in the same order.
        let account_ids: Vec<AccountId> = account_ids.into_iter().collect();
        let deadline = Instant::now() + self.limits.handle_timeout;
        let backoff = ExponentialBuilder::default()
            .with_min_delay(MIN_BACKOFF)
            .with_max_delay(MAX_BACKOFF)
            .with_max_times(self.limits.max_race_retries)
            .with_jitter();
        (|| self.try_handle(deadline, &account_ids, events))
            .retry(backoff)
            .sleep(tokio::time::sleep)
            .when(TryError::may_pass)
            .notify(|error, pause| tracing::debug!(error = %error, ?pause, "the batch is tried again"))
            .await
            .map_err(EventHandlerError::from)
    }
}

impl MySqlReadDb {
    async fn try_handle(
        &self,
        deadline: Instant,
        account_ids: &[AccountId],
        events: &[EventEnvelope],
    ) -> Result<HandledBatch, TryError> {
        let mut connection = self.pool.acquire().await?;
        let answer = timeout_at(deadline, project(&mut connection, account_ids, events)).await;
        in_time(&mut connection, answer)
    }
}

/// One transaction. Rolled back by being dropped, wherever it ends before its commit.
async fn project(
    connection: &mut MySqlConnection,
    account_ids: &[AccountId],
    events: &[EventEnvelope],
) -> Result<HandledBatch, TryError> {
    let mut transaction = connection.begin().await?;
    pass_the_gate(&mut transaction).await?;
    let asked = parcels(account_ids.iter().map(|account_id| hex_of(account_id.as_uuid())));
    for parcel in &asked {
        lock_accounts(&mut transaction, parcel).await?;
    }
    let mut loaded = AccountsAsLoaded::default();
    for parcel in &asked {
        load_accounts(&mut transaction, parcel, &mut loaded).await?;
    }
    let versions: HashMap<AccountId, u64> =
        loaded.entities.values().map(|entity| (entity.account_id, entity.version)).collect();
    let plan = plan_projection(loaded, events);
    write(&mut transaction, &versions, &plan).await?;
    transaction.commit().await?;
    Ok(plan.outcome)
}

/// From here to the end of the transaction no restore swaps the tables; while one does so, this waits.
pub(crate) async fn pass_the_gate(connection: &mut MySqlConnection) -> Result<(), TryError> {
    sqlx::query_scalar!("SELECT id FROM projection_gate WHERE id = 1 LOCK IN SHARE MODE").fetch_one(connection).await?;
    Ok(())
}

/// From here to the end of the transaction no other projector reads or writes these accounts, whether they have
/// rows yet or not.
pub(crate) async fn lock_accounts(connection: &mut MySqlConnection, asked: &Parcel) -> Result<(), TryError> {
    sqlx::query!(
        r"INSERT INTO account_locks (account_id)
          SELECT UNHEX(asked.account_id)
          FROM JSON_TABLE(?, '$[*]' COLUMNS (
              account_id VARCHAR(32) PATH '$' ERROR ON EMPTY ERROR ON ERROR
          )) AS asked
          ORDER BY asked.account_id
          ON DUPLICATE KEY UPDATE account_id = account_locks.account_id",
        asked.json,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Reads without locking: the accounts are locked, and under READ COMMITTED each statement sees all that was
/// committed before it began.
async fn load_accounts(
    connection: &mut MySqlConnection,
    asked: &Parcel,
    loaded: &mut AccountsAsLoaded,
) -> Result<(), TryError> {
    let rows = sqlx::query_as!(
        AccountRow,
        r#"SELECT account.account_id AS "account_id: _", account.owner, account.holder, account.kind,
                  account.currency, account.balance_minor, account.status, account.version, account.opened_at_us,
                  account.updated_at_us
           FROM JSON_TABLE(?, '$[*]' COLUMNS (
               account_id VARCHAR(32) PATH '$' ERROR ON EMPTY ERROR ON ERROR
           )) AS asked
           STRAIGHT_JOIN bank_accounts AS account ON account.account_id = UNHEX(asked.account_id)"#,
        asked.json,
    )
    .fetch_all(&mut *connection)
    .await?;
    for row in rows {
        let entity = row.read().map_err(|error| TryError::Corrupt(error.to_string()))?;
        loaded.entities.insert(entity.account_id, entity);
    }
    let envelopes = sqlx::query_scalar!(
        r"SELECT early.envelope
          FROM JSON_TABLE(?, '$[*]' COLUMNS (
              account_id VARCHAR(32) PATH '$' ERROR ON EMPTY ERROR ON ERROR
          )) AS asked
          STRAIGHT_JOIN early_events AS early ON early.account_id = UNHEX(asked.account_id)",
        asked.json,
    )
    .fetch_all(connection)
    .await?;
    for envelope in envelopes {
        let event = serde_json::from_str(&envelope).map_err(|error| TryError::Corrupt(error.to_string()))?;
        loaded.early_events.push(event);
    }
    Ok(())
}

/// What is written is known from what was read, so that rows are either inserted or updated, and each statement
/// fails or counts too few where a row is not as it was read.
async fn write(
    connection: &mut MySqlConnection,
    versions: &HashMap<AccountId, u64>,
    plan: &ProjectionPlan,
) -> Result<(), TryError> {
    let (moved, opened): (Vec<&BankAccountEntity>, Vec<_>) =
        plan.entities.iter().partition(|entity| versions.contains_key(&entity.account_id));
    for parcel in parcels(opened.into_iter().map(opened_row)) {
        insert_accounts(connection, &parcel).await?;
    }
    for parcel in parcels(moved.into_iter().map(|entity| moved_row(versions, entity))) {
        update_accounts(connection, &parcel).await?;
    }
    for parcel in parcels(plan.lines.iter().map(line_row)) {
        insert_lines(connection, &parcel).await?;
    }
    for parcel in parcels(plan.keep_early.iter().map(early_row)) {
        insert_early(connection, &parcel).await?;
    }
    let done = plan.drop_early.iter().map(|(account_id, version)| (hex_of(account_id.as_uuid()), version));
    for parcel in parcels(done) {
        delete_early(connection, &parcel).await?;
    }
    Ok(())
}

fn opened_row(entity: &BankAccountEntity) -> impl Serialize {
    (
        hex_of(entity.account_id.as_uuid()),
        &entity.owner,
        &entity.holder,
        entity.kind.as_str(),
        entity.balance.currency().code(),
        entity.balance.amount_minor(),
        entity.status.as_str(),
        entity.version,
        entity.opened_at.unix_micros(),
        entity.updated_at.unix_micros(),
    )
}

async fn insert_accounts(connection: &mut MySqlConnection, parcel: &Parcel) -> Result<(), TryError> {
    sqlx::query!(
        r"INSERT INTO bank_accounts (account_id, owner, holder, kind, currency, balance_minor, status, version,
                                     opened_at_us, updated_at_us)
          SELECT UNHEX(fresh.account_id), fresh.owner, fresh.holder, fresh.kind, fresh.currency,
                 fresh.balance_minor, fresh.status, fresh.version, fresh.opened_at_us, fresh.updated_at_us
          FROM JSON_TABLE(?, '$[*]' COLUMNS (
              account_id    VARCHAR(32)     PATH '$[0]' ERROR ON ERROR,
              owner         MEDIUMTEXT      PATH '$[1]' ERROR ON ERROR,
              holder        VARCHAR(141)    PATH '$[2]' ERROR ON ERROR,
              kind          VARCHAR(17)     PATH '$[3]' ERROR ON ERROR,
              currency      VARCHAR(4)      PATH '$[4]' ERROR ON ERROR,
              balance_minor BIGINT          PATH '$[5]' ERROR ON ERROR,
              status        VARCHAR(17)     PATH '$[6]' ERROR ON ERROR,
              version       BIGINT UNSIGNED PATH '$[7]' ERROR ON ERROR,
              opened_at_us  BIGINT          PATH '$[8]' ERROR ON ERROR,
              updated_at_us BIGINT          PATH '$[9]' ERROR ON ERROR
          )) AS fresh",
        parcel.json,
    )
    .execute(connection)
    .await?;
    Ok(())
}

fn moved_row(versions: &HashMap<AccountId, u64>, entity: &BankAccountEntity) -> impl Serialize {
    (
        hex_of(entity.account_id.as_uuid()),
        versions.get(&entity.account_id).copied(),
        &entity.holder,
        entity.balance.amount_minor(),
        entity.status.as_str(),
        entity.version,
        entity.updated_at.unix_micros(),
    )
}

async fn update_accounts(connection: &mut MySqlConnection, parcel: &Parcel) -> Result<(), TryError> {
    let updated = sqlx::query!(
        r"UPDATE JSON_TABLE(?, '$[*]' COLUMNS (
              account_id     VARCHAR(32)     PATH '$[0]' ERROR ON ERROR,
              read_version   BIGINT UNSIGNED PATH '$[1]' ERROR ON ERROR,
              holder         VARCHAR(141)    PATH '$[2]' ERROR ON ERROR,
              balance_minor  BIGINT          PATH '$[3]' ERROR ON ERROR,
              status         VARCHAR(17)     PATH '$[4]' ERROR ON ERROR,
              version        BIGINT UNSIGNED PATH '$[5]' ERROR ON ERROR,
              updated_at_us  BIGINT          PATH '$[6]' ERROR ON ERROR
          )) AS fresh
          STRAIGHT_JOIN bank_accounts AS account
              ON account.account_id = UNHEX(fresh.account_id) AND account.version = fresh.read_version
          SET account.holder = fresh.holder,
              account.balance_minor = fresh.balance_minor,
              account.status = fresh.status,
              account.version = fresh.version,
              account.updated_at_us = fresh.updated_at_us",
        parcel.json,
    )
    .execute(connection)
    .await?
    .rows_affected();
    expect_rows("updated", parcel.rows, updated)
}

fn line_row(line: &StatementLine) -> impl Serialize {
    (
        hex_of(line.account_id.as_uuid()),
        line.version,
        line.kind.as_str(),
        line.amount.currency().code(),
        line.amount.amount_minor(),
        line.balance_after.amount_minor(),
        &line.reference,
        line.occurred_at.unix_micros(),
    )
}

async fn insert_lines(connection: &mut MySqlConnection, parcel: &Parcel) -> Result<(), TryError> {
    sqlx::query!(
        r"INSERT INTO statement_lines (account_id, version, kind, currency, amount_minor, balance_after_minor,
                                       reference, occurred_at_us)
          SELECT UNHEX(fresh.account_id), fresh.version, fresh.kind, fresh.currency, fresh.amount_minor,
                 fresh.balance_after_minor, fresh.reference, fresh.occurred_at_us
          FROM JSON_TABLE(?, '$[*]' COLUMNS (
              account_id          VARCHAR(32)     PATH '$[0]' ERROR ON ERROR,
              version             BIGINT UNSIGNED PATH '$[1]' ERROR ON ERROR,
              kind                VARCHAR(17)     PATH '$[2]' ERROR ON ERROR,
              currency            VARCHAR(4)      PATH '$[3]' ERROR ON ERROR,
              amount_minor        BIGINT          PATH '$[4]' ERROR ON ERROR,
              balance_after_minor BIGINT          PATH '$[5]' ERROR ON ERROR,
              reference           VARCHAR(141)    PATH '$[6]' ERROR ON ERROR,
              occurred_at_us      BIGINT          PATH '$[7]' ERROR ON ERROR
          )) AS fresh",
        parcel.json,
    )
    .execute(connection)
    .await?;
    Ok(())
}

fn early_row(event: &EventEnvelope) -> impl Serialize {
    (hex_of(event.stream_id.0), event.version, json(event))
}

async fn insert_early(connection: &mut MySqlConnection, parcel: &Parcel) -> Result<(), TryError> {
    sqlx::query!(
        r"INSERT INTO early_events (account_id, version, envelope)
          SELECT UNHEX(fresh.account_id), fresh.version, fresh.envelope
          FROM JSON_TABLE(?, '$[*]' COLUMNS (
              account_id VARCHAR(32)     PATH '$[0]' ERROR ON ERROR,
              version    BIGINT UNSIGNED PATH '$[1]' ERROR ON ERROR,
              envelope   MEDIUMTEXT      PATH '$[2]' ERROR ON ERROR
          )) AS fresh",
        parcel.json,
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn delete_early(connection: &mut MySqlConnection, parcel: &Parcel) -> Result<(), TryError> {
    let deleted = sqlx::query!(
        r"DELETE early
          FROM JSON_TABLE(?, '$[*]' COLUMNS (
              account_id VARCHAR(32)     PATH '$[0]' ERROR ON ERROR,
              version    BIGINT UNSIGNED PATH '$[1]' ERROR ON ERROR
          )) AS applied
          STRAIGHT_JOIN early_events AS early
              ON early.account_id = UNHEX(applied.account_id) AND early.version = applied.version",
        parcel.json,
    )
    .execute(connection)
    .await?
    .rows_affected();
    expect_rows("deleted", parcel.rows, deleted)
}

fn expect_rows(what: &str, expected: usize, found: u64) -> Result<(), TryError> {
    if usize::try_from(found) == Ok(expected) {
        Ok(())
    } else {
        Err(TryError::Contradicted(format!("{found} {what} of {expected}")))
    }
}

/// As the servers' UNHEX takes it. The texts sort as the ids do.
pub(crate) fn hex_of(uuid: Uuid) -> String {
    uuid.as_simple().to_string()
}

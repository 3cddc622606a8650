use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use async_trait::async_trait;
use bank::{AccountId, Currency, Money};
use bank_read_model::{
    AccountFilter, AccountsAsLoaded, AccountsPage, BankAccountEntity, BankAccountRepository, ProjectionPlan,
    ReadDbError, StatementFilter, StatementLine, StatementPage, account_id_of, plan_projection,
};
use cqrs::{EventEnvelope, EventHandler, EventHandlerError, HandledBatch, Timestamp};
use sqlx::sqlite::{SqliteRow, SqliteSynchronous};
use sqlx::{QueryBuilder, Row as _, Sqlite, SqliteConnection};

use crate::OpenError;
use crate::open_database::Database;
use crate::version_column::version_to_column;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../../../migrations/sqlite/read_db");

/// SQLite takes 32,766 bound values in a statement; the widest row here has 10.
pub(crate) const ROWS_PER_STATEMENT: usize = 1_000;

type DynError = Box<dyn std::error::Error + Send + Sync>;

/// The read database in one SQLite file.
#[derive(Debug, Clone)]
pub struct SqliteReadDb {
    pub(crate) database: Database,
}

impl SqliteReadDb {
    /// Opens the file, makes it where it is missing, and brings its tables up to date.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open(path: &Path) -> Result<Self, OpenError> {
        // NORMAL: after a power cut the file is whole but may lack its last transactions. Those are delivered
        // again, since the bus's checkpoint is in the same file and as old as the rows.
        Database::open(path, SqliteSynchronous::Normal, &MIGRATIONS).await.map(|database| Self { database })
    }

    /// Closes every connection.
    pub async fn close(&self) {
        self.database.close().await;
    }
}

#[async_trait]
impl EventHandler for SqliteReadDb {
    async fn handle(&self, events: &[EventEnvelope]) -> Result<HandledBatch, EventHandlerError> {
        // IMMEDIATE: the rows that are read here are written here, so the write lock is taken first.
        let mut transaction = self.database.writer.begin_with("BEGIN IMMEDIATE").await.map_err(handler_error)?;
        let account_ids: BTreeSet<AccountId> = events.iter().filter_map(|event| account_id_of(event).ok()?).collect();
        let loaded = load_accounts(&mut transaction, &account_ids).await?;
        let plan = plan_projection(loaded, events);
        write(&mut transaction, &plan).await.map_err(handler_error)?;
        transaction.commit().await.map_err(handler_error)?;
        Ok(plan.outcome)
    }
}

fn handler_error(error: sqlx::Error) -> EventHandlerError {
    EventHandlerError::Unavailable { source: error.into() }
}

async fn load_accounts(
    connection: &mut SqliteConnection,
    account_ids: &BTreeSet<AccountId>,
) -> Result<AccountsAsLoaded, EventHandlerError> {
    let mut loaded = AccountsAsLoaded { entities: HashMap::new(), early_events: Vec::new() };
    let account_ids: Vec<String> = account_ids.iter().map(ToString::to_string).collect();
    for some_ids in account_ids.chunks(ROWS_PER_STATEMENT) {
        let mut select = QueryBuilder::new("SELECT * FROM bank_accounts WHERE account_id IN ");
        push_list(&mut select, some_ids);
        for row in select.build().fetch_all(&mut *connection).await.map_err(handler_error)? {
            let entity = entity_from(&row).map_err(|error| EventHandlerError::Corrupt { reason: error.to_string() })?;
            loaded.entities.insert(entity.account_id, entity);
        }
        let mut select = QueryBuilder::new("SELECT envelope FROM early_events WHERE account_id IN ");
        push_list(&mut select, some_ids);
        for row in select.build().fetch_all(&mut *connection).await.map_err(handler_error)? {
            let envelope: String = row.try_get("envelope").map_err(handler_error)?;
            let event = serde_json::from_str(&envelope)
                .map_err(|error| EventHandlerError::Corrupt { reason: error.to_string() })?;
            loaded.early_events.push(event);
        }
    }
    Ok(loaded)
}

fn push_list(statement: &mut QueryBuilder<Sqlite>, texts: &[String]) {
    statement.push("(");
    let mut list = statement.separated(", ");
    for text in texts {
        list.push_bind(text.clone());
    }
    statement.push(")");
}

fn insert_of_accounts<'a>(
    table: &'static str,
    entities: impl IntoIterator<Item = &'a BankAccountEntity>,
) -> QueryBuilder<Sqlite> {
    let mut insert = QueryBuilder::new(format!(
        "INSERT INTO {table} (account_id, owner, holder, kind, currency, balance_minor, status, version, \
         opened_at_us, updated_at_us) "
    ));
    insert.push_values(entities, |mut row, entity| {
        row.push_bind(entity.account_id.to_string())
            .push_bind(entity.owner.clone())
            .push_bind(entity.holder.clone())
            .push_bind(entity.kind.as_str())
            .push_bind(entity.balance.currency().code())
            .push_bind(entity.balance.amount_minor())
            .push_bind(entity.status.as_str())
            .push_bind(version_to_column(entity.version))
            .push_bind(entity.opened_at.unix_micros())
            .push_bind(entity.updated_at.unix_micros());
    });
    insert
}

/// Rows that are not there yet.
#[cfg(feature = "restore")]
pub(crate) async fn insert_accounts_into(
    connection: &mut SqliteConnection,
    table: &'static str,
    entities: &[&BankAccountEntity],
) -> Result<(), sqlx::Error> {
    for entities in entities.chunks(ROWS_PER_STATEMENT) {
        insert_of_accounts(table, entities.iter().copied()).build().execute(&mut *connection).await?;
    }
    Ok(())
}

pub(crate) async fn insert_lines_into(
    connection: &mut SqliteConnection,
    table: &'static str,
    lines: &[StatementLine],
) -> Result<(), sqlx::Error> {
    for lines in lines.chunks(ROWS_PER_STATEMENT) {
        let mut insert = QueryBuilder::<Sqlite>::new(format!(
            "INSERT INTO {table} (account_id, version, kind, currency, amount_minor, balance_after_minor, \
             reference, occurred_at_us) "
        ));
        insert.push_values(lines, |mut row, line| {
            row.push_bind(line.account_id.to_string())
                .push_bind(version_to_column(line.version))
                .push_bind(line.kind.as_str())
                .push_bind(line.amount.currency().code())
                .push_bind(line.amount.amount_minor())
                .push_bind(line.balance_after.amount_minor())
                .push_bind(line.reference.clone())
                .push_bind(line.occurred_at.unix_micros());
        });
        insert.build().execute(&mut *connection).await?;
    }
    Ok(())
}

async fn write(connection: &mut SqliteConnection, plan: &ProjectionPlan) -> Result<(), sqlx::Error> {
    for entities in plan.entities.chunks(ROWS_PER_STATEMENT) {
        let mut insert = insert_of_accounts("bank_accounts", entities);
        // The write lock is held since before the rows were read, so none of them can have moved on; the guard
        // says so in the statement itself.
        insert.push(
            " ON CONFLICT (account_id) DO UPDATE SET holder = excluded.holder, \
             balance_minor = excluded.balance_minor, status = excluded.status, \
             updated_at_us = excluded.updated_at_us, version = excluded.version \
             WHERE excluded.version > bank_accounts.version",
        );
        insert.build().execute(&mut *connection).await?;
    }
    insert_lines_into(connection, "statement_lines", &plan.lines).await?;
    for events in plan.keep_early.chunks(ROWS_PER_STATEMENT) {
        let mut insert = QueryBuilder::new("INSERT INTO early_events (account_id, version, envelope) ");
        insert.push_values(events, |mut row, event| {
            row.push_bind(event.stream_id.to_string())
                .push_bind(version_to_column(event.version))
                .push_bind(serde_json::to_string(event).expect("an envelope is plain JSON"));
        });
        insert.build().execute(&mut *connection).await?;
    }
    for (account_id, version) in &plan.drop_early {
        sqlx::query("DELETE FROM early_events WHERE account_id = ? AND version = ?")
            .bind(account_id.to_string())
            .bind(version_to_column(*version))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

#[async_trait]
impl BankAccountRepository for SqliteReadDb {
    async fn account(&self, account_id: AccountId) -> Result<Option<BankAccountEntity>, ReadDbError> {
        let row = sqlx::query("SELECT * FROM bank_accounts WHERE account_id = ?")
            .bind(account_id.to_string())
            .fetch_optional(&self.database.readers)
            .await
            .map_err(read_error)?;
        row.as_ref().map(entity_from).transpose().map_err(corrupt)
    }

    async fn accounts(
        &self,
        filter: &AccountFilter,
        page: AccountsPage,
    ) -> Result<Vec<BankAccountEntity>, ReadDbError> {
        let mut select = QueryBuilder::new("SELECT * FROM bank_accounts WHERE TRUE");
        if let Some(owner) = &filter.owner {
            select.push(" AND owner = ").push_bind(owner.clone());
        }
        if let Some(holder) = &filter.holder {
            select.push(" AND holder = ").push_bind(holder.clone());
        }
        if let Some(currency) = filter.currency {
            select.push(" AND currency = ").push_bind(currency.code());
        }
        if let Some(kind) = filter.kind {
            select.push(" AND kind = ").push_bind(kind.as_str());
        }
        if let Some(status) = filter.status {
            select.push(" AND status = ").push_bind(status.as_str());
        }
        if let Some(at_least_minor) = filter.balance_at_least_minor {
            select.push(" AND balance_minor >= ").push_bind(at_least_minor);
        }
        if let Some(at_most_minor) = filter.balance_at_most_minor {
            select.push(" AND balance_minor <= ").push_bind(at_most_minor);
        }
        if let Some(after) = page.after {
            select.push(" AND (opened_at_us, account_id) > (").push_bind(after.opened_at.unix_micros());
            select.push(", ").push_bind(after.account_id.to_string()).push(")");
        }
        select.push(" ORDER BY opened_at_us, account_id LIMIT ").push_bind(page.limit);
        let rows = select.build().fetch_all(&self.database.readers).await.map_err(read_error)?;
        rows.iter().map(|row| entity_from(row).map_err(corrupt)).collect()
    }

    async fn statement(
        &self,
        account_id: AccountId,
        filter: StatementFilter,
        page: StatementPage,
    ) -> Result<Vec<StatementLine>, ReadDbError> {
        let mut select = QueryBuilder::new("SELECT * FROM statement_lines WHERE account_id = ");
        select.push_bind(account_id.to_string());
        if let Some(from) = filter.from {
            select.push(" AND occurred_at_us >= ").push_bind(from.unix_micros());
        }
        if let Some(to) = filter.to {
            select.push(" AND occurred_at_us < ").push_bind(to.unix_micros());
        }
        if let Some(before_version) = page.before_version {
            select.push(" AND version < ").push_bind(version_to_column(before_version));
        }
        select.push(" ORDER BY version DESC LIMIT ").push_bind(page.limit);
        let rows = select.build().fetch_all(&self.database.readers).await.map_err(read_error)?;
        rows.iter().map(|row| line_from(row).map_err(corrupt)).collect()
    }

    async fn ping(&self) -> Result<(), ReadDbError> {
        sqlx::query("SELECT 1 FROM bank_accounts LIMIT 1")
            .fetch_optional(&self.database.readers)
            .await
            .map(|_| ())
            .map_err(read_error)
    }
}

pub(crate) fn read_error(error: sqlx::Error) -> ReadDbError {
    ReadDbError::Unavailable { source: error.into() }
}

fn corrupt(error: DynError) -> ReadDbError {
    ReadDbError::Corrupt { reason: error.to_string() }
}

fn money_from(row: &SqliteRow, column: &str) -> Result<Money, DynError> {
    let currency: Currency = row.try_get::<&str, _>("currency")?.parse()?;
    Ok(Money::new(row.try_get(column)?, currency)?)
}

fn time_from(row: &SqliteRow, column: &str) -> Result<Timestamp, DynError> {
    Ok(Timestamp::from_unix_micros(row.try_get(column)?)?)
}

pub(crate) fn entity_from(row: &SqliteRow) -> Result<BankAccountEntity, DynError> {
    Ok(BankAccountEntity {
        account_id: row.try_get::<&str, _>("account_id")?.parse()?,
        owner: row.try_get("owner")?,
        holder: row.try_get("holder")?,
        kind: row.try_get::<&str, _>("kind")?.parse()?,
        balance: money_from(row, "balance_minor")?,
        status: row.try_get::<&str, _>("status")?.parse()?,
        version: u64::try_from(row.try_get::<i64, _>("version")?)?,
        opened_at: time_from(row, "opened_at_us")?,
        updated_at: time_from(row, "updated_at_us")?,
    })
}

pub(crate) fn line_from(row: &SqliteRow) -> Result<StatementLine, DynError> {
    Ok(StatementLine {
        account_id: row.try_get::<&str, _>("account_id")?.parse()?,
        version: u64::try_from(row.try_get::<i64, _>("version")?)?,
        kind: row.try_get::<&str, _>("kind")?.parse()?,
        amount: money_from(row, "amount_minor")?,
        balance_after: money_from(row, "balance_after_minor")?,
        reference: row.try_get("reference")?,
        occurred_at: time_from(row, "occurred_at_us")?,
    })
}

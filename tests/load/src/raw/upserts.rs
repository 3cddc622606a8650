use std::collections::BTreeMap;
use std::time::Instant;

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, FromRow, MySqlConnection, QueryBuilder};

use crate::figures::Figures;

/// The events of one transaction of the raw client.
const BATCH: usize = 500;
/// The rows of one insert that does not go by events.
const INSERT_BATCH: usize = 2_000;

/// A line of a statement, as the program has written it. There is one for each event.
#[derive(Debug, Clone, FromRow)]
struct Line {
    account_id: Vec<u8>,
    version: u64,
    kind: String,
    currency: String,
    amount_minor: i64,
    balance_after_minor: i64,
    reference: Option<String>,
    occurred_at_us: i64,
}

/// A raw client of MySQL that writes the rows of the program's events once more, in the order of the events: the accounts as
/// upserts and the lines as inserts, each with many rows in one statement.
pub struct RawUpserts {
    connection: MySqlConnection,
    lines: Vec<Line>,
}

impl RawUpserts {
    /// Reads the lines of this read database. The connection for writing is not encrypted, because the driver is slower in sending a
    /// long statement over TLS: it then waits for acknowledgements of TCP.
    pub async fn prepare(url: &str) -> anyhow::Result<Self> {
        let mut connection = MySqlConnection::connect(url).await?;
        let select = "SELECT account_id, version, kind, currency, amount_minor, balance_after_minor, reference, \
                     occurred_at_us FROM statement_lines ORDER BY occurred_at_us, account_id, version";
        let lines = sqlx::query_as(select).fetch_all(&mut connection).await?;
        connection.close().await?;
        let connection = MySqlConnection::connect(&format!("{url}?ssl-mode=DISABLED")).await?;
        Ok(Self { connection, lines })
    }

    /// Writes all rows into empty tables, event after event: an upsert of its account's row, and an insert of its line.
    pub async fn write(&mut self) -> anyhow::Result<Figures> {
        self.empty_tables().await?;
        let started_at = Instant::now();
        for lines in self.lines.chunks(BATCH) {
            let mut transaction = self.connection.begin().await?;
            upsert_accounts(lines).build().execute(&mut *transaction).await?;
            insert_lines(lines).build().execute(&mut *transaction).await?;
            transaction.commit().await?;
        }
        Ok(self.figures(started_at))
    }

    /// Writes all rows into empty tables in the order of their keys. Each account's row is written once.
    pub async fn insert(&mut self) -> anyhow::Result<Figures> {
        self.empty_tables().await?;
        self.lines.sort_by(|one, other| (&one.account_id, one.version).cmp(&(&other.account_id, other.version)));
        let newest: BTreeMap<&[u8], &Line> = self.lines.iter().map(|line| (&*line.account_id, line)).collect();
        let newest: Vec<Line> = newest.into_values().cloned().collect();
        let started_at = Instant::now();
        for accounts in newest.chunks(INSERT_BATCH) {
            upsert_accounts(accounts).build().execute(&mut self.connection).await?;
        }
        for lines in self.lines.chunks(INSERT_BATCH) {
            insert_lines(lines).build().execute(&mut self.connection).await?;
        }
        Ok(self.figures(started_at))
    }

    async fn empty_tables(&mut self) -> anyhow::Result<()> {
        for (raw, table) in [("raw_accounts", "bank_accounts"), ("raw_lines", "statement_lines")] {
            for statement in [format!("DROP TABLE IF EXISTS {raw}"), format!("CREATE TABLE {raw} LIKE {table}")] {
                self.connection.execute(AssertSqlSafe(statement)).await?;
            }
        }
        Ok(())
    }

    fn figures(&self, started_at: Instant) -> Figures {
        let (seconds, done) = (started_at.elapsed().as_secs_f64(), self.lines.len() as u64);
        Figures { seconds, done, per_s: done as f64 / seconds, ..Figures::default() }
    }
}

fn upsert_accounts(lines: &[Line]) -> QueryBuilder<sqlx::MySql> {
    // One statement changes an account once.
    let newest: BTreeMap<&[u8], &Line> = lines.iter().map(|line| (&*line.account_id, line)).collect();
    let mut upsert = QueryBuilder::new(
        "INSERT INTO raw_accounts (account_id, owner, holder, kind, currency, balance_minor, status, version, \
         opened_at_us, updated_at_us) ",
    );
    upsert.push_values(newest.values(), |mut row, line| {
        row.push_bind(line.account_id.clone())
            .push_bind("developer")
            .push_bind("Ann Lee")
            .push_bind("checking")
            .push_bind(line.currency.clone())
            .push_bind(line.balance_after_minor)
            .push_bind("active")
            .push_bind(line.version)
            .push_bind(line.occurred_at_us)
            .push_bind(line.occurred_at_us);
    });
    upsert.push(
        " ON DUPLICATE KEY UPDATE balance_minor = VALUES(balance_minor), status = VALUES(status), \
         version = VALUES(version), updated_at_us = VALUES(updated_at_us)",
    );
    upsert
}

fn insert_lines(lines: &[Line]) -> QueryBuilder<sqlx::MySql> {
    let mut insert = QueryBuilder::new(
        "INSERT INTO raw_lines (account_id, version, kind, currency, amount_minor, balance_after_minor, reference, \
         occurred_at_us) ",
    );
    insert.push_values(lines, |mut row, line| {
        row.push_bind(line.account_id.clone())
            .push_bind(line.version)
            .push_bind(line.kind.clone())
            .push_bind(line.currency.clone())
            .push_bind(line.amount_minor)
            .push_bind(line.balance_after_minor)
            .push_bind(line.reference.clone())
            .push_bind(line.occurred_at_us);
    });
    insert
}

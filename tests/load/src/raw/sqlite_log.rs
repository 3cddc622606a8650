use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteRow, SqliteSynchronous};
use sqlx::{Connection as _, Row as _, SqliteConnection};
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::loops::Operation;
use crate::program::open_sqlite;

/// A raw client of SQLite: one insert a transaction, on the disk when it is acknowledged, as in the program.
pub struct RawSqlite {
    connection: Mutex<SqliteConnection>,
    template: SqliteRow,
    streams: Vec<Uuid>,
    turn: AtomicI64,
}

impl RawSqlite {
    /// Copies the newest commit of the program's file.
    pub async fn prepare(events: &Path, file: &Path, streams: usize) -> anyhow::Result<Self> {
        let newest = "SELECT aggregate_type, occurred_at_us, caller, correlation_id, causation_id, events, state, \
                      previous_hash, hash FROM commits ORDER BY position DESC LIMIT 1";
        let template = sqlx::query(newest).fetch_one(&mut open_sqlite(events).await?).await?;
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let mut connection = SqliteConnection::connect_with(&options).await?;
        let table = "CREATE TABLE commits (position INTEGER PRIMARY KEY, stream_id TEXT, first_version INTEGER, \
                     last_version INTEGER, aggregate_type TEXT, occurred_at_us INTEGER, caller TEXT, \
                     correlation_id TEXT, causation_id TEXT, events TEXT, state TEXT, previous_hash TEXT, hash TEXT, \
                     UNIQUE (stream_id, first_version)) STRICT";
        sqlx::query(table).execute(&mut connection).await?;
        let streams = (0..streams).map(|_| Uuid::now_v7()).collect();
        Ok(Self { connection: Mutex::new(connection), template, streams, turn: AtomicI64::new(0) })
    }

    /// The commits that were written.
    pub async fn written(&self) -> anyhow::Result<u64> {
        let mut connection = self.connection.lock().await;
        let rows: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM commits").fetch_one(&mut *connection).await?;
        Ok(u64::try_from(rows)?)
    }
}

impl Operation for RawSqlite {
    async fn run(&self, _caller: usize) -> anyhow::Result<()> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let streams = i64::try_from(self.streams.len())?;
        let (stream, version) = (self.streams[usize::try_from(turn % streams)?], turn / streams + 1);
        let mut connection = self.connection.lock().await;
        let mut insert = sqlx::query(
            "INSERT INTO commits (stream_id, first_version, last_version, occurred_at_us, aggregate_type, caller, \
             correlation_id, causation_id, events, state, previous_hash, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(stream.to_string())
        .bind(version)
        .bind(version)
        .bind(self.template.try_get::<i64, _>("occurred_at_us")?);
        for text in
            ["aggregate_type", "caller", "correlation_id", "causation_id", "events", "state", "previous_hash", "hash"]
        {
            insert = insert.bind(self.template.try_get::<Option<&str>, _>(text)?);
        }
        insert.execute(&mut *connection).await?;
        Ok(())
    }
}

use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::ensure;
use sqlx::{Connection as _, MySqlConnection, Row as _};
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::loops::Operation;

/// The rows that are selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SelectBy {
    /// An account's row.
    Key,
    /// The newest 20 lines of an account's statement.
    NewestLines,
}

/// A raw client of MySQL. It has one connection for each caller, which is encrypted like the program's own.
pub struct RawSelect {
    by: SelectBy,
    connections: Vec<Mutex<MySqlConnection>>,
    account_ids: Vec<Uuid>,
    turn: AtomicUsize,
}

impl RawSelect {
    pub async fn connect(url: &str, callers: usize, by: SelectBy, account_ids: Vec<Uuid>) -> anyhow::Result<Self> {
        let mut connections = Vec::new();
        for _ in 0..callers {
            connections.push(Mutex::new(MySqlConnection::connect(url).await?));
        }
        Ok(Self { by, connections, account_ids, turn: AtomicUsize::new(0) })
    }
}

impl Operation for RawSelect {
    async fn run(&self, caller: usize) -> anyhow::Result<()> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        // The factor has no divisor in common with the number of accounts, so every account has its turn.
        let account_id = self.account_ids[turn.wrapping_mul(7_919) % self.account_ids.len()];
        let mut connection = self.connections[caller].lock().await;
        let (select, expected) = match self.by {
            SelectBy::Key => (
                "SELECT account_id, owner, holder, kind, currency, balance_minor, status, version, opened_at_us, \
                 updated_at_us FROM bank_accounts WHERE account_id = ?",
                1,
            ),
            SelectBy::NewestLines => (
                "SELECT version, kind, currency, amount_minor, balance_after_minor, reference, occurred_at_us \
                 FROM statement_lines WHERE account_id = ? ORDER BY version DESC LIMIT 20",
                20,
            ),
        };
        let rows = sqlx::query(select).bind(account_id).fetch_all(&mut *connection).await?;
        ensure!(rows.len() == expected, "{} rows instead of {expected}", rows.len());
        let _version: u64 = rows[0].try_get("version")?;
        Ok(())
    }
}

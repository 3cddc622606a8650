use std::ops::{Deref, DerefMut};

use sqlx::pool::PoolConnection;
use sqlx::{MySql, MySqlConnection, MySqlPool};

/// A connection with a statement on it, or with an open transaction. The work on it may be abandoned at any moment. Then a
/// late answer must not reach the next statement, and no transaction may stay open. So the connection is closed unless
/// the last answer has arrived.
pub(crate) struct HeldConnection {
    connection: PoolConnection<MySql>,
    is_answered: bool,
}

impl HeldConnection {
    pub(crate) async fn of(pool: &MySqlPool) -> Result<Self, sqlx::Error> {
        Ok(Self { connection: pool.acquire().await?, is_answered: false })
    }

    /// Gives the connection back after its last answer, outside of a transaction.
    pub(crate) fn give_back(mut self) {
        self.is_answered = true;
    }
}

impl Drop for HeldConnection {
    fn drop(&mut self) {
        if !self.is_answered {
            self.connection.close_on_drop();
        }
    }
}

impl Deref for HeldConnection {
    type Target = MySqlConnection;

    fn deref(&self) -> &MySqlConnection {
        &self.connection
    }
}

impl DerefMut for HeldConnection {
    fn deref_mut(&mut self) -> &mut MySqlConnection {
        &mut self.connection
    }
}

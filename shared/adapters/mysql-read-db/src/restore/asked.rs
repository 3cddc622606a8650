use std::ops::{Deref, DerefMut};

use restore::RestoreStoreError;
use sqlx::pool::PoolConnection;
use sqlx::{MySql, MySqlConnection, MySqlPool};

use super::unavailable;

/// A connection that a restore has asked something on. What takes too long it drops halfway, and another's statement must not
/// be given the answer that comes then: unless it was heard, the connection is closed.
pub(super) struct Asked {
    connection: PoolConnection<MySql>,
    is_answered: bool,
}

impl Asked {
    pub(super) async fn on(pool: &MySqlPool) -> Result<Self, RestoreStoreError> {
        Ok(Self { connection: pool.acquire().await.map_err(unavailable)?, is_answered: false })
    }

    /// The last answer that was waited for on this connection, which others may use now.
    pub(super) fn answered<T>(mut self, answer: Result<T, sqlx::Error>) -> Result<T, RestoreStoreError> {
        self.is_answered = true;
        answer.map_err(unavailable)
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if !self.is_answered {
            self.connection.close_on_drop();
        }
    }
}

impl Deref for Asked {
    type Target = MySqlConnection;

    fn deref(&self) -> &MySqlConnection {
        &self.connection
    }
}

impl DerefMut for Asked {
    fn deref_mut(&mut self) -> &mut MySqlConnection {
        &mut self.connection
    }
}

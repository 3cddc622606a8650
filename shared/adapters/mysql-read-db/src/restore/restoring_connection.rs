use std::ops::{Deref, DerefMut};

use restore::RestoreStoreError;
use sqlx::pool::PoolConnection;
use sqlx::{MySql, MySqlConnection, MySqlPool};

use super::unavailable;

/// A connection with a restore's statement on it. A statement that takes too long is abandoned. Its late answer must not reach the
/// next statement, so the connection is closed unless the answer has arrived.
pub(super) struct RestoringConnection {
    connection: PoolConnection<MySql>,
    is_answered: bool,
}

impl RestoringConnection {
    pub(super) async fn of(pool: &MySqlPool) -> Result<Self, RestoreStoreError> {
        Ok(Self { connection: pool.acquire().await.map_err(unavailable)?, is_answered: false })
    }

    /// Gives the connection back after its last answer.
    pub(super) fn answered<T>(mut self, answer: Result<T, sqlx::Error>) -> Result<T, RestoreStoreError> {
        self.is_answered = true;
        answer.map_err(unavailable)
    }
}

impl Drop for RestoringConnection {
    fn drop(&mut self) {
        if !self.is_answered {
            self.connection.close_on_drop();
        }
    }
}

impl Deref for RestoringConnection {
    type Target = MySqlConnection;

    fn deref(&self) -> &MySqlConnection {
        &self.connection
    }
}

impl DerefMut for RestoringConnection {
    fn deref_mut(&mut self) -> &mut MySqlConnection {
        &mut self.connection
    }
}

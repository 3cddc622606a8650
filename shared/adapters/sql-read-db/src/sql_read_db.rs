use std::ops::Deref;

/// The read database in a SQL database.
#[derive(Debug, Clone)]
pub struct SqlReadDb<D> {
    pub(crate) sql: D,
}

impl<D> SqlReadDb<D> {
    /// The read database in this database.
    pub const fn new(sql: D) -> Self {
        Self { sql }
    }
}

/// The driver's own settings and connections.
impl<D> Deref for SqlReadDb<D> {
    type Target = D;

    fn deref(&self) -> &D {
        &self.sql
    }
}

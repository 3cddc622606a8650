use sql_read_db::SqlError;
use sqlx::mysql::MySqlDatabaseError;

/// The reason of a failure, by the server's own error number.
pub(crate) fn sql_error(error: sqlx::Error) -> SqlError {
    if matches!(error, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_)) {
        return SqlError::Corrupt(error.to_string());
    }
    let database_error = error.as_database_error().and_then(|error| error.try_downcast_ref::<MySqlDatabaseError>());
    match database_error.map(MySqlDatabaseError::number) {
        // The numbers are ER_LOCK_DEADLOCK, ER_LOCK_WAIT_TIMEOUT and, on MariaDB only, ER_CHECKREAD.
        Some(1213 | 1205 | 1020) => SqlError::Busy(error.into()),
        // The number is ER_DUP_ENTRY.
        Some(1062) => SqlError::Repeated(error.to_string()),
        // The number is ER_NO_SUCH_TABLE.
        Some(1146) => SqlError::NoSuchTable(error.into()),
        _ => SqlError::Unavailable(error.into()),
    }
}

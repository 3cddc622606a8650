/// Migrations whose comments were edited after databases had run them: the version and the SHA-384 of the first form, in
/// hexadecimal. Their statements are the same. The driver compares checksums of whole files, and would refuse such a
/// database as one that other migrations made.
pub(crate) const REWORDED: &[(i64, &str)] = &[
    // migrations/sqlite/event_store/0001_commits.sql
    (1, "595f8d4f8697eed89ad797ba52e2e9129fac9364b3c2168070cc89ee03d20482829ca840dabf0bea852d99adff79b8e5"),
    // migrations/sqlite/key_store/0001_keys.sql
    (1, "8e86b38b094f42ea3d8e8f5cfee76ce12523c69ea97cd2e7e2c0c67a2135d3da0046de63c3b9094c296df6e62543c840"),
    // migrations/sqlite/read_db/0001_accounts.sql
    (1, "fcf26f2c413715426930d53d80cbb8964f43e902b337a015dfa5375f6d6a9485f5898950d897af97b60181cbe2083982"),
    // migrations/sqlite/read_db/0002_embedded_bus.sql
    (2, "a85d62231068c900117b2a393cde8b6c8bcafe419a730936debe9b02bac59ca46878f552fa88eeba305db7b14119c900"),
    // migrations/sqlite/read_db/0010_restores.sql
    (10, "9d9f962973e92d6d3b0508a12d33550363648d6732d443eb213926335f0ef79a59020af42b9327c98bffdf3bcc4b8ea0"),
    // migrations/sqlite/read_db/0011_dead_letters_by_place.sql
    (11, "a6fa95af812df5335386c8799b8feafdf1528d3652d538b0e9dd5396138270952f12b5c843e34a17f9bcba9b8b95774a"),
];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use sqlx::migrate::Migrator;
    use sqlx::sqlite::SqliteSynchronous;

    use super::*;
    use crate::open_database::{Database, OpenError};

    static EVENT_STORE: Migrator = sqlx::migrate!("../../../migrations/sqlite/event_store");

    async fn open(folder: &Path) -> Result<Database, OpenError> {
        Database::open(&folder.join("events.db"), SqliteSynchronous::Normal, &EVENT_STORE).await
    }

    async fn opened_again_with_checksum(checksum: &str) -> Result<(), OpenError> {
        let folder = tempfile::tempdir().expect("makes a folder");
        let database = open(folder.path()).await?;
        sqlx::query("UPDATE _sqlx_migrations SET checksum = UNHEX(?)")
            .bind(checksum)
            .execute(&database.writer)
            .await
            .expect("writes");
        database.close().await;
        for _ in 0..2 {
            open(folder.path()).await?.close().await;
        }
        Ok(())
    }

    #[tokio::test]
    async fn a_file_made_before_the_comments_were_edited_opens() {
        let (_, first_checksum) = REWORDED[0];
        opened_again_with_checksum(first_checksum).await.expect("opens");
    }

    #[tokio::test]
    async fn a_file_that_another_migration_made_is_refused() {
        let error = opened_again_with_checksum("0123456789abcdef").await.expect_err("is refused");
        assert!(matches!(error, OpenError::Migrate { .. }), "{error:?}");
    }
}

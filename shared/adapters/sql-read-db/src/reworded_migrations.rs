use projection::{Cell, ColumnKind};

use crate::{SqlConnection, SqlError, Statement};

/// Records the checksums of today's migrations in place of those of their first forms. The comments of these migrations were
/// edited after databases had run them, and their statements are the same. The driver compares checksums of whole files, and
/// would refuse such a database as one that other migrations made. Any other checksum stays as it is, so that the driver still
/// refuses a migration whose statements changed.
///
/// `reworded` holds the versions and the SHA-384 of the first forms, in hexadecimal. `today` gives the versions and the checksums
/// of today's files. `count_of_records` counts the tables in which the driver keeps the checksums: there is none
/// before the first migration.
///
/// # Errors
/// See [`SqlError`].
pub async fn accept_reworded(
    connection: &mut dyn SqlConnection,
    count_of_records: &str,
    reworded: &[(i64, &str)],
    today: impl Iterator<Item = (i64, &[u8])> + Send,
) -> Result<(), SqlError> {
    let count = connection.fetch(Statement::new(count_of_records), &[ColumnKind::Integer]).await?;
    if count.first().map(|row| row.integer(0)).transpose()?.unwrap_or(0) == 0 {
        return Ok(());
    }
    for (version, checksum) in today {
        for (_, first_checksum) in reworded.iter().filter(|(reworded, _)| *reworded == version) {
            let update =
                "UPDATE _sqlx_migrations SET checksum = UNHEX(?) WHERE version = ? AND HEX(checksum) = UPPER(?)";
            let update =
                Statement::new(update).with(&*hex_of(checksum)).with(Cell::Integer(version)).with(*first_checksum);
            connection.execute(update).await?;
        }
    }
    Ok(())
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

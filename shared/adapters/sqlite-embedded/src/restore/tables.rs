use projection::Table;
use restore::{RestoreId, RestoreStoreError, TableSet};
use sqlx::{AssertSqlSafe, SqliteConnection};

use super::unavailable;
use crate::sqlite_cells::quoted;

/// The text between an index's own name and the restore that made it. Index names are one space for the whole file.
const RESTORE_MARK: &str = "_restore_";

async fn run(connection: &mut SqliteConnection, statement: String) -> Result<(), RestoreStoreError> {
    // The texts come from this module, and from the statements that made the tables.
    sqlx::query(AssertSqlSafe(statement)).execute(connection).await.map(|_| ()).map_err(unavailable)
}

/// Makes empty shadow tables with every column, check and index of the tables that queries read.
pub(super) async fn make_shadow(
    connection: &mut SqliteConnection,
    tables: &[&Table],
    id: RestoreId,
) -> Result<(), RestoreStoreError> {
    drop_set(connection, tables, TableSet::Shadow).await?;
    for table in tables {
        let shadow = TableSet::Shadow.name_of(table);
        let form = form_of(connection, table.name)
            .await?
            .ok_or(RestoreStoreError::Corrupt { reason: format!("there is no table {}", table.name) })?;
        run(connection, format!("CREATE TABLE {} {form}", quoted(&shadow))).await?;
        for Index { own_name, unique, columns } in indexes_of(connection, table.name).await? {
            let name = format!("{own_name}{RESTORE_MARK}{}", id.as_uuid().as_simple());
            run(connection, format!("CREATE {unique}INDEX {} ON {} {columns}", quoted(&name), quoted(&shadow))).await?;
        }
    }
    Ok(())
}

/// An index that a migration or any restore made.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Index {
    own_name: String,
    unique: &'static str,
    /// The rest of the statement: the columns and all text after them.
    columns: String,
}

/// The indexes of a table that were made by statements of their own, in the order of their names.
async fn indexes_of(connection: &mut SqliteConnection, name: &str) -> Result<Vec<Index>, RestoreStoreError> {
    let indexes: Vec<(String, String)> =
        sqlx::query_as("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql NOT NULL")
            .bind(name)
            .fetch_all(connection)
            .await
            .map_err(unavailable)?;
    let mut indexes: Vec<Index> = indexes
        .into_iter()
        .map(|(name, sql)| Index {
            own_name: name.split(RESTORE_MARK).next().unwrap_or(&name).to_owned(),
            unique: if sql.starts_with("CREATE UNIQUE") { "UNIQUE " } else { "" },
            columns: from_bracket(&sql).to_owned(),
        })
        .collect();
    indexes.sort();
    Ok(indexes)
}

/// The text after the name in the statement that made a table: its columns and checks. `None` if there is no such
/// table.
async fn form_of(connection: &mut SqliteConnection, name: &str) -> Result<Option<String>, RestoreStoreError> {
    let sql: Option<String> = sqlx::query_scalar("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?")
        .bind(name)
        .fetch_optional(connection)
        .await
        .map_err(unavailable)?;
    Ok(sql.map(|sql| from_bracket(&sql).to_owned()))
}

fn from_bracket(sql: &str) -> &str {
    sql.find('(').map_or("", |at| &sql[at..])
}

/// Whether this set exists and has the form of the tables that queries read, including the indexes.
pub(super) async fn has_form_of_live_tables(
    connection: &mut SqliteConnection,
    tables: &[&Table],
    set: TableSet,
) -> Result<bool, RestoreStoreError> {
    for table in tables {
        let name = set.name_of(table);
        let form = form_of(connection, &name).await?;
        if form.is_none()
            || form != form_of(connection, table.name).await?
            || indexes_of(connection, &name).await? != indexes_of(connection, table.name).await?
        {
            return Ok(false);
        }
    }
    Ok(true)
}

pub(super) async fn rename_set(
    connection: &mut SqliteConnection,
    tables: &[&Table],
    from: TableSet,
    to: TableSet,
) -> Result<(), RestoreStoreError> {
    for table in tables {
        run(
            connection,
            format!("ALTER TABLE {} RENAME TO {}", quoted(&from.name_of(table)), quoted(&to.name_of(table))),
        )
        .await?;
    }
    Ok(())
}

pub(super) async fn drop_set(
    connection: &mut SqliteConnection,
    tables: &[&Table],
    set: TableSet,
) -> Result<(), RestoreStoreError> {
    for table in tables {
        run(connection, format!("DROP TABLE IF EXISTS {}", quoted(&set.name_of(table)))).await?;
    }
    Ok(())
}

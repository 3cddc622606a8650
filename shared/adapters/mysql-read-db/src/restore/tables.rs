use projection::Table;
use restore::{RestoreId, RestoreStoreError, TableSet};
use sqlx::{AssertSqlSafe, MySqlConnection};

use super::unavailable;
use crate::table_sql::quoted;

/// The properties of a column that its rows must fit: its name, type, collation, whether it takes NULL, and the
/// expression that generates it.
type Column = (String, String, String, String, String);
/// A column's place in an index: the index's name, the place, the column, the length of the indexed part, and whether
/// the index takes repeats.
type IndexColumn = (String, i64, String, i64, i64);

async fn run(connection: &mut MySqlConnection, statement: String) -> Result<(), RestoreStoreError> {
    // The texts come from this module alone. They are not prepared, because some of these statements cannot be.
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await.map(|_| ()).map_err(unavailable)
}

/// The comment of a restore's tables. It names the restore, and stays with the tables when they are renamed.
fn mark_of(id: RestoreId) -> String {
    format!("restore {id}")
}

/// Makes empty shadow tables with every column, check and index of the tables that queries read.
pub(super) async fn make_shadow(
    connection: &mut MySqlConnection,
    tables: &[&Table],
    id: RestoreId,
) -> Result<(), RestoreStoreError> {
    drop_set(connection, tables, TableSet::Shadow).await?;
    for table in tables {
        let name = TableSet::Shadow.name_of(table);
        run(connection, format!("CREATE TABLE {} LIKE {}", quoted(&name), quoted(table.name))).await?;
    }
    mark(connection, tables, TableSet::Shadow, id).await
}

/// Marks this set of tables as belonging to this restore.
pub(super) async fn mark(
    connection: &mut MySqlConnection,
    tables: &[&Table],
    set: TableSet,
    id: RestoreId,
) -> Result<(), RestoreStoreError> {
    for table in tables {
        run(connection, format!("ALTER TABLE {} COMMENT = '{}'", quoted(&set.name_of(table)), mark_of(id))).await?;
    }
    Ok(())
}

/// Whether this set of tables belongs to this restore.
pub(super) async fn is_marked(
    connection: &mut MySqlConnection,
    tables: &[&Table],
    set: TableSet,
    id: RestoreId,
) -> Result<bool, RestoreStoreError> {
    for table in tables {
        let marked: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM information_schema.tables \
             WHERE table_schema = DATABASE() AND table_name = ? AND table_comment = ?",
        )
        .bind(set.name_of(table))
        .bind(mark_of(id))
        .fetch_one(&mut *connection)
        .await
        .map_err(unavailable)?;
        if marked != 1 {
            return Ok(false);
        }
    }
    Ok(!tables.is_empty())
}

/// Whether this set exists and has the columns and the indexes of the tables that queries read. Checks are not
/// compared. The server gives the checks of a copy other names, and rows that a later migration forbids are no longer
/// written.
pub(super) async fn has_form_of_live_tables(
    connection: &mut MySqlConnection,
    tables: &[&Table],
    set: TableSet,
) -> Result<bool, RestoreStoreError> {
    for table in tables {
        let name = set.name_of(table);
        let columns = columns_of(connection, &name).await?;
        if columns.is_empty()
            || columns != columns_of(connection, table.name).await?
            || indexes_of(connection, &name).await? != indexes_of(connection, table.name).await?
        {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn columns_of(connection: &mut MySqlConnection, name: &str) -> Result<Vec<Column>, RestoreStoreError> {
    sqlx::query_as(
        "SELECT CAST(column_name AS CHAR), CAST(column_type AS CHAR), CAST(COALESCE(collation_name, '') AS CHAR), \
                CAST(is_nullable AS CHAR), CAST(COALESCE(generation_expression, '') AS CHAR) \
         FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ? ORDER BY ordinal_position",
    )
    .bind(name)
    .fetch_all(connection)
    .await
    .map_err(unavailable)
}

async fn indexes_of(connection: &mut MySqlConnection, name: &str) -> Result<Vec<IndexColumn>, RestoreStoreError> {
    sqlx::query_as(
        "SELECT CAST(index_name AS CHAR), CAST(seq_in_index AS SIGNED), CAST(COALESCE(column_name, '') AS CHAR), \
                CAST(COALESCE(sub_part, 0) AS SIGNED), CAST(non_unique AS SIGNED) \
         FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = ? \
         ORDER BY index_name, seq_in_index",
    )
    .bind(name)
    .fetch_all(connection)
    .await
    .map_err(unavailable)
}

pub(super) async fn rename_set(
    connection: &mut MySqlConnection,
    tables: &[&Table],
    from: TableSet,
    to: TableSet,
) -> Result<(), RestoreStoreError> {
    let renames: Vec<String> = tables
        .iter()
        .map(|table| format!("{} TO {}", quoted(&from.name_of(table)), quoted(&to.name_of(table))))
        .collect();
    run(connection, format!("RENAME TABLE {}", renames.join(", "))).await
}

/// Puts the tables that queries read aside and the shadow tables in their place. This is one statement, and so one
/// step.
pub(super) async fn swap(connection: &mut MySqlConnection, tables: &[&Table]) -> Result<(), RestoreStoreError> {
    let renames: Vec<String> = tables
        .iter()
        .map(|table| {
            let (shadow, old) = (quoted(&TableSet::Shadow.name_of(table)), quoted(&TableSet::Old.name_of(table)));
            format!("{live} TO {old}, {shadow} TO {live}", live = quoted(table.name))
        })
        .collect();
    run(connection, format!("RENAME TABLE {}", renames.join(", "))).await
}

pub(super) async fn drop_set(
    connection: &mut MySqlConnection,
    tables: &[&Table],
    set: TableSet,
) -> Result<(), RestoreStoreError> {
    let names: Vec<String> = tables.iter().map(|table| quoted(&set.name_of(table))).collect();
    if names.is_empty() {
        return Ok(());
    }
    run(connection, format!("DROP TABLE IF EXISTS {}", names.join(", "))).await
}

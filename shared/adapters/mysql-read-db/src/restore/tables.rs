use projection::{ColumnKind, Table};
use restore::{RestoreId, TableSet};
use sql_read_db::{SqlConnection as _, SqlError, Statement};

use crate::held_connection::HeldConnection;
use crate::mysql_dialect::quoted;

/// The longest time that queries may wait for the swap.
const MAX_RENAME_WAIT_S: u32 = 1;

/// The comment of a restore's tables. It names the restore, and stays with the tables when they are renamed.
fn mark_of(id: RestoreId) -> String {
    format!("restore {id}")
}

/// Makes empty shadow tables with every column, check and index of the tables that queries read.
pub(super) async fn make_shadow(
    connection: &mut HeldConnection,
    tables: &[&Table],
    id: RestoreId,
) -> Result<(), SqlError> {
    drop_set(connection, tables, TableSet::Shadow).await?;
    for table in tables {
        let name = TableSet::Shadow.name_of(table);
        connection.run(format!("CREATE TABLE {} LIKE {}", quoted(&name), quoted(table.name))).await?;
    }
    mark(connection, tables, TableSet::Shadow, id).await
}

/// Marks this set of tables as belonging to this restore.
pub(super) async fn mark(
    connection: &mut HeldConnection,
    tables: &[&Table],
    set: TableSet,
    id: RestoreId,
) -> Result<(), SqlError> {
    for table in tables {
        connection.run(format!("ALTER TABLE {} COMMENT = '{}'", quoted(&set.name_of(table)), mark_of(id))).await?;
    }
    Ok(())
}

/// Whether this set of tables belongs to this restore.
pub(super) async fn is_marked(
    connection: &mut HeldConnection,
    tables: &[&Table],
    set: TableSet,
    id: RestoreId,
) -> Result<bool, SqlError> {
    for table in tables {
        let marked = "SELECT 1 FROM information_schema.tables \
                      WHERE table_schema = DATABASE() AND table_name = ? AND table_comment = ?";
        let marked = Statement::new(marked).with(&*set.name_of(table)).with(&*mark_of(id));
        if connection.fetch(marked, &[ColumnKind::Integer]).await?.is_empty() {
            return Ok(false);
        }
    }
    Ok(!tables.is_empty())
}

/// Whether this set exists and has the columns and the indexes of the tables that queries read. Checks are not
/// compared. The server gives the checks of a copy other names, and rows that a later migration forbids are no longer
/// written.
pub(super) async fn has_form_of_live_tables(
    connection: &mut HeldConnection,
    tables: &[&Table],
    set: TableSet,
) -> Result<bool, SqlError> {
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

/// The properties of the columns that rows must fit: name, type, collation, whether they take NULL, and the expression that
/// generates a column. For each, one text.
async fn columns_of(connection: &mut HeldConnection, name: &str) -> Result<Vec<String>, SqlError> {
    let select = "SELECT CONCAT_WS('|', column_name, column_type, COALESCE(collation_name, ''), is_nullable, \
                                   COALESCE(generation_expression, '')) \
                  FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ? \
                  ORDER BY ordinal_position";
    texts(connection, select, name).await
}

/// The places of columns in indexes: the index's name, the place, the column, the length of the indexed part, and whether the
/// index takes repeats. For each, one text.
async fn indexes_of(connection: &mut HeldConnection, name: &str) -> Result<Vec<String>, SqlError> {
    let select = "SELECT CONCAT_WS('|', index_name, seq_in_index, COALESCE(column_name, ''), COALESCE(sub_part, 0), non_unique) \
                  FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = ? \
                  ORDER BY index_name, seq_in_index";
    texts(connection, select, name).await
}

async fn texts(connection: &mut HeldConnection, select: &str, name: &str) -> Result<Vec<String>, SqlError> {
    let rows = connection.fetch(Statement::new(select).with(name), &[ColumnKind::LongText]).await?;
    rows.iter().map(|row| Ok(row.cell(0)?.to_string())).collect()
}

pub(super) async fn rename_set(
    connection: &mut HeldConnection,
    tables: &[&Table],
    from: TableSet,
    to: TableSet,
) -> Result<(), SqlError> {
    let renames: Vec<String> = tables
        .iter()
        .map(|table| format!("{} TO {}", quoted(&from.name_of(table)), quoted(&to.name_of(table))))
        .collect();
    connection.run(format!("RENAME TABLE {}", renames.join(", "))).await
}

/// Puts the tables that queries read aside and the shadow tables in their place. This is one statement, and so one
/// step. The connection's setting is for this swap alone.
///
/// The rename fails if old tables are in the way. They are not dropped here, because by now they may belong to another worker
/// that has swapped meanwhile.
pub(super) async fn swap(connection: &mut HeldConnection, tables: &[&Table]) -> Result<(), SqlError> {
    connection.close_on_drop();
    let renames: Vec<String> = tables
        .iter()
        .map(|table| {
            let (shadow, old) = (quoted(&TableSet::Shadow.name_of(table)), quoted(&TableSet::Old.name_of(table)));
            format!("{live} TO {old}, {shadow} TO {live}", live = quoted(table.name))
        })
        .collect();
    let short_wait = format!("SET SESSION lock_wait_timeout = {MAX_RENAME_WAIT_S}");
    connection.run(format!("{short_wait}; RENAME TABLE {}", renames.join(", "))).await
}

pub(super) async fn drop_set(
    connection: &mut HeldConnection,
    tables: &[&Table],
    set: TableSet,
) -> Result<(), SqlError> {
    let names: Vec<String> = tables.iter().map(|table| quoted(&set.name_of(table))).collect();
    if names.is_empty() {
        return Ok(());
    }
    connection.run(format!("DROP TABLE IF EXISTS {}", names.join(", "))).await
}

use restore::{RestoreId, RestoreStoreError};
use sqlx::{AssertSqlSafe, MySqlConnection};

use super::unavailable;

/// The tables that queries read and that a restore builds anew.
const TABLES: [&str; 2] = ["bank_accounts", "statement_lines"];

/// How the tables of a set are called.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum TableSet {
    /// What queries read.
    Live,
    /// What a restore builds.
    Shadow,
    /// What the last swap put aside.
    Old,
}

impl TableSet {
    fn name_of(self, table: &str) -> String {
        match self {
            Self::Live => table.to_owned(),
            Self::Shadow => format!("{table}_shadow"),
            Self::Old => format!("{table}_old"),
        }
    }
}

/// A column as far as rows have to fit it: its name, type, collation, whether it takes nothing, what it is reckoned by.
type Column = (String, String, String, String, String);
/// A column's place in an index: the index's name, the place, the column, how much of it, whether the index takes repeats.
type IndexColumn = (String, i64, String, i64, i64);

async fn run(connection: &mut MySqlConnection, statement: String) -> Result<(), RestoreStoreError> {
    // The texts are this module's own. As text and not prepared: not every one of them can be.
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await.map(|_| ()).map_err(unavailable)
}

/// The comment that a restore's tables carry, by whatever name they go: it tells whose they are, and moves with them.
fn mark_of(id: RestoreId) -> String {
    format!("restore {id}")
}

/// Empty shadow tables with every column, check and index of those that queries read.
pub(super) async fn make_shadow(connection: &mut MySqlConnection, id: RestoreId) -> Result<(), RestoreStoreError> {
    drop_set(connection, TableSet::Shadow).await?;
    for table in TABLES {
        run(connection, format!("CREATE TABLE {} LIKE {table}", TableSet::Shadow.name_of(table))).await?;
    }
    mark(connection, TableSet::Shadow, id).await
}

/// Says that this set is this restore's.
pub(super) async fn mark(
    connection: &mut MySqlConnection,
    set: TableSet,
    id: RestoreId,
) -> Result<(), RestoreStoreError> {
    for table in TABLES {
        run(connection, format!("ALTER TABLE {} COMMENT = '{}'", set.name_of(table), mark_of(id))).await?;
    }
    Ok(())
}

/// Whether this set is this restore's.
pub(super) async fn is_marked(
    connection: &mut MySqlConnection,
    set: TableSet,
    id: RestoreId,
) -> Result<bool, RestoreStoreError> {
    let marked: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM information_schema.tables \
         WHERE table_schema = DATABASE() AND table_name IN (?, ?) AND table_comment = ?",
    )
    .bind(set.name_of(TABLES[0]))
    .bind(set.name_of(TABLES[1]))
    .bind(mark_of(id))
    .fetch_one(connection)
    .await
    .map_err(unavailable)?;
    Ok(marked == 2)
}

/// Whether this set is there and has the columns and the indexes of those that queries read. Checks are not compared: the
/// server gives those of a copy names of its own, and rows that a later migration forbids are not written any more.
pub(super) async fn fits(connection: &mut MySqlConnection, set: TableSet) -> Result<bool, RestoreStoreError> {
    for table in TABLES {
        let name = set.name_of(table);
        let columns = columns_of(connection, &name).await?;
        if columns.is_empty()
            || columns != columns_of(connection, table).await?
            || indexes_of(connection, &name).await? != indexes_of(connection, table).await?
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
    from: TableSet,
    to: TableSet,
) -> Result<(), RestoreStoreError> {
    let renames = TABLES.map(|table| format!("{} TO {}", from.name_of(table), to.name_of(table)));
    run(connection, format!("RENAME TABLE {}", renames.join(", "))).await
}

/// Puts the tables that queries read aside and the shadow tables in their place: one statement, and so one step.
pub(super) async fn swap(connection: &mut MySqlConnection) -> Result<(), RestoreStoreError> {
    let renames = TABLES.map(|table| {
        let (shadow, old) = (TableSet::Shadow.name_of(table), TableSet::Old.name_of(table));
        format!("{table} TO {old}, {shadow} TO {table}")
    });
    run(connection, format!("RENAME TABLE {}", renames.join(", "))).await
}

pub(super) async fn drop_set(connection: &mut MySqlConnection, set: TableSet) -> Result<(), RestoreStoreError> {
    let names = TABLES.map(|table| set.name_of(table));
    run(connection, format!("DROP TABLE IF EXISTS {}", names.join(", "))).await
}

use projection::{ColumnKind, Table};
use restore::{RestoreId, TableSet};
use sql_read_db::{Dialect as _, SqlConnection, SqlError, SqlRow, Statement};

use crate::sqlite_dialect::SqliteDialect;

fn quoted(name: &str) -> String {
    SqliteDialect.quoted(name)
}

/// The text between an index's own name and the restore that made it. Index names are one space for the whole file.
const RESTORE_MARK: &str = "_restore_";

async fn run(connection: &mut dyn SqlConnection, text: String) -> Result<(), SqlError> {
    // The texts come from this module, and from the statements that made the tables.
    connection.execute(Statement::new(text).once()).await.map(drop)
}

/// Makes empty shadow tables with every column, check and index of the tables that queries read.
pub(super) async fn make_shadow(
    connection: &mut dyn SqlConnection,
    tables: &[&Table],
    id: RestoreId,
) -> Result<(), SqlError> {
    drop_set(connection, tables, TableSet::Shadow).await?;
    for table in tables {
        let shadow = TableSet::Shadow.name_of(table);
        let form = form_of(connection, table.name)
            .await?
            .ok_or(SqlError::Corrupt(format!("there is no table {}", table.name)))?;
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
async fn indexes_of(connection: &mut dyn SqlConnection, name: &str) -> Result<Vec<Index>, SqlError> {
    let select = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql NOT NULL";
    let rows = connection.fetch(Statement::new(select).with(name), &[ColumnKind::LongText; 2]).await?;
    let texts = |row: &SqlRow| Ok((row.cell(0)?.to_string(), row.cell(1)?.to_string()));
    let indexes: Vec<(String, String)> = rows.iter().map(texts).collect::<Result<_, SqlError>>()?;
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
async fn form_of(connection: &mut dyn SqlConnection, name: &str) -> Result<Option<String>, SqlError> {
    let select = "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?";
    let rows = connection.fetch(Statement::new(select).with(name), &[ColumnKind::LongText]).await?;
    rows.first().map(|row| Ok(from_bracket(&row.cell(0)?.to_string()).to_owned())).transpose()
}

fn from_bracket(sql: &str) -> &str {
    sql.find('(').map_or("", |at| &sql[at..])
}

/// Whether this set exists and has the form of the tables that queries read, including the indexes.
pub(super) async fn has_form_of_live_tables(
    connection: &mut dyn SqlConnection,
    tables: &[&Table],
    set: TableSet,
) -> Result<bool, SqlError> {
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
    connection: &mut dyn SqlConnection,
    tables: &[&Table],
    from: TableSet,
    to: TableSet,
) -> Result<(), SqlError> {
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
    connection: &mut dyn SqlConnection,
    tables: &[&Table],
    set: TableSet,
) -> Result<(), SqlError> {
    for table in tables {
        run(connection, format!("DROP TABLE IF EXISTS {}", quoted(&set.name_of(table)))).await?;
    }
    Ok(())
}

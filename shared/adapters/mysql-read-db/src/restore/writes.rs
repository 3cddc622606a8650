use bank_read_model::{BankAccountEntity, StatementLine};
use sqlx::{MySql, MySqlConnection, QueryBuilder};

/// A statement takes 65,535 values; the widest row here has 10. Statements this long wait for an acknowledgement as
/// `parcels` tells, which is nothing beside what so many rows take.
const ROWS_PER_STATEMENT: usize = 2_000;

/// Rows that are not there yet.
pub(super) async fn insert_accounts(
    connection: &mut MySqlConnection,
    table: &'static str,
    accounts: &[&BankAccountEntity],
) -> Result<(), sqlx::Error> {
    for accounts in accounts.chunks(ROWS_PER_STATEMENT) {
        let mut insert = QueryBuilder::<MySql>::new(format!(
            "INSERT INTO {table} (account_id, owner, holder, kind, currency, balance_minor, status, version, \
             opened_at_us, updated_at_us) "
        ));
        insert.push_values(accounts, |mut row, account| {
            row.push_bind(account.account_id.as_uuid())
                .push_bind(account.owner.clone())
                .push_bind(account.holder.clone())
                .push_bind(account.kind.as_str())
                .push_bind(account.balance.currency().code())
                .push_bind(account.balance.amount_minor())
                .push_bind(account.status.as_str())
                .push_bind(account.version)
                .push_bind(account.opened_at.unix_micros())
                .push_bind(account.updated_at.unix_micros());
        });
        execute(connection, insert, accounts.len()).await?;
    }
    Ok(())
}

/// Lines that are not there yet.
pub(super) async fn insert_lines(
    connection: &mut MySqlConnection,
    table: &'static str,
    lines: &[StatementLine],
) -> Result<(), sqlx::Error> {
    for lines in lines.chunks(ROWS_PER_STATEMENT) {
        let mut insert = QueryBuilder::<MySql>::new(format!(
            "INSERT INTO {table} (account_id, version, kind, currency, amount_minor, balance_after_minor, reference, \
             occurred_at_us) "
        ));
        insert.push_values(lines, |mut row, line| {
            row.push_bind(line.account_id.as_uuid())
                .push_bind(line.version)
                .push_bind(line.kind.as_str())
                .push_bind(line.amount.currency().code())
                .push_bind(line.amount.amount_minor())
                .push_bind(line.balance_after.amount_minor())
                .push_bind(line.reference.clone())
                .push_bind(line.occurred_at.unix_micros());
        });
        execute(connection, insert, lines.len()).await?;
    }
    Ok(())
}

/// Only the statement of a full number of rows comes again and again, and is worth keeping prepared.
async fn execute(
    connection: &mut MySqlConnection,
    mut insert: QueryBuilder<MySql>,
    rows: usize,
) -> Result<(), sqlx::Error> {
    insert.build().persistent(rows == ROWS_PER_STATEMENT).execute(connection).await.map(|_| ())
}

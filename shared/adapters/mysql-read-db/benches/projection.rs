//! Measures how many rows a second the projector writes. Beside it stands the plainest way to write as many rows:
//! multi-row inserts and upserts with a parameter for each value, without locks, reads or decisions. Both run in turns
//! in the same run, because only the ratio counts. Over TLS the raw statements of some hundred rows are longer than one
//! record and wait for acknowledgements, as `parcels` explains. `?ssl-mode=DISABLED` shows both without that wait.
//!
//! `BENCH_READ_DB_URL=mysql://… cargo bench --package mysql-read-db` names the server. The benchmark works there in a
//! database of its own, which it drops.

use std::time::{Duration, Instant};

use bank::{AccountEvent, AccountId, AccountKind, Money};
use bank_read_model::PROJECTIONS;
use cqrs::{DomainEvent as _, EventEnvelope, EventHandler as _, StreamId, Timestamp};
use mysql_read_db::{MySqlProjector, migrate};
use projection::{ProjectionRecord, ProjectionRegister as _};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, MySqlConnection, MySqlPool, QueryBuilder};
use uuid::Uuid;

/// The rounds of a large batch. A small batch takes less time and varies more, so it has up to ten times as many.
const ROUNDS: u64 = 15;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let Ok(server_url) = std::env::var("BENCH_READ_DB_URL") else {
        println!("set BENCH_READ_DB_URL to a server for it to make a database on");
        return;
    };
    let name = format!("bench_{}", Uuid::now_v7().simple());
    let mut server = MySqlConnection::connect(&server_url).await.expect("connects");
    server.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.expect("makes");
    let url = with_database(&server_url, &name);
    migrate(&url).await.expect("migrates");
    let read_db = mysql_read_db::connect(&url).expect("a URL");
    for projection in PROJECTIONS.all() {
        let built_version = Some(projection.version());
        let record = ProjectionRecord { name: projection.name().to_owned(), built_version };
        read_db.record_projection(&record).await.expect("records");
    }
    let projector = MySqlProjector::new(read_db.clone(), PROJECTIONS);
    println!(
        "a deposit each for so many accounts in a batch: medians of at least {ROUNDS}, in rows (account and line) a second"
    );
    for batch_size in [1, 10, 100, 500] {
        let account_ids: Vec<AccountId> = (0..batch_size).map(|_| AccountId::generate()).collect();
        let opened: Vec<EventEnvelope> = account_ids.iter().map(|id| envelope(*id, 1, &opening())).collect();
        projector.handle(&opened).await.expect("handles");
        raw_tables(read_db.pool()).await;
        let (mut projected, mut raw) = (Vec::new(), Vec::new());
        let rounds = ROUNDS * (100 / u64::try_from(batch_size).expect("small")).clamp(1, 10);
        for version in 2..2 + rounds {
            let batch: Vec<EventEnvelope> = account_ids.iter().map(|id| envelope(*id, version, &deposit())).collect();
            let started = Instant::now();
            let outcome = projector.handle(&batch).await.expect("handles");
            projected.push(started.elapsed());
            assert_eq!(usize::try_from(outcome.applied), Ok(batch_size));

            let started = Instant::now();
            raw_upserts(read_db.pool(), &account_ids, version).await;
            raw.push(started.elapsed());
        }
        let (projected, raw) = (median(projected), median(raw));
        println!(
            "{batch_size:>4}: projected {:>7}/s ({projected:.1?}), raw {:>7}/s ({raw:.1?}): {:.2} of raw",
            rows_per_second(batch_size, projected),
            rows_per_second(batch_size, raw),
            raw.div_duration_f64(projected),
        );
    }
    read_db.close().await;
    server.execute(AssertSqlSafe(format!("DROP DATABASE {name}"))).await.expect("drops");
}

fn with_database(url: &str, database: &str) -> String {
    let (scheme, behind) = url.split_once("://").expect("a URL");
    let (server, behind) = behind.split_once('/').unwrap_or((behind, ""));
    let options = behind.split_once('?').map_or(String::new(), |(_, options)| format!("?{options}"));
    format!("{scheme}://{server}/{database}{options}")
}

async fn raw_tables(pool: &MySqlPool) {
    for (raw, table) in [("raw_accounts", "bank_accounts"), ("raw_lines", "statement_lines")] {
        for statement in [format!("DROP TABLE IF EXISTS {raw}"), format!("CREATE TABLE {raw} LIKE {table}")] {
            sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(pool).await.expect("runs");
        }
    }
}

async fn raw_upserts(pool: &MySqlPool, account_ids: &[AccountId], version: u64) {
    let mut transaction = pool.begin().await.expect("begins");
    let mut upsert = QueryBuilder::new(
        "INSERT INTO raw_accounts (account_id, owner, holder, kind, currency, balance_minor, status, version, \
         opened_at_us, updated_at_us) ",
    );
    upsert.push_values(account_ids, |mut row, account_id| {
        row.push_bind(account_id.as_uuid())
            .push_bind("owner")
            .push_bind("Ann Lee")
            .push_bind("checking")
            .push_bind("EUR")
            .push_bind(version)
            .push_bind("active")
            .push_bind(version)
            .push_bind(1_i64)
            .push_bind(version);
    });
    // `VALUES()` is deprecated on MySQL. It is the quickest form that both servers take.
    upsert.push(
        " ON DUPLICATE KEY UPDATE balance_minor = VALUES(balance_minor), status = VALUES(status), \
         updated_at_us = VALUES(updated_at_us), version = VALUES(version)",
    );
    upsert.build().execute(&mut *transaction).await.expect("writes");
    let mut insert = QueryBuilder::new(
        "INSERT INTO raw_lines (account_id, version, kind, currency, amount_minor, balance_after_minor, reference, \
         occurred_at_us) ",
    );
    insert.push_values(account_ids, |mut row, account_id| {
        row.push_bind(account_id.as_uuid())
            .push_bind(version)
            .push_bind("deposit")
            .push_bind("EUR")
            .push_bind(1_i64)
            .push_bind(version)
            .push_bind("rent")
            .push_bind(version);
    });
    insert.build().execute(&mut *transaction).await.expect("writes");
    transaction.commit().await.expect("commits");
}

fn median(mut durations: Vec<Duration>) -> Duration {
    durations.sort();
    durations[durations.len() / 2]
}

/// Each event writes two rows.
fn rows_per_second(events: usize, duration: Duration) -> u128 {
    u128::try_from(2 * events).expect("a count") * 1_000_000 / duration.as_micros().max(1)
}

fn eur(amount_minor: i64) -> Money {
    Money::new(amount_minor, "EUR".parse().expect("an active code")).expect("within the limit")
}

fn opening() -> AccountEvent {
    AccountEvent::AccountOpened {
        owner: "owner".to_owned(),
        holder: "Ann Lee".parse().expect("a holder"),
        kind: AccountKind::Checking,
        opening_balance: eur(0),
    }
}

fn deposit() -> AccountEvent {
    AccountEvent::FundsDeposited { amount: eur(1), reference: Some("rent".parse().expect("a reference")) }
}

fn envelope(account_id: AccountId, version: u64, event: &AccountEvent) -> EventEnvelope {
    EventEnvelope {
        stream_id: StreamId(account_id.as_uuid()),
        aggregate_type: "account".to_owned(),
        version,
        event_id: Uuid::now_v7(),
        event_type: event.event_type().to_owned(),
        schema_version: event.schema_version(),
        data: event.to_data(),
        occurred_at: Timestamp::now(),
        correlation_id: "correlation".to_owned(),
        causation_id: "causation".to_owned(),
    }
}

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bank_read_model::{BankAccountEntity, PROJECTIONS, StatementLine};
use cqrs::{Commit, CommitPlace, EventStoreRepository as _};
use projection::{RowScan as _, TableRow as _};
use sqlite_embedded::{SqliteEventStore, SqliteProjector};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use tempfile::TempDir;
use verify::{Damage, Side};

use super::account_store::{AccountStore, Keys};
use super::manipulations::{Tampering, each_of_200_manipulations_is_named};
use super::row_pages::pages_of_any_size_give_every_row_and_line_once_and_in_order;
use super::transfers::{Transfers, each_damaged_part_of_a_transfer_is_named};
use crate::contract::record_projections;

struct OnSqlite {
    home: TempDir,
    event_store: SqliteEventStore,
    store: AccountStore,
}

impl OnSqlite {
    async fn filled(accounts: usize) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let event_store = SqliteEventStore::open(&home.path().join("events.db")).await.expect("opens");
        let read_db = sqlite_embedded::open_read_db(&home.path().join("read.db")).await.expect("opens");
        record_projections(&read_db).await;
        let (repository, scan) = (Arc::new(event_store.clone()), Arc::new(event_store.clone()));
        let store = AccountStore {
            event_store: repository,
            scan,
            rows: Arc::new(read_db.clone()),
            keys: Keys::in_a_new_file().await,
        };
        store.fill(&SqliteProjector::new(read_db, PROJECTIONS), accounts).await;
        Self { home, event_store, store }
    }

    async fn projector(&self) -> SqliteProjector {
        let read_db = sqlite_embedded::open_read_db(&self.home.path().join("read.db")).await.expect("opens");
        SqliteProjector::new(read_db, PROJECTIONS)
    }

    /// The event store's file, with the commits that it holds now.
    async fn in_a_file(&self) -> InAFile {
        let raw = self.raw().await;
        let select = "SELECT stream_id, first_version, position FROM commits";
        let rows: Vec<(String, i64, i64)> = sqlx::query_as(select).fetch_all(&raw).await.expect("reads");
        let positions = rows.into_iter().map(|(stream_id, first_version, position)| {
            let stream_id = cqrs::StreamId(stream_id.parse().expect("an id"));
            (CommitPlace { stream_id, first_version: first_version.unsigned_abs() }, position)
        });
        InAFile { raw, event_store: self.event_store.clone(), positions: positions.collect() }
    }

    /// The file without the guards that keep commits from being changed.
    async fn raw(&self) -> SqlitePool {
        let raw = raw(&self.home.path().join("events.db")).await;
        for trigger in ["commits_are_never_updated", "commits_are_never_deleted"] {
            run(&raw, &format!("DROP TRIGGER {trigger}")).await;
        }
        raw
    }
}

async fn raw(file: &Path) -> SqlitePool {
    let options = SqliteConnectOptions::new().filename(file);
    SqlitePoolOptions::new().max_connections(1).connect_with(options).await.expect("opens")
}

async fn run(raw: &SqlitePool, statement: &str) -> u64 {
    sqlx::query(sqlx::AssertSqlSafe(statement)).execute(raw).await.expect("runs").rows_affected()
}

struct InAFile {
    raw: SqlitePool,
    event_store: SqliteEventStore,
    /// The position of each of the store's own commits in the log.
    positions: BTreeMap<CommitPlace, i64>,
}

#[async_trait]
impl Tampering for InAFile {
    async fn remove(&self, place: CommitPlace) {
        let statement = format!("DELETE FROM commits WHERE {}", of_place(place));
        assert_eq!(run(&self.raw, &statement).await, 1, "{place:?}");
    }

    async fn put(&self, commit: &Commit) {
        self.event_store.append(commit).await.expect("appends");
        let place = CommitPlace { stream_id: commit.draft.stream_id, first_version: commit.draft.first_version };
        if let Some(position) = self.positions.get(&place) {
            let statement = format!("UPDATE commits SET position = {position} WHERE {}", of_place(place));
            assert_eq!(run(&self.raw, &statement).await, 1);
        }
    }
}

fn of_place(CommitPlace { stream_id, first_version }: CommitPlace) -> String {
    format!("stream_id = '{stream_id}' AND first_version = {first_version}")
}

#[tokio::test]
async fn each_of_200_manipulations_of_a_file_is_named_and_none_in_a_clean_one() {
    let on_sqlite = OnSqlite::filled(12).await;
    let in_a_file = on_sqlite.in_a_file().await;
    each_of_200_manipulations_is_named(&on_sqlite.store, &in_a_file).await;
}

#[tokio::test]
async fn each_damaged_part_of_a_transfer_in_a_file_is_named() {
    let on_sqlite = OnSqlite::filled(5).await;
    let projector = on_sqlite.projector().await;
    let transfers = Transfers::add_to(&on_sqlite.store, &projector).await;
    let in_a_file = on_sqlite.in_a_file().await;
    each_damaged_part_of_a_transfer_is_named(&on_sqlite.store, &in_a_file, transfers).await;
}

/// Damage to the rows alone: each is named, and none of them is taken for damage to the event store.
#[tokio::test]
async fn a_damaged_row_of_a_transfer_or_of_its_legs_is_named() {
    let on_sqlite = OnSqlite::filled(5).await;
    let projector = on_sqlite.projector().await;
    Transfers::add_to(&on_sqlite.store, &projector).await;
    let raw = raw(&on_sqlite.home.path().join("read.db")).await;
    let newest_line = "(account_id, version) = (SELECT account_id, version FROM statement_lines \
                       WHERE kind = 'transfer_out' ORDER BY account_id, version LIMIT 1)";
    for (table, edit, is_odd) in [
        ("statement_lines", format!("UPDATE statement_lines SET amount_minor = 41 WHERE {newest_line}"), true),
        ("statement_lines", format!("DELETE FROM statement_lines WHERE {newest_line}"), true),
        (
            "statement_lines",
            format!(
                "UPDATE statement_lines SET kind = 'deposit', transfer_id = NULL, counterparty = NULL WHERE {newest_line}"
            ),
            true,
        ),
        ("statement_lines", format!("UPDATE statement_lines SET reference = 'x' WHERE {newest_line}"), false),
        ("transfers", "UPDATE transfers SET amount_minor = 41 WHERE status = 'reversed'".to_owned(), true),
        ("transfers", "UPDATE transfers SET status = 'completed' WHERE status = 'reversed'".to_owned(), true),
        ("transfers", "DELETE FROM transfers WHERE status = 'reversed'".to_owned(), true),
    ] {
        run(&raw, &format!("CREATE TEMP TABLE kept AS SELECT * FROM {table}")).await;
        assert_eq!(run(&raw, &edit).await, 1, "{edit}");
        let (reports, _) = on_sqlite.store.verify(None).await;
        assert!(!reports.findings.is_empty(), "{edit}");
        assert!(reports.findings.iter().all(|finding| finding.side != Side::EventStore), "{edit}: {reports:#?}");
        let is_of_a_part = |damage: &Damage| {
            matches!(damage, Damage::PartMissing { .. } | Damage::PartDiffers { .. } | Damage::PartAlone { .. })
        };
        let names_the_part = reports.findings.iter().any(|finding| is_of_a_part(&finding.damage));
        // A missing row counts as a row on its way until the patience ends, and then is named as missing.
        let is_a_missing_row = edit.starts_with("DELETE FROM transfers");
        assert_eq!(names_the_part, is_odd && !is_a_missing_row, "{edit}: {reports:#?}");
        run(&raw, &format!("DELETE FROM {table}")).await;
        run(&raw, &format!("INSERT INTO {table} SELECT * FROM kept")).await;
        run(&raw, "DROP TABLE kept").await;
        on_sqlite.store.expect_clean(&edit).await;
    }
}

/// Each column is changed by a statement that any user could type; also columns that no hash covers.
#[tokio::test]
async fn an_edit_of_any_column_of_a_file_is_named() {
    let on_sqlite = OnSqlite::filled(3).await;
    let raw = on_sqlite.raw().await;
    let commits = on_sqlite.store.commits().await;
    let target = &commits[2];
    let place = CommitPlace { stream_id: target.draft.stream_id, first_version: target.draft.first_version };
    for edit in [
        "last_version = last_version + 1",
        "position = (SELECT MAX(position) + 1 FROM commits)",
        "stream_id = upper(stream_id)",
        "stream_id = '01a20de3-e702-76c8-916f-2db236a2206e'",
        "first_version = 90, last_version = 90",
        "aggregate_type = 'case'",
        "occurred_at_us = occurred_at_us - 1",
        "occurred_at_us = 9223372036854775807",
        "caller = caller || ' '",
        "correlation_id = ''",
        "causation_id = ''",
        "idempotency_key = 'x', request_fingerprint = 'y'",
        "events = json_set(events, '$[0].data.amount_minor', 1)",
        "events = json_set(events, '$[0].more', 1)",
        "events = json_remove(events, '$[0].event_id')",
        "events = ' ' || events",
        "events = replace(events, '\"amount_minor\":', '\"amount_minor\":1,\"amount_minor\":')",
        "events = '[]'",
        "events = '{}'",
        "state = '{}'",
        "state = json_set(state, '$.more', 1)",
        "previous_hash = hash",
        "hash = upper(hash)",
        "hash = ''",
    ] {
        let columns = "position, stream_id, aggregate_type, first_version, last_version, occurred_at_us, caller, \
                       correlation_id, causation_id, idempotency_key, request_fingerprint, events, state, \
                       previous_hash, hash";
        run(&raw, "CREATE TEMP TABLE kept AS SELECT * FROM commits").await;
        assert_eq!(run(&raw, &format!("UPDATE commits SET {edit} WHERE {}", of_place(place))).await, 1);
        let (reports, outcome) = on_sqlite.store.verify(None).await;
        let is_named = reports.findings.iter().any(|finding| {
            finding.side == Side::EventStore
                && (finding.stream_id == Some(place.stream_id) || matches!(finding.damage, Damage::Misplaced { .. }))
        });
        assert!(is_named, "{edit}: {:#?}", reports.findings);
        assert!(outcome.findings > 0);
        run(&raw, "DELETE FROM commits").await;
        run(&raw, &format!("INSERT INTO commits ({columns}) SELECT {columns} FROM kept")).await;
        run(&raw, "DROP TABLE kept").await;
        on_sqlite.store.expect_clean(edit).await;
    }
}

#[tokio::test]
async fn a_file_is_read_in_pages_of_any_size() {
    let home = tempfile::tempdir().expect("a folder");
    let read_db = sqlite_embedded::open_read_db(&home.path().join("read.db")).await.expect("opens");
    let projector = SqliteProjector::new(read_db.clone(), PROJECTIONS);
    pages_of_any_size_give_every_row_and_line_once_and_in_order(&projector, &read_db).await;
    let raw = raw(&home.path().join("read.db")).await;
    let first = "version = 1 AND account_id = (SELECT MIN(account_id) FROM statement_lines)";
    assert_eq!(run(&raw, &format!("UPDATE statement_lines SET account_id = 'x' WHERE {first}")).await, 1);
    let misplaced = read_db.misplaced(StatementLine::TABLE, 10).await.expect("looks");
    assert_eq!(misplaced, ["a row of statement_lines is of the stream 'x', version 1"]);
    assert_eq!(read_db.misplaced(BankAccountEntity::TABLE, 10).await.expect("looks"), Vec::<String>::new());
}

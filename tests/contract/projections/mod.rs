//! What follows from the declaration of a read model, by the same code for every read model and every read database.
//!
//! The expected rows are those of `projection::spec::MemoryRows`, to which the events are delivered in order.

mod databases; // the read databases
mod deployments; // a read model that comes later, or whose version is raised
mod read_models; // the read models
mod streams; // random streams, and their rows

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cqrs::{
    Commit, CommitScan, EventEnvelope, EventHandler, EventStoreRepository as _, HandledBatch, OpenedCommitScan,
    QueryError, StreamId, StreamRange,
};
use personal_data::{KeyProtection, StreamKeys};
use projection::{Cells, Projections, Table, TableRow as _, VERSION, VersionedRow, row_at_version};
use restore::{
    Requested, RestoreId, RestoreKind, RestoreLimits, RestoreRecord, RestoreStatus, Restorer, RunOutcome,
    StreamRestore, prepare_projections,
};
use sqlite_embedded::{SqliteEventStore, SqliteKeyStore};
use tempfile::TempDir;
use verify::{Damage, Finding, Head, Verifier, VerifyObserver};

use self::databases::{OpenReadDatabase, ReadDatabase};
use self::read_models::{ReadModel, UNREAD_TYPE};
use self::streams::{Expected, Stream, events_of, has_lines, place_of};
use super::dice::Dice;

/// Makes one test of each case, for one read model on the databases that the expression gives.
macro_rules! read_model_suite {
    ($new_database:expr, $read_model:ty) => {
        $crate::contract::projections::read_model_suite! { $new_database, $read_model;
            given_any_order_repeats_and_early_events_then_the_rows_are_those_in_order
            given_poisoned_events_then_their_streams_stop_before_them_until_they_are_mended
            given_two_projectors_at_once_then_each_event_is_applied_once
            given_an_event_of_a_type_that_no_projection_reads_then_it_is_rejected
            given_an_event_of_a_type_that_is_ignored_on_purpose_then_it_is_counted
            given_an_empty_read_database_when_it_is_restored_then_every_row_is_there
            given_damaged_rows_when_they_are_restored_then_they_are_right_and_the_damage_can_be_brought_back
            given_two_damaged_streams_when_one_is_restored_in_its_place_then_the_other_stays_as_it_is
            given_right_rows_then_verification_finds_nothing
            given_damage_of_every_kind_then_verification_names_it_and_a_restore_of_the_stream_mends_it
            given_a_row_that_is_on_its_way_then_a_reader_of_its_version_waits_for_it
        }
    };
    ($new_database:expr, $read_model:ty; $($case:ident)*) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            $crate::contract::projections::$case::<$read_model>(&$new_database).await;
        }
    )* };
}
pub(crate) use read_model_suite;

/// Makes the tests of every read model on the databases that the expression gives.
macro_rules! projections_suite {
    ($new_database:expr) => {
        mod accounts {
            $crate::contract::projections::read_model_suite!($new_database, bank_read_model::BankAccountProjection);
        }
        mod transfers {
            $crate::contract::projections::read_model_suite!($new_database, bank_read_model::TransferProjection);
        }
        mod cases {
            $crate::contract::projections::read_model_suite!($new_database, crate::second_aggregate::CaseProjection);
        }
        mod balances_by_currency {
            $crate::contract::projections::read_model_suite!(
                $new_database,
                crate::read_models::BalancesByCurrencyProjection
            );
        }
        mod activity {
            $crate::contract::projections::read_model_suite!($new_database, crate::read_models::ActivityProjection);
        }
        mod deployments {
            $crate::contract::projections::deployments::deployments_suite!($new_database);
        }
    };
}

mod on_sqlite {
    projections_suite!(crate::contract::projections::databases::InAFile::new());
}

#[cfg(feature = "services")]
mod on_mysql {
    projections_suite!(crate::contract::OnServer::new("READ_DB_URL").await);
}

#[cfg(feature = "services")]
mod on_mariadb {
    projections_suite!(crate::contract::OnServer::new("MARIADB_URL").await);
}

/// Pages and ranges so small that a short test has many of them.
const SMALL_PAGES: RestoreLimits = RestoreLimits {
    readers: 3,
    page_commits: 7,
    range_commits: 40,
    pause_between_pages: Duration::ZERO,
    lease: Duration::from_secs(10),
    is_forced: false,
};

/// An event store and a read database of one test.
pub(crate) struct Bench<'a> {
    database: &'a dyn ReadDatabase,
    read: OpenReadDatabase,
    event_store: SqliteEventStore,
    commits: Arc<OpenedCommitScan>,
    _home: TempDir,
}

impl<'a> Bench<'a> {
    /// With the tables of these read models, and nothing prepared.
    async fn unprepared(database: &'a dyn ReadDatabase, tables: &[Option<databases::Tables>]) -> Self {
        for tables in tables.iter().flatten() {
            database.make(*tables).await;
        }
        let home = tempfile::tempdir().expect("a folder");
        let event_store = SqliteEventStore::open(&home.path().join("events.db")).await.expect("opens");
        let keys = SqliteKeyStore::open(&home.path().join("keys.db")).await.expect("opens");
        let personal_data = Arc::new(StreamKeys::new(Arc::new(keys), KeyProtection::none()));
        let commits = Arc::new(OpenedCommitScan::new(Arc::new(event_store.clone()), personal_data));
        Self { database, read: database.open().await, event_store, commits, _home: home }
    }

    /// For one read model, which is prepared before its first event.
    async fn new<P: ReadModel>(database: &'a dyn ReadDatabase) -> Self {
        let bench = Self::unprepared(database, &[P::TABLES]).await;
        assert_eq!(bench.prepare(P::ALONE).await, []);
        bench
    }

    /// As `passbook prepare` does: the builds that are due.
    async fn prepare(&self, projections: Projections) -> Vec<projection::BuildDue> {
        let scan: &dyn CommitScan = &self.event_store;
        prepare_projections(&projections, scan, &*self.read.rows).await.expect("prepares")
    }

    async fn append(&self, commits: &[Commit]) {
        for commit in commits {
            self.event_store.append(commit).await.expect("appends");
        }
    }

    async fn append_all(&self, streams: &[Stream]) {
        for stream in streams {
            self.append(&stream.commits).await;
        }
    }

    /// Appended and delivered.
    async fn with_streams<P: ReadModel>(&self, seed: u64, how_many: usize) -> Vec<Stream> {
        let streams = Stream::random::<P>(&mut Dice::seeded(seed), how_many, 12);
        self.append_all(&streams).await;
        let handled = self.deliver(P::ALONE, &events_of(&streams)).await;
        assert_eq!(handled.applied, events_of(&streams).len() as u64);
        streams
    }

    async fn deliver(&self, projections: Projections, events: &[EventEnvelope]) -> HandledBatch {
        self.read.projector(projections).handle(events).await.expect("handles")
    }

    fn restorer(&self, projections: Projections) -> Restorer {
        Restorer::new(self.commits.clone(), self.read.store.clone(), projections, SMALL_PAGES)
    }

    /// To its end, in one run.
    async fn restore(&self, projections: Projections, kind: RestoreKind, of: Option<&str>) -> RestoreRecord {
        let id = RestoreId::generate();
        assert_eq!(self.read.store.request(id, kind, of).await.expect("answers"), Requested::Recorded);
        match self.restorer(projections).run("a worker", None).await.expect("runs") {
            RunOutcome::Finished(record) if record.id == id => record,
            other => panic!("not finished: {other:?}"),
        }
    }

    async fn rebuild(&self, projections: Projections, of: Option<&str>) -> RestoreRecord {
        let record = self.restore(projections, RestoreKind::Rebuild, of).await;
        assert_eq!((record.status, &record.failure), (RestoreStatus::Succeeded, &None));
        record
    }

    /// What verification finds, without patience for rows that are behind.
    async fn findings(&self, projections: Projections) -> Vec<Finding> {
        let mut heard = Heard::default();
        let verifier = Verifier::new(self.commits.clone(), self.read.rows.clone(), projections, &[], Duration::ZERO);
        verifier.verify(StreamRange::default(), None, &mut heard).await.expect("reads both databases");
        heard.0
    }

    async fn rows(&self, table: &'static Table) -> BTreeMap<StreamId, Cells> {
        let scanned = self.read.rows.rows(table, StreamRange::default(), None, 100_000).await.expect("reads");
        scanned.into_iter().map(|row| (row.stream_id, row.row.expect("can be read"))).collect()
    }

    /// The rows and lines are those, by a scan and row by row, and no event waits for its turn.
    async fn assert_rows<P: ReadModel>(&self, streams: &[Stream]) {
        let expected = Expected::of::<P>(streams);
        assert_eq!(self.rows(P::Row::TABLE).await, expected.rows);
        for (stream_id, row) in &expected.rows {
            assert_eq!(self.read.reader.row(P::Row::TABLE, *stream_id).await.expect("reads").as_ref(), Some(row));
        }
        if has_lines::<P>() {
            let range = StreamRange::default();
            let scanned = self.read.rows.lines(P::Line::TABLE, range, None, 100_000).await.expect("reads");
            let lines: BTreeMap<_, _> =
                scanned.iter().map(|found| (found.place, found.line.clone().expect("can be read"))).collect();
            assert_eq!(lines.len(), scanned.len());
            assert!(lines.iter().all(|(place, line)| *place == place_of(line)));
            assert_eq!(lines, expected.lines);
        }
        assert_eq!(self.kept_early(P::NAME).await, 0);
    }

    async fn kept_early(&self, projection: &str) -> u64 {
        let count = format!("SELECT COUNT(*) FROM early_events WHERE projection = '{projection}'");
        self.database.number(&count).await
    }

    /// Changes a cell of a stream's row.
    async fn change_cell<P: ReadModel>(&self, stream: &Stream) {
        let (column, value) = P::CHANGED;
        self.change_row::<P>(stream, &format!("UPDATE {} SET {column} = {value}", P::Row::TABLE.name)).await;
    }

    async fn remove_row<P: ReadModel>(&self, stream: &Stream) {
        self.change_row::<P>(stream, &format!("DELETE FROM {}", P::Row::TABLE.name)).await;
    }

    async fn change_row<P: ReadModel>(&self, stream: &Stream, statement: &str) {
        let (key, stream_id) = (P::Row::TABLE.stream_column(), self.database.literal(stream.stream_id));
        assert_eq!(self.database.execute(&format!("{statement} WHERE {key} = {stream_id}")).await, 1);
    }

    /// Removes the lines of a stream's first event.
    async fn remove_line<P: ReadModel>(&self, stream: &Stream) {
        let (table, stream_id) = (P::Line::TABLE, self.database.literal(stream.stream_id));
        let (name, key) = (table.name, table.stream_column());
        let removed = format!("DELETE FROM {name} WHERE {key} = {stream_id} AND version = 1");
        assert_eq!(self.database.execute(&removed).await, 1);
    }
}

/// Keeps the findings of a verification.
#[derive(Default)]
struct Heard(Vec<Finding>);

impl VerifyObserver for Heard {
    fn report_finding(&mut self, finding: &Finding) {
        self.0.push(finding.clone());
    }

    fn head(&mut self, _head: &Head) -> std::io::Result<()> {
        Ok(())
    }

    fn read(&mut self, _commits: u64) {}
}

/// The events in a random order, some of them twice, in random batches.
fn disordered(dice: &mut Dice, events: &[EventEnvelope]) -> Vec<Vec<EventEnvelope>> {
    let mut deliveries = events.to_vec();
    let repeated: Vec<EventEnvelope> = events.iter().filter(|_| dice.once_in(4)).cloned().collect();
    deliveries.extend(repeated);
    dice.shuffle(&mut deliveries);
    dice.cut(&deliveries, 20)
}

pub(crate) async fn given_any_order_repeats_and_early_events_then_the_rows_are_those_in_order<P: ReadModel>(
    database: &dyn ReadDatabase,
) {
    let bench = Bench::new::<P>(database).await;
    let mut dice = Dice::seeded(1);
    let mut all = Vec::new();
    for _ in 0..3 {
        let streams = Stream::random::<P>(&mut dice, 12, 15);
        let mut handled = HandledBatch::default();
        for batch in disordered(&mut dice, &events_of(&streams)) {
            handled = handled.with(bench.deliver(P::ALONE, &batch).await);
        }
        assert_eq!((handled.applied, handled.rejected), (events_of(&streams).len() as u64, vec![]));
        assert!(handled.kept_early > 0 && handled.repeated > 0);
        all.extend(streams);
        bench.assert_rows::<P>(&all).await;
    }
}

pub(crate) async fn given_poisoned_events_then_their_streams_stop_before_them_until_they_are_mended<P: ReadModel>(
    database: &dyn ReadDatabase,
) {
    let bench = Bench::new::<P>(database).await;
    let mut dice = Dice::seeded(2);
    let streams = Stream::random::<P>(&mut dice, 15, 12);
    let mended: Vec<EventEnvelope> =
        streams.iter().step_by(3).map(|stream| stream.events[dice.below(stream.events.len())].clone()).collect();
    let is_poisoned = |event: &EventEnvelope| mended.iter().any(|mended| mended.event_id == event.event_id);
    let mut poisoned = events_of(&streams);
    for event in poisoned.iter_mut().filter(|event| is_poisoned(event)) {
        event.event_type = "NobodyKnowsThisEvent".to_owned();
    }
    for batch in disordered(&mut dice, &poisoned) {
        let handled = bench.deliver(P::ALONE, &batch).await;
        let poison = (0..batch.len()).filter(|index| is_poisoned(&batch[*index])).collect::<Vec<_>>();
        assert_eq!(handled.rejected.iter().map(|rejected| rejected.index).collect::<Vec<_>>(), poison);
    }
    let rows = bench.rows(P::Row::TABLE).await;
    for stream in &streams {
        let poison = mended.iter().find(|event| event.stream_id == stream.stream_id);
        let expected = poison.map_or(stream.last_version(), |poison| poison.version - 1);
        assert_eq!(rows.get(&stream.stream_id).map_or(0, Cells::version), expected);
    }
    for batch in dice.cut(&mended, 2) {
        assert_eq!(bench.deliver(P::ALONE, &batch).await.rejected, []);
    }
    bench.assert_rows::<P>(&streams).await;
}

pub(crate) async fn given_two_projectors_at_once_then_each_event_is_applied_once<P: ReadModel>(
    database: &dyn ReadDatabase,
) {
    let bench = Bench::new::<P>(database).await;
    let other = database.open().await;
    let mut dice = Dice::seeded(3);
    let streams = Stream::random::<P>(&mut dice, 20, 10);
    let events = events_of(&streams);
    let applied_by = async |projector: Arc<dyn EventHandler>, batches: Vec<Vec<EventEnvelope>>| {
        let mut applied = 0;
        for batch in batches {
            applied += projector.handle(&batch).await.expect("handles").applied;
        }
        applied
    };
    let (one, two) = (disordered(&mut dice, &events), disordered(&mut dice, &events));
    let (by_one, by_two) =
        tokio::join!(applied_by(bench.read.projector(P::ALONE), one), applied_by(other.projector(P::ALONE), two));
    assert_eq!(by_one + by_two, events.len() as u64);
    bench.assert_rows::<P>(&streams).await;
}

/// The events of a stream, with one of a type that the read model does not read in the middle.
fn with_a_foreign_event<P: ReadModel>(dice: &mut Dice) -> (Stream, Vec<EventEnvelope>) {
    let stream = Stream::with_events::<P>(dice, 4);
    let mut events = stream.events.clone();
    let foreign = EventEnvelope {
        aggregate_type: UNREAD_TYPE.to_owned(),
        stream_id: StreamId(uuid::Uuid::now_v7()),
        ..events[0].clone()
    };
    events.insert(1, foreign);
    (stream, events)
}

pub(crate) async fn given_an_event_of_a_type_that_no_projection_reads_then_it_is_rejected<P: ReadModel>(
    database: &dyn ReadDatabase,
) {
    let bench = Bench::new::<P>(database).await;
    let (stream, events) = with_a_foreign_event::<P>(&mut Dice::seeded(4));
    let handled = bench.deliver(P::ALONE, &events).await;
    assert_eq!((handled.applied, handled.foreign), (stream.last_version(), 0));
    assert_eq!(handled.rejected.iter().map(|rejected| rejected.index).collect::<Vec<_>>(), [1]);
    assert!(handled.rejected[0].reason.contains(UNREAD_TYPE), "{}", handled.rejected[0].reason);
    // Also where the batch holds nothing else.
    assert_eq!(bench.deliver(P::ALONE, &events[1..2]).await.rejected.len(), 1);
    bench.assert_rows::<P>(&[stream]).await;
}

pub(crate) async fn given_an_event_of_a_type_that_is_ignored_on_purpose_then_it_is_counted<P: ReadModel>(
    database: &dyn ReadDatabase,
) {
    let bench = Bench::new::<P>(database).await;
    let (stream, events) = with_a_foreign_event::<P>(&mut Dice::seeded(5));
    let expected = HandledBatch { applied: stream.last_version(), foreign: 1, ..HandledBatch::default() };
    assert_eq!(bench.deliver(P::IGNORING, &events).await, expected);
    bench.assert_rows::<P>(&[stream]).await;
}

pub(crate) async fn given_an_empty_read_database_when_it_is_restored_then_every_row_is_there<P: ReadModel>(
    database: &dyn ReadDatabase,
) {
    let bench = Bench::new::<P>(database).await;
    assert_eq!(bench.rebuild(P::ALONE, None).await.events_replayed, 0);
    let streams = Stream::random::<P>(&mut Dice::seeded(6), 40, 12);
    bench.append_all(&streams).await;
    let record = bench.rebuild(P::ALONE, Some(P::NAME)).await;
    assert_eq!((record.projection.as_deref(), record.streams_repaired), (Some(P::NAME), 40));
    assert_eq!(record.events_replayed, events_of(&streams).len() as u64);
    bench.assert_rows::<P>(&streams).await;
    // The bus brings nothing new now.
    let handled = bench.deliver(P::ALONE, &events_of(&streams)).await;
    assert_eq!((handled.applied, handled.repeated), (0, events_of(&streams).len() as u64));
    assert_eq!(bench.rebuild(P::ALONE, None).await.streams_repaired, 0);
    bench.assert_rows::<P>(&streams).await;
}

pub(crate) async fn given_damaged_rows_when_they_are_restored_then_they_are_right_and_the_damage_can_be_brought_back<
    P: ReadModel,
>(
    database: &dyn ReadDatabase,
) {
    let bench = Bench::new::<P>(database).await;
    let streams = bench.with_streams::<P>(7, 20).await;
    let extra = Stream::with_events::<P>(&mut Dice::seeded(8), 5);
    bench.deliver(P::ALONE, &extra.events).await;
    bench.change_cell::<P>(&streams[0]).await;
    bench.remove_row::<P>(&streams[1]).await;
    if has_lines::<P>() {
        bench.remove_line::<P>(&streams[2]).await;
    }
    let damaged = bench.rows(P::Row::TABLE).await;

    let record = bench.rebuild(P::ALONE, Some(P::NAME)).await;
    assert_eq!(record.streams_repaired, if has_lines::<P>() { 4 } else { 3 }, "{record:?}");
    bench.assert_rows::<P>(&streams).await;

    // The way back: the rows are as they were, but for events that came meanwhile.
    let later = Stream::with_events::<P>(&mut Dice::seeded(9), 6);
    bench.append(&later.commits).await;
    bench.deliver(P::ALONE, &later.events).await;
    let record = bench.restore(P::ALONE, RestoreKind::Rollback, Some(P::NAME)).await;
    assert_eq!((record.status, &record.failure), (RestoreStatus::Succeeded, &None));
    let mut brought_back = bench.rows(P::Row::TABLE).await;
    let expected_later = Expected::of::<P>(std::slice::from_ref(&later)).rows;
    assert_eq!(brought_back.remove(&later.stream_id).as_ref(), expected_later.get(&later.stream_id));
    // The row that was missing has been made meanwhile: its stream had more events than the tables that came back.
    assert_eq!(
        brought_back.remove(&streams[1].stream_id).as_ref(),
        Expected::of::<P>(&streams).rows.get(&streams[1].stream_id)
    );
    assert_eq!(brought_back, damaged);

    bench.rebuild(P::ALONE, None).await;
    let scope = P::ALONE.all();
    bench.read.store.drop_old(scope).await.expect("drops");
    let record = bench.restore(P::ALONE, RestoreKind::Rollback, None).await;
    assert_eq!(record.status, RestoreStatus::Failed, "without the old tables there is no way back");
    bench.assert_rows::<P>(&[streams, vec![later]].concat()).await;
}

pub(crate) async fn given_two_damaged_streams_when_one_is_restored_in_its_place_then_the_other_stays_as_it_is<
    P: ReadModel,
>(
    database: &dyn ReadDatabase,
) {
    let bench = Bench::new::<P>(database).await;
    let streams = bench.with_streams::<P>(10, 8).await;
    bench.change_cell::<P>(&streams[0]).await;
    bench.change_cell::<P>(&streams[1]).await;
    let before = bench.rows(P::Row::TABLE).await;
    let restore = StreamRestore::new(bench.commits.clone(), bench.read.store.clone());
    let version = restore.restore(P::ALONE.all()[0], streams[0].stream_id).await.expect("restores");
    assert_eq!(version, streams[0].last_version());
    let mut after = bench.rows(P::Row::TABLE).await;
    let right = Expected::of::<P>(&streams).rows;
    assert_eq!(after.remove(&streams[0].stream_id).as_ref(), right.get(&streams[0].stream_id));
    assert!(before.iter().filter(|(id, _)| **id != streams[0].stream_id).eq(after.iter()));
    restore.restore(P::ALONE.all()[0], streams[1].stream_id).await.expect("restores");
    bench.assert_rows::<P>(&streams).await;
}

pub(crate) async fn given_right_rows_then_verification_finds_nothing<P: ReadModel>(database: &dyn ReadDatabase) {
    let bench = Bench::new::<P>(database).await;
    assert_eq!(bench.findings(P::ALONE).await, []);
    bench.with_streams::<P>(11, 25).await;
    assert_eq!(bench.findings(P::ALONE).await, []);
}

pub(crate) async fn given_damage_of_every_kind_then_verification_names_it_and_a_restore_of_the_stream_mends_it<
    P: ReadModel,
>(
    database: &dyn ReadDatabase,
) {
    let bench = Bench::new::<P>(database).await;
    let streams = bench.with_streams::<P>(12, 10).await;
    let extra = Stream::with_events::<P>(&mut Dice::seeded(13), 3);
    bench.deliver(P::ALONE, &extra.events).await;
    bench.change_cell::<P>(&streams[0]).await;
    bench.remove_row::<P>(&streams[1]).await;
    let mut damaged = vec![&streams[0], &streams[1], &extra];
    if has_lines::<P>() {
        bench.remove_line::<P>(&streams[2]).await;
        damaged.push(&streams[2]);
    }
    let found: Vec<Finding> = bench.findings(P::ALONE).await;
    // The sums over rows and lines no longer agree where a read model declares sums. That is no finding in a stream.
    let found: Vec<&Finding> = found.iter().filter(|finding| finding.stream_id.is_some()).collect();
    assert!(found.iter().all(|finding| finding.projection == Some(P::NAME)), "{found:?}");
    let of = |stream: &Stream| -> Vec<&Damage> {
        let in_stream = found.iter().filter(|finding| finding.stream_id == Some(stream.stream_id));
        in_stream.map(|finding| &finding.damage).collect()
    };
    assert!(matches!(of(&streams[0])[..], [Damage::RowDiffers { member, .. }] if *member == P::CHANGED.0), "{found:?}");
    // Lines without their row are named, too.
    assert!(of(&streams[1]).iter().any(|damage| matches!(damage, Damage::RowMissing { .. })), "{found:?}");
    assert!(
        matches!(of(&extra)[..], [Damage::StreamMissing { expected }] if *expected == extra.last_version()),
        "{found:?}"
    );
    if has_lines::<P>() {
        assert!(matches!(of(&streams[2])[..], [Damage::LineMissing]), "{found:?}");
    }
    let named: BTreeMap<StreamId, ()> = found.iter().filter_map(|finding| Some((finding.stream_id?, ()))).collect();
    assert_eq!(named.len(), damaged.len(), "{found:?}");

    let restore = StreamRestore::new(bench.commits.clone(), bench.read.store.clone());
    for stream in damaged {
        restore.restore(P::ALONE.all()[0], stream.stream_id).await.expect("restores");
    }
    assert_eq!(bench.findings(P::ALONE).await, []);
    bench.assert_rows::<P>(&streams).await;
}

/// A row of any read model.
#[derive(Debug)]
struct AnyRow(Cells);

impl VersionedRow for AnyRow {
    fn version(&self) -> u64 {
        self.0.version()
    }
}

pub(crate) async fn given_a_row_that_is_on_its_way_then_a_reader_of_its_version_waits_for_it<P: ReadModel>(
    database: &dyn ReadDatabase,
) {
    let bench = Bench::new::<P>(database).await;
    let stream = Stream::with_events::<P>(&mut Dice::seeded(14), 6);
    let look = || async {
        let row = bench.read.reader.row(P::Row::TABLE, stream.stream_id).await?;
        Ok(row.map(AnyRow))
    };
    assert!(matches!(row_at_version(None, look).await, Err(QueryError::NotFound)));
    let delivery = async {
        for event in &stream.events {
            tokio::time::sleep(Duration::from_millis(20)).await;
            bench.deliver(P::ALONE, std::slice::from_ref(event)).await;
        }
    };
    let (row, ()) = tokio::join!(row_at_version(Some(stream.last_version()), look), delivery);
    let row = row.expect("the row comes within two seconds").0;
    assert_eq!(row.cell(VERSION), Ok(&projection::Cell::Count(stream.last_version())));
    assert_eq!(Some(&row), Expected::of::<P>(std::slice::from_ref(&stream)).rows.get(&stream.stream_id));
    let next_version = stream.last_version() + 1;
    let behind = row_at_version(Some(next_version), look).await;
    assert!(
        matches!(behind, Err(QueryError::ProjectionBehind { min_version }) if min_version == next_version),
        "{behind:?}"
    );
}

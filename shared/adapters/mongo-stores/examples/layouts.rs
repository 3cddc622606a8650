//! Measures layouts of a commit in MongoDB against each other and against a bare insert. All are measured in one run,
//! because figures of two runs on one machine differ by more than the layouts do:
//!
//! ```text
//! EVENT_STORE_URL='mongodb://127.0.0.1:27017/?replicaSet=rs0' cargo run --release -p mongo-stores --example layouts
//! ```
//!
//! `LAYOUTS_MS` sets the measuring time of each figure, 2000 by default. The program works in databases of its own,
//! which it drops. A person reads its output; no result makes it fail.

mod measure;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cqrs::{DeliveryMarks as _, Digest, EventStoreRepository as _, StreamId, Timestamp};
use measure::{Failure, commit, median, rate, with_database};
use mongo_stores::MongoEventStore;
use mongodb::bson::{Binary, Bson, DateTime, Document, doc, spec::BinarySubtype};
use mongodb::options::{Acknowledgment, ClientOptions, CollectionOptions, ReadConcern, WriteConcern};
use mongodb::{Client, Collection, Database};
use uuid::Uuid;

const CONCURRENCIES: [usize; 3] = [1, 8, 32];
/// The number of rounds. In each round the layouts take turns, and each figure is the median of the rounds.
const ROUNDS: usize = 3;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// Only the `_id` that the driver makes: the least cost of an insert.
    Bare,
    /// `stream_id` and `first_version` under a unique index, and an `_id` that the driver makes.
    Fields,
    /// `_id: { stream_id, first_version }`.
    CompoundId,
    /// The same `_id` in a clustered collection: stored in the order of `_id`, without an index of it.
    ClusteredId,
    /// `_id: 'stream:version'`, padded so that texts sort as versions do.
    TextId,
}

const LAYOUTS: [Layout; 5] = [Layout::Bare, Layout::Fields, Layout::CompoundId, Layout::ClusteredId, Layout::TextId];

impl Layout {
    fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare insert",
            Self::Fields => "fields + unique index",
            Self::CompoundId => "compound _id",
            Self::ClusteredId => "compound _id, clustered",
            Self::TextId => "text _id",
        }
    }

    fn stream_field(self) -> &'static str {
        match self {
            Self::CompoundId | Self::ClusteredId => "_id.stream_id",
            Self::Bare | Self::Fields | Self::TextId => "stream_id",
        }
    }

    fn version_field(self) -> &'static str {
        match self {
            Self::CompoundId | Self::ClusteredId => "_id.first_version",
            Self::Bare | Self::Fields | Self::TextId => "first_version",
        }
    }

    async fn prepare(self, database: &Database) -> Result<(), Failure> {
        let mut create = doc! { "create": "commits" };
        if self == Self::ClusteredId {
            create.insert("clusteredIndex", doc! { "key": { "_id": 1 }, "unique": true });
        }
        database.run_command(create).await?;
        if self == Self::Bare {
            return Ok(());
        }
        let mut indexes = vec![
            doc! {
                "name": "by_key", "key": { self.stream_field(): 1, "idempotency.key": 1 }, "unique": true,
                "partialFilterExpression": { "idempotency.key": { "$exists": true } },
            },
            doc! {
                "name": "undelivered", "key": { "occurred_at_us": 1, self.version_field(): 1 },
                "partialFilterExpression": { "undelivered": true },
            },
        ];
        if self == Self::Fields {
            let key = doc! { "stream_id": 1, "first_version": 1 };
            indexes.push(doc! { "name": "by_version", "key": key, "unique": true });
        }
        database.run_command(doc! { "createIndexes": "commits", "indexes": indexes }).await?;
        Ok(())
    }

    fn document(self, stream_id: Uuid, version: u64) -> Document {
        let version = i64::try_from(version).expect("small");
        let mut document = Document::new();
        match self {
            Self::Bare | Self::Fields => {
                document.insert("stream_id", binary(stream_id));
                document.insert("first_version", version);
            }
            Self::CompoundId | Self::ClusteredId => {
                document.insert("_id", doc! { "stream_id": binary(stream_id), "first_version": version });
            }
            Self::TextId => {
                document.insert("_id", text_id(stream_id, version));
                document.insert("stream_id", binary(stream_id));
                document.insert("first_version", version);
            }
        }
        document.extend(content(version));
        document
    }

    async fn newest(self, commits: &Collection<Document>, stream_id: Uuid) -> Result<Option<Document>, Failure> {
        let id = |version: i64| doc! { "stream_id": binary(stream_id), "first_version": version };
        let find = match self {
            Self::Bare => return Ok(None),
            Self::Fields => {
                commits.find_one(doc! { "stream_id": binary(stream_id) }).sort(doc! { "first_version": -1 })
            }
            Self::CompoundId | Self::ClusteredId => commits
                .find_one(doc! { "_id": { "$gte": id(0), "$lte": id(i64::MAX) }, "_id.stream_id": binary(stream_id) })
                .sort(doc! { "_id": -1 }),
            Self::TextId => {
                let range = doc! { "$gte": text_id(stream_id, 0), "$lte": text_id(stream_id, i64::MAX) };
                commits.find_one(doc! { "_id": range }).sort(doc! { "_id": -1 })
            }
        };
        Ok(find.await?)
    }
}

fn binary(uuid: Uuid) -> Bson {
    Bson::Binary(Binary { subtype: BinarySubtype::Uuid, bytes: uuid.as_bytes().to_vec() })
}

fn text_id(stream_id: Uuid, version: i64) -> String {
    format!("{stream_id}:{version:019}")
}

/// The members that every layout has beside its id: a deposit of the usual length, with a key.
fn content(version: i64) -> Document {
    let digest = Digest::of(Uuid::now_v7().as_bytes()).to_string();
    let micros = Timestamp::now().unix_micros();
    doc! {
        "aggregate_type": "account",
        "last_version": version,
        "occurred_at": DateTime::from_millis(micros / 1_000),
        "occurred_at_us": micros,
        "caller": "alice@example.org",
        "correlation_id": Uuid::now_v7().to_string(),
        "causation_id": Uuid::now_v7().to_string(),
        "idempotency": { "key": &digest, "request_fingerprint": &digest },
        "events": [{
            "event_id": binary(Uuid::now_v7()),
            "event_type": "FundsDeposited",
            "schema_version": 1_i64,
            "data": { "amount_minor": 1050_i64, "currency": "EUR", "reference": "rent" },
        }],
        "state": { "state_version": 1_i64, "data": { "owner": "alice", "balance_minor": 1050_i64, "currency": "EUR" } },
        "previous_hash": &digest,
        "hash": &digest,
        "undelivered": true,
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Failure> {
    let url = std::env::var("EVENT_STORE_URL").map_err(|_| "EVENT_STORE_URL is not set")?;
    let milliseconds = std::env::var("LAYOUTS_MS").ok().and_then(|text| text.parse().ok()).unwrap_or(2_000);
    let time = Duration::from_millis(milliseconds);
    let run = Uuid::now_v7().simple().to_string();
    let mut options = ClientOptions::parse(&url).await?;
    options.max_pool_size = Some(32);
    let client = Client::with_options(options)?;
    let name_of = |index: usize| format!("layouts_{run}_{index}");

    let mut contenders = Vec::new();
    for (index, layout) in LAYOUTS.into_iter().enumerate() {
        let database = client.database(&name_of(index));
        layout.prepare(&database).await?;
        contenders.push((layout, database));
    }
    let adapter_database = format!("layouts_{run}_adapter");
    let store = Arc::new(MongoEventStore::connect(&with_database(&url, &adapter_database)).await?);
    store.prepare().await?;

    println!("inserts/s, majority and journal; in brackets the ratio to the bare insert");
    let mut columns: Vec<(String, Vec<f64>)> =
        contenders.iter().map(|(layout, _)| (layout.name().to_owned(), Vec::new())).collect();
    columns.push(("MongoEventStore::append".to_owned(), Vec::new()));
    for concurrency in CONCURRENCIES {
        let mut rates = vec![Vec::new(); columns.len()];
        for _ in 0..ROUNDS {
            for (index, (layout, database)) in contenders.iter().enumerate() {
                let (layout, commits) = (*layout, commits_of(database, ReadConcern::majority()));
                let insert = move |stream_id, version| {
                    let commits = commits.clone();
                    async move {
                        commits.insert_one(layout.document(stream_id, version)).await?;
                        Ok(())
                    }
                };
                rates[index].push(rate(concurrency, time, insert).await?);
            }
            let store = Arc::clone(&store);
            let append = move |stream_id, version| {
                let store = Arc::clone(&store);
                async move { Ok(store.append(&commit(stream_id, version)).await?) }
            };
            rates[contenders.len()].push(rate(concurrency, time, append).await?);
        }
        columns.iter_mut().zip(rates).for_each(|((_, column), rates)| column.push(median(rates)));
    }
    print_table(&columns);

    println!("\nloads of the newest commit/s; in brackets the ratio to the first");
    let mut columns = Vec::new();
    for (layout, _) in &contenders[1..] {
        columns.push((layout.name().to_owned(), Vec::new()));
    }
    columns.push(("compound _id, linearizable".to_owned(), Vec::new()));
    columns.push(("MongoEventStore::last_commit".to_owned(), Vec::new()));
    let mut streams = Vec::new();
    for (layout, database) in &contenders {
        let field = layout.stream_field();
        let commits = commits_of(database, ReadConcern::majority());
        let sampled = commits
            .aggregate([doc! { "$sample": { "size": 500 } }, doc! { "$project": { "id": format!("${field}") } }]);
        let mut ids = Vec::new();
        let mut cursor = sampled.await?;
        while cursor.advance().await? {
            let document = Document::try_from(cursor.current())?;
            if let Some(Bson::Binary(id)) = document.get("id") {
                ids.push(Uuid::from_slice(&id.bytes)?);
            }
        }
        streams.push(Arc::new(ids));
    }
    for concurrency in CONCURRENCIES {
        let mut rates = vec![Vec::new(); columns.len()];
        for _ in 0..ROUNDS {
            for index in 1..contenders.len() + 1 {
                // The last contender is the compound id again, read linearizably.
                let linearizable = index == contenders.len();
                let of = if linearizable { 2 } else { index };
                let (layout, database) = &contenders[of];
                let read_concern = if linearizable { ReadConcern::linearizable() } else { ReadConcern::majority() };
                let (layout, commits) = (*layout, commits_of(database, read_concern));
                let ids = Arc::clone(&streams[of]);
                let next = Arc::new(AtomicU64::new(0));
                let load = move |_, _| {
                    let (commits, ids, next) = (commits.clone(), Arc::clone(&ids), Arc::clone(&next));
                    async move {
                        let turn = usize::try_from(next.fetch_add(1, Ordering::Relaxed))? % ids.len();
                        layout.newest(&commits, ids[turn]).await?.ok_or("no commit")?;
                        Ok(())
                    }
                };
                rates[index - 1].push(rate(concurrency, time, load).await?);
            }
            let (store, next) = (Arc::clone(&store), Arc::new(AtomicU64::new(0)));
            let founded = store.undelivered(Timestamp::now(), 500).await?.commits;
            let ids: Arc<Vec<StreamId>> = Arc::new(founded.iter().map(|commit| commit.draft.stream_id).collect());
            let load = move |_, _| {
                let (store, ids, next) = (Arc::clone(&store), Arc::clone(&ids), Arc::clone(&next));
                async move {
                    let turn = usize::try_from(next.fetch_add(1, Ordering::Relaxed))? % ids.len();
                    store.last_commit(ids[turn]).await?.ok_or("no commit")?;
                    Ok(())
                }
            };
            rates[contenders.len()].push(rate(concurrency, time, load).await?);
        }
        columns.iter_mut().zip(rates).for_each(|((_, column), rates)| column.push(median(rates)));
    }
    print_table(&columns);

    println!("\nbytes per commit on disk, after a checkpoint");
    client.database("admin").run_command(doc! { "fsync": 1 }).await?;
    for (layout, database) in &contenders {
        let stats = database.run_command(doc! { "collStats": "commits" }).await?;
        let count = number(stats.get("count")).max(1);
        let indexes: Vec<String> = stats
            .get_document("indexSizes")?
            .iter()
            .map(|(name, size)| format!("{name} {}", number(Some(size)) / count))
            .collect();
        println!(
            "| {} | {} commits | data {} | indexes {} = {} |",
            layout.name(),
            count,
            number(stats.get("storageSize")) / count,
            number(stats.get("totalIndexSize")) / count,
            indexes.join(" + ")
        );
    }
    for (_, database) in &contenders {
        database.drop().await?;
    }
    client.database(&adapter_database).drop().await?;
    Ok(())
}

fn commits_of(database: &Database, read_concern: ReadConcern) -> Collection<Document> {
    let durable = WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build();
    let options = CollectionOptions::builder().write_concern(durable).read_concern(read_concern).build();
    database.collection_with_options("commits", options)
}

#[expect(clippy::float_arithmetic, reason = "a measurement")]
fn print_table(rows: &[(String, Vec<f64>)]) {
    println!("| | concurrency 1 | 8 | 32 |\n| --- | --- | --- | --- |");
    for (name, rates) in rows {
        let cells: Vec<String> =
            rates.iter().zip(&rows[0].1).map(|(rate, first)| format!("{rate:.0} ({:.2})", rate / first)).collect();
        println!("| {name} | {} |", cells.join(" | "));
    }
}

fn number(value: Option<&Bson>) -> i64 {
    match value {
        Some(Bson::Int32(number)) => i64::from(*number),
        Some(Bson::Int64(number)) => *number,
        #[expect(clippy::cast_possible_truncation, reason = "sizes that the server gives as whole doubles")]
        Some(Bson::Double(number)) => *number as i64,
        _ => 0,
    }
}

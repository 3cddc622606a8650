//! Measures what it costs to append to several streams together, all or none, against one append to one stream. All
//! are measured in one run, in turns:
//!
//! ```text
//! EVENT_STORE_URL='mongodb://127.0.0.1:27017/?replicaSet=rs0' cargo run --release -p mongo-stores --example joint_appends
//! ```
//!
//! `JOINT_APPENDS_MS` sets the measuring time of each figure, 2000 by default. The program works in databases of its own,
//! which it drops. A person reads its output; no result makes it fail. The server's processor time includes the time for
//! all other clients, so the server should have none.

mod measure;

use std::sync::Arc;
use std::time::Duration;

use cqrs::{Commit, CommitDraft, EventStoreRepository as _};
use measure::{Failure, commit, median, rate, with_database};
use mongo_stores::MongoEventStore;
use mongodb::bson::{Document, RawDocumentBuf, doc, serialize_to_document};
use mongodb::options::{Acknowledgment, ClientOptions, CollectionOptions, WriteConcern};
use mongodb::{Client, Collection, Database};
use uuid::Uuid;

const CONCURRENCIES: [usize; 2] = [1, 32];
/// The number of rounds. In each round the ways take turns, and each figure is the median of the rounds.
const ROUNDS: usize = 3;

/// A way to store a decision.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// `MongoEventStore::append`: a deposit.
    OneInsert,
    /// `MongoEventStore::append_together` of two commits.
    TransactionOfTwo,
    /// `MongoEventStore::append_together` of three commits: a transfer.
    TransactionOfThree,
    /// Three commits in one `insertMany` that is no transaction. It may store a part, so it is no choice. It shows how
    /// much of the cost is the three documents.
    ThreeWithoutTransaction,
    /// One document that holds three commits, with one unique index over the places of all of them.
    OneDocumentOfThree,
}

const WAYS: [Way; 5] = [
    Way::OneInsert,
    Way::TransactionOfTwo,
    Way::TransactionOfThree,
    Way::ThreeWithoutTransaction,
    Way::OneDocumentOfThree,
];

impl Way {
    fn name(self) -> &'static str {
        match self {
            Self::OneInsert => "one insert (`append`)",
            Self::TransactionOfTwo => "transaction of two inserts (`append_together`)",
            Self::TransactionOfThree => "transaction of three inserts (`append_together`)",
            Self::ThreeWithoutTransaction => "three inserts in one message, no transaction",
            Self::OneDocumentOfThree => "one document with three slots under one unique index",
        }
    }
}

/// The databases of the ways.
struct Contenders {
    store: MongoEventStore,
    plain: Collection<Document>,
    slots: Collection<Document>,
}

impl Contenders {
    async fn decide(&self, way: Way, stream_id: Uuid, version: u64) -> Result<(), Failure> {
        match way {
            Way::OneInsert => self.store.append(&commit(stream_id, version)).await?,
            Way::TransactionOfTwo => self.store.append_together(&commits(stream_id, version, 2)).await?,
            Way::TransactionOfThree => self.store.append_together(&commits(stream_id, version, 3)).await?,
            Way::ThreeWithoutTransaction => {
                let documents: Vec<Document> = commits(stream_id, version, 3)
                    .iter()
                    .map(|commit| {
                        let mut document = content(commit);
                        document.insert("_id", slot(commit));
                        document
                    })
                    .collect();
                self.plain.insert_many(documents).await?;
            }
            Way::OneDocumentOfThree => {
                let commits = commits(stream_id, version, 3);
                let parts: Vec<Document> = commits
                    .iter()
                    .map(|commit| {
                        let mut document = slot(commit);
                        document.extend(content(commit));
                        document.remove("idempotency");
                        document
                    })
                    .collect();
                // The key stands beside the array. Within it, a unique index would hold a null for each commit without a key,
                // and a stream would take only one of them.
                let mut decision = doc! { "leading": stream_id.to_string(), "commits": parts, "undelivered": true };
                if let Some(idempotency) = &commits[0].draft.idempotency {
                    decision.insert("idempotency", serialize_to_document(idempotency)?);
                }
                self.slots.insert_one(decision).await?;
            }
        }
        Ok(())
    }
}

/// Commits of as many streams. Only the first has a key.
fn commits(stream_id: Uuid, version: u64, number: u128) -> Vec<Commit> {
    (0..number)
        .map(|offset| {
            let sealed = commit(Uuid::from_u128(stream_id.as_u128() ^ (offset << 8)), version);
            if offset == 0 { sealed } else { CommitDraft { idempotency: None, ..sealed.draft }.seal() }
        })
        .collect()
}

/// The place of a commit.
fn slot(commit: &Commit) -> Document {
    let version = i64::try_from(commit.draft.first_version).expect("small");
    doc! { "stream_id": commit.draft.stream_id.to_string(), "first_version": version }
}

/// The members of a commit beside its place, of the same length in every way.
fn content(commit: &Commit) -> Document {
    let mut document = serialize_to_document(commit).expect("plain BSON");
    document.remove("stream_id");
    document.remove("first_version");
    document
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Failure> {
    let url = std::env::var("EVENT_STORE_URL").map_err(|_| "EVENT_STORE_URL is not set")?;
    let milliseconds = std::env::var("JOINT_APPENDS_MS").ok().and_then(|text| text.parse().ok()).unwrap_or(2_000);
    let time = Duration::from_millis(milliseconds);
    let run = Uuid::now_v7().simple().to_string();
    let mut options = ClientOptions::parse(&url).await?;
    options.max_pool_size = Some(32);
    let client = Client::with_options(options)?;
    let adapter_database = format!("joint_appends_{run}_adapter");
    let store = MongoEventStore::connect(&with_database(&url, &adapter_database)).await?;
    store.prepare().await?;
    let others = client.database(&format!("joint_appends_{run}"));
    let contenders = Arc::new(Contenders {
        store,
        plain: prepared(&others, "commits", doc! { "_id.stream_id": 1, "idempotency.key": 1 }, None).await?,
        slots: prepared(
            &others,
            "decisions",
            doc! { "leading": 1, "idempotency.key": 1 },
            Some(doc! { "commits.stream_id": 1, "commits.first_version": 1 }),
        )
        .await?,
    });

    let sample: Vec<usize> = commits(Uuid::now_v7(), 2, 2).iter().map(content).map(length).collect::<Result<_, _>>()?;
    println!("a commit has {} bytes with a key, {} without", sample[0], sample[1]);
    println!(
        "| | {} |",
        CONCURRENCIES.map(|number| format!("{number} at once: decisions/s | ms | server µs")).join(" | ")
    );
    println!("| --- |{}", " --- |".repeat(3 * CONCURRENCIES.len()));
    let mut rows: Vec<Vec<String>> = WAYS.iter().map(|_| Vec::new()).collect();
    for concurrency in CONCURRENCIES {
        let mut rates = vec![Vec::new(); WAYS.len()];
        let mut processor_us = vec![Vec::new(); WAYS.len()];
        for _ in 0..ROUNDS {
            for (index, way) in WAYS.into_iter().enumerate() {
                let contenders = Arc::clone(&contenders);
                let decide = move |stream_id, version| {
                    let contenders = Arc::clone(&contenders);
                    async move { contenders.decide(way, stream_id, version).await }
                };
                let before = server_processor_us(&client).await?;
                let rate = rate(concurrency, time, decide).await?;
                let spent = server_processor_us(&client).await? - before;
                rates[index].push(rate);
                processor_us[index].push(each(spent, rate, time));
            }
        }
        for ((row, rates), processor_us) in rows.iter_mut().zip(rates).zip(processor_us) {
            row.push(cells(median(rates), median(processor_us), concurrency));
        }
    }
    for (way, row) in WAYS.into_iter().zip(rows) {
        println!("| {} | {} |", way.name(), row.join(" | "));
    }
    others.drop().await?;
    client.database(&adapter_database).drop().await?;
    Ok(())
}

/// A collection with durable writes, an index of the keys, and perhaps a unique index.
async fn prepared(
    database: &Database,
    name: &str,
    by_key: Document,
    unique: Option<Document>,
) -> Result<Collection<Document>, Failure> {
    database.run_command(doc! { "create": name }).await?;
    let mut indexes = vec![
        doc! {
            "name": "by_key", "key": by_key.clone(), "unique": true,
            "partialFilterExpression": { by_key.keys().last().expect("two members"): { "$exists": true } },
        },
        doc! {
            "name": "undelivered", "key": { "occurred_at": 1 },
            "partialFilterExpression": { "undelivered": true },
        },
    ];
    indexes.extend(unique.map(|key| doc! { "name": "by_place", "key": key, "unique": true }));
    database.run_command(doc! { "createIndexes": name, "indexes": indexes }).await?;
    let durable = WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build();
    Ok(database.collection_with_options(name, CollectionOptions::builder().write_concern(durable).build()))
}

fn length(document: Document) -> Result<usize, Failure> {
    Ok(RawDocumentBuf::try_from(&document)?.as_bytes().len())
}

/// The processor time that the server has used since its start, in microseconds.
async fn server_processor_us(client: &Client) -> Result<i64, Failure> {
    let status = client.database("admin").run_command(doc! { "serverStatus": 1 }).await?;
    let info = status.get_document("extra_info")?;
    Ok(info.get_i64("user_time_us")? + info.get_i64("system_time_us")?)
}

#[expect(clippy::float_arithmetic, clippy::cast_precision_loss, reason = "a measurement")]
fn each(spent_us: i64, rate: f64, time: Duration) -> f64 {
    spent_us as f64 / (rate * time.as_secs_f64())
}

#[expect(clippy::float_arithmetic, clippy::cast_precision_loss, reason = "a measurement")]
fn cells(rate: f64, processor_us: f64, concurrency: usize) -> String {
    format!("{rate:.0} | {:.2} | {processor_us:.0}", 1_000.0 * concurrency as f64 / rate)
}

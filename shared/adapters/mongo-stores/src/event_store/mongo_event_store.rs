use async_trait::async_trait;
use cqrs::{
    AppendError, Commit, DeliveryMarks, Digest, EventStoreRepository, MarkError, ReadError, StreamId, Timestamp,
    Undelivered,
};
use futures::TryStreamExt as _;
use mongodb::bson::{Document, RawDocumentBuf, doc};
use mongodb::error::{ErrorKind, WriteFailure};
use mongodb::options::{Acknowledgment, Hint, WriteConcern};
use mongodb::{Collection, Database};

use super::commit_document::{UNDELIVERED, commit_id, from_document, to_document, uuid_to_bson, version_to_bson};
use super::prepare::{self, BY_IDEMPOTENCY_KEY, COMMITS, UNDELIVERED_BY_TIME};
use crate::bounded::{OPERATION_TIMEOUT, bounded};
use crate::connection::{connect, durable_collection};
use crate::{ConnectError, OperationError, PrepareError};

/// The setting that the URL is from.
const EVENT_STORE_URL: &str = "EVENT_STORE_URL";
/// The server's code for a unique index that has such an entry already.
const DUPLICATE_KEY: i32 = 11000;
/// Bounds the first answer to a read of many commits; a cursor fetches the rest.
const MAX_BATCH: u32 = 1_000;

/// The event store in one collection of a MongoDB replica set.
///
/// # What a write guarantees
/// [`append`](EventStoreRepository::append) returns once a majority of the replica set has the commit in its
/// journal, so that no change of primary takes it back. The driver sends it once more when a connection breaks;
/// the server knows it again by its transaction number and answers as it did the first time, so that a commit
/// never loses a race against itself.
///
/// # What a read guarantees
/// Reads go to the primary and see what a majority has: every commit whose `append` has returned, to whomever,
/// and never one that could still be taken back. The one exception is a primary that has been replaced and
/// has not noticed yet, cut off with the client on its side of the break: until it steps down (10 s at most) it
/// may answer as of before. Nothing decided on such an answer is ever stored: an append needs the
/// majority. A *refusal* decided on it would be of a state that was true when the break began; it has no
/// effect, is not remembered, and a retry is judged anew. Linearizable reads would close that gap at the price
/// of some 100 ms on every load; see `docs/decisions/0011-mongodb-layout.md`.
#[derive(Debug, Clone)]
pub struct MongoEventStore {
    database: Database,
    /// Raw, so that the bytes become a commit in one place, with the stream at hand when they do not.
    pub(crate) commits: Collection<RawDocumentBuf>,
}

impl MongoEventStore {
    /// A client for this URL. Connections are opened as they are needed, so a server that is away is found out
    /// by the first operation. What the URL says of pools and timeouts holds; that writes wait for the majority's
    /// journals it cannot change.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub async fn connect(url: &str) -> Result<Self, ConnectError> {
        let database = connect(url, EVENT_STORE_URL).await?;
        let commits = durable_collection(&database, COMMITS);
        Ok(Self { database, commits })
    }

    /// Makes the collection, its validator and its indexes, or brings them up to date. To be run before the
    /// first command and with each release, by whoever deploys: a function must not need the right to.
    ///
    /// A store that was forgotten here still refuses a second commit of one version, since that is the
    /// document's own id; [`ping`](EventStoreRepository::ping) says that it is not prepared.
    ///
    /// # Errors
    /// See [`PrepareError`].
    pub async fn prepare(&self) -> Result<(), PrepareError> {
        prepare::prepare(&self.database).await
    }

    /// Up to `limit` commits of this filter in this order, by this index where one is named.
    async fn find(
        &self,
        filter: Document,
        order: Document,
        limit: u32,
        index: Option<&'static str>,
    ) -> Result<Vec<Commit>, ReadError> {
        let documents = self.find_documents(filter, order, limit, index).await?;
        documents.iter().map(|document| from_document(document).map_err(corrupt)).collect()
    }

    pub(crate) async fn find_documents(
        &self,
        filter: Document,
        order: Document,
        limit: u32,
        index: Option<&'static str>,
    ) -> Result<Vec<RawDocumentBuf>, ReadError> {
        // To MongoDB a limit of 0 is none at all.
        if limit == 0 {
            return Ok(Vec::new());
        }
        let commits = self.commits.clone();
        let found = async move {
            let mut find = commits
                .find(filter)
                .sort(order)
                .limit(i64::from(limit))
                .batch_size(limit.min(MAX_BATCH))
                .max_time(OPERATION_TIMEOUT);
            if let Some(name) = index {
                find = find.hint(Hint::Name(name.to_owned()));
            }
            find.await?.try_collect::<Vec<RawDocumentBuf>>().await
        };
        bounded(Box::pin(found)).await.map_err(unavailable)
    }

    /// The stream's newest commit that starts at or before this version.
    async fn newest_up_to(&self, stream_id: StreamId, version: i64) -> Result<Option<Commit>, ReadError> {
        let newest = self.find(of_versions(stream_id, 0, version), doc! { "_id": -1 }, 1, None).await?;
        Ok(newest.into_iter().next())
    }
}

#[async_trait]
impl EventStoreRepository for MongoEventStore {
    async fn append(&self, commit: &Commit) -> Result<(), AppendError> {
        let document = to_document(commit);
        let commits = self.commits.clone();
        let inserted = bounded(Box::pin(async move { commits.insert_one(document).await })).await;
        let error = match inserted {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        let (stream_id, first_version) = (commit.draft.stream_id, commit.draft.first_version);
        match taken_index(&error) {
            Some("_id_") => Err(AppendError::VersionTaken { stream_id, first_version }),
            Some(BY_IDEMPOTENCY_KEY) => Err(AppendError::IdempotencyKeyTaken { stream_id }),
            // A majority that did not answer in time is among these: the commit may be there or not.
            _ => Err(AppendError::Unavailable { source: error.into() }),
        }
    }

    async fn last_commit(&self, stream_id: StreamId) -> Result<Option<Commit>, ReadError> {
        self.newest_up_to(stream_id, i64::MAX).await
    }

    async fn commits_from(&self, stream_id: StreamId, from_version: u64, limit: u32) -> Result<Vec<Commit>, ReadError> {
        let from_version = version_to_bson(from_version);
        let ascending = doc! { "_id": 1 };
        let mut commits = self.find(of_versions(stream_id, from_version, i64::MAX), ascending, limit, None).await?;
        // Whoever reads page by page asks for a version that a commit starts at, and is done here.
        let starts_there = |commit: &Commit| version_to_bson(commit.draft.first_version) == from_version;
        if limit == 0 || from_version <= 1 || commits.first().is_some_and(starts_there) {
            return Ok(commits);
        }
        // Read after the ones behind it and not before, so that no commit can come to lie in between unseen.
        if let Some(holder) = self.newest_up_to(stream_id, from_version).await?
            && version_to_bson(holder.last_version()) >= from_version
        {
            commits.insert(0, holder);
            commits.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        }
        Ok(commits)
    }

    async fn commit_by_idempotency_key(&self, stream_id: StreamId, key: &Digest) -> Result<Option<Commit>, ReadError> {
        let filter = doc! { "_id.stream_id": uuid_to_bson(stream_id.0), "idempotency.key": key.to_string() };
        let found = self.find(filter, doc! {}, 1, Some(BY_IDEMPOTENCY_KEY)).await?;
        Ok(found.into_iter().next())
    }

    /// Asks for the index of the keys by name: the server then says so when [`prepare`](Self::prepare) was
    /// forgotten.
    async fn ping(&self) -> Result<(), ReadError> {
        let commits = self.commits.clone();
        let asked = async move {
            commits
                .find_one(doc! { "idempotency.key": { "$exists": true } })
                .hint(Hint::Name(BY_IDEMPOTENCY_KEY.to_owned()))
                .max_time(OPERATION_TIMEOUT)
                .await
        };
        bounded(Box::pin(asked)).await.map(|_| ()).map_err(unavailable)
    }
}

#[async_trait]
impl DeliveryMarks for MongoEventStore {
    /// A stream's times never run backwards, so their order is that of each stream too.
    async fn undelivered(&self, older_than: Timestamp, limit: u32) -> Result<Undelivered, ReadError> {
        let filter = doc! { UNDELIVERED: true, "occurred_at_us": { "$lt": older_than.unix_micros() } };
        let order = doc! { "occurred_at_us": 1, "_id.first_version": 1 };
        let mut undelivered = Undelivered::default();
        for document in self.find_documents(filter, order, limit, Some(UNDELIVERED_BY_TIME)).await? {
            match from_document(&document) {
                Ok(commit) => undelivered.commits.push(commit),
                Err(reason) => undelivered.unreadable.push(corrupt(reason)),
            }
        }
        Ok(undelivered)
    }

    /// The one change that is ever made to a commit. Waits for the primary alone, not for its disk nor for the
    /// majority.
    async fn mark_delivered(&self, stream_id: StreamId, first_version: u64) -> Result<(), MarkError> {
        let filter = of_version(stream_id, version_to_bson(first_version));
        let commits = self.commits.clone();
        let unmark = async move {
            let quick = WriteConcern::builder().w(Acknowledgment::Nodes(1)).build();
            commits.update_one(filter, doc! { "$unset": { UNDELIVERED: "" } }).write_concern(quick).await
        };
        bounded(Box::pin(unmark)).await.map(|_| ()).map_err(|source| MarkError { source: source.into() })
    }
}

/// The commits of this stream that start between these versions, both included.
///
/// `_id` alone would say all of it; the stream is named again for a sharded collection's router, which cannot
/// tell from a range of ids that they are all of one stream.
fn of_versions(stream_id: StreamId, from_version: i64, to_version: i64) -> Document {
    doc! {
        "_id": { "$gte": commit_id(stream_id, from_version), "$lte": commit_id(stream_id, to_version) },
        "_id.stream_id": uuid_to_bson(stream_id.0),
    }
}

fn of_version(stream_id: StreamId, first_version: i64) -> Document {
    doc! { "_id": commit_id(stream_id, first_version), "_id.stream_id": uuid_to_bson(stream_id.0) }
}

/// The index that was in the way of an insert.
///
/// The server's answer names the index in its message and, since 4.2, the members beside it; the driver keeps the
/// message alone. Only names and hexadecimal digits of ours are in there, nothing that a client wrote.
fn taken_index(error: &OperationError) -> Option<&str> {
    let OperationError::Driver(error) = error else {
        return None;
    };
    match &*error.kind {
        ErrorKind::Write(WriteFailure::WriteError(error)) if error.code == DUPLICATE_KEY => {
            let (_, behind) = error.message.split_once(" index: ")?;
            behind.split_once(' ').map(|(name, _)| name)
        }
        _ => None,
    }
}

pub(crate) fn unavailable(error: OperationError) -> ReadError {
    ReadError::Unavailable { source: error.into() }
}

pub(crate) fn corrupt((stream_id, reason): (StreamId, String)) -> ReadError {
    ReadError::Corrupt { stream_id, reason }
}

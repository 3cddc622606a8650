use std::collections::BTreeSet;

use async_trait::async_trait;
use cqrs::{
    AppendError, Commit, CommitPlace, DeliveryMarks, Digest, EventStoreRepository, MarkError, ReadError, RunOutcome,
    StreamId, Timestamp, Undelivered,
};
use futures::TryStreamExt as _;
use mongodb::bson::{Bson, Document, RawDocumentBuf, doc};
use mongodb::options::{Acknowledgment, Hint, WriteConcern};
use mongodb::{Collection, Database};

use super::append_runs::{append_error, append_runs};
use super::commit_document::{UNDELIVERED, commit_id, from_document, to_document, uuid_to_bson, version_to_bson};
use super::prepare::{self, BY_IDEMPOTENCY_KEY, COMMITS, UNDELIVERED_BY_TIME};
use super::transaction;
use crate::bounded::{OPERATION_TIMEOUT, bounded};
use crate::connection::{RequestsAtOnce, connect, durable_collection};
use crate::{ConnectError, OperationError, PrepareError};

/// The setting that gives the URL.
const EVENT_STORE_URL: &str = "EVENT_STORE_URL";
/// The size limit of the first answer to a read of many commits. A cursor fetches the rest.
const MAX_BATCH: u32 = 1_000;
/// The largest number of marks that are taken away with one request.
const MAX_MARKS: usize = 1_000;

/// The event store in one collection of a MongoDB replica set.
///
/// # Guarantees of a write
/// [`append`](EventStoreRepository::append) returns once a majority of the replica set has the commit in its journal.
/// So no change of primary takes the commit back. When a connection breaks, the driver sends the commit once more. The
/// server recognizes it by its transaction number and repeats its first answer. So a commit never loses a race against
/// itself.
///
/// # Guarantees of a read
/// Reads go to the primary and see the data that a majority has. So a read sees every commit whose `append` has
/// returned to any writer. It never sees a commit that could still be taken back.
///
/// There is one exception: a primary that has been replaced and has not noticed it yet, cut off together with the
/// client. Until it steps down (10 s at most) it may answer with older data. A decision made on such an answer is never
/// stored, because an append needs the majority. A *refusal* decided on it refers to a state that was true when the
/// break began. The refusal has no effect and is not remembered, and a retry is decided anew. Linearizable reads would
/// close that gap, but would add some 100 ms to every load. See `docs/decisions/0011-mongodb-layout.md`.
#[derive(Debug, Clone)]
pub struct MongoEventStore {
    database: Database,
    /// The documents are raw, so that their bytes become a commit in one place. If that fails, the stream is known
    /// there.
    pub(crate) commits: Collection<RawDocumentBuf>,
}

impl MongoEventStore {
    /// A client for this URL. Connections are opened as they are needed, so the first operation finds out whether the
    /// server is away. The URL's options for pools and timeouts are used. The URL cannot change that writes wait for
    /// the majority's journals.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub async fn connect(url: &str) -> Result<Self, ConnectError> {
        Self::connect_for(url, RequestsAtOnce::One).await
    }

    /// As [`connect`](Self::connect), for a program that serves this many requests at once.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub async fn connect_for(url: &str, requests_at_once: RequestsAtOnce) -> Result<Self, ConnectError> {
        let database = connect(url, EVENT_STORE_URL, requests_at_once).await?;
        let commits = durable_collection(&database, COMMITS);
        Ok(Self { database, commits })
    }

    /// Makes the collection, its validator and its indexes, or brings them up to date. The person who deploys runs this
    /// before the first command and with each release. A function must not need the right to do so.
    ///
    /// An unprepared store still refuses a second commit of one version, because the version is part of the document's
    /// own id. [`ping`](EventStoreRepository::ping) reports that the store is not prepared.
    ///
    /// # Errors
    /// See [`PrepareError`].
    pub async fn prepare(&self) -> Result<(), PrepareError> {
        prepare::prepare(&self.database).await
    }

    /// Up to `limit` commits of this filter in this order. If an index is named, the search uses it.
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
        // For MongoDB, a limit of 0 means no limit.
        if limit == 0 {
            return Ok(Vec::new());
        }
        let commits = self.commits.clone();
        let reading = async move {
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
        bounded(Box::pin(reading)).await.map_err(unavailable)
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
        match inserted {
            Ok(_) => Ok(()),
            Err(error) => Err(append_error(commit, error)),
        }
    }

    async fn append_together(&self, commits: &[Commit]) -> Result<(), AppendError> {
        transaction::append_together(&self.database, &self.commits, commits).await
    }

    async fn append_runs(&self, runs: &[Vec<&Commit>]) -> Vec<RunOutcome> {
        append_runs(&self.commits, runs).await
    }

    async fn last_commit(&self, stream_id: StreamId) -> Result<Option<Commit>, ReadError> {
        self.newest_up_to(stream_id, i64::MAX).await
    }

    async fn commits_from(&self, stream_id: StreamId, from_version: u64, limit: u32) -> Result<Vec<Commit>, ReadError> {
        let from_version = version_to_bson(from_version);
        let ascending = doc! { "_id": 1 };
        let mut commits = self.find(of_versions(stream_id, from_version, i64::MAX), ascending, limit, None).await?;
        // A reader that reads page by page asks for a version that starts a commit. Then the reading ends here.
        let starts_there = |commit: &Commit| version_to_bson(commit.draft.first_version) == from_version;
        if limit == 0 || from_version <= 1 || commits.first().is_some_and(starts_there) {
            return Ok(commits);
        }
        // This commit is read after the later commits and not before them. Otherwise a commit could appear between the
        // two reads and be missed.
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
        let commits = self.find(filter, doc! {}, 1, Some(BY_IDEMPOTENCY_KEY)).await?;
        Ok(commits.into_iter().next())
    }

    /// Asks for the index of the keys by name. If [`prepare`](Self::prepare) was forgotten, the server then reports an
    /// error.
    async fn ping(&self) -> Result<(), ReadError> {
        let commits = self.commits.clone();
        let reading = async move {
            commits
                .find_one(doc! { "idempotency.key": { "$exists": true } })
                .hint(Hint::Name(BY_IDEMPOTENCY_KEY.to_owned()))
                .max_time(OPERATION_TIMEOUT)
                .await
        };
        bounded(Box::pin(reading)).await.map(|_| ()).map_err(unavailable)
    }
}

#[async_trait]
impl DeliveryMarks for MongoEventStore {
    /// A stream's times never run backwards, so the order by time is also the order of each stream.
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

    /// Removes the marks. This is the only change that is ever made to a commit. The call waits for the primary alone,
    /// and neither for its disk nor for the majority.
    async fn mark_delivered(&self, places: &[CommitPlace]) -> Result<(), MarkError> {
        for places in places.chunks(MAX_MARKS) {
            let filter = of_places(places);
            let commits = self.commits.clone();
            let unmark = async move {
                let quick = WriteConcern::builder().w(Acknowledgment::Nodes(1)).build();
                commits.update_many(filter, doc! { "$unset": { UNDELIVERED: "" } }).write_concern(quick).await
            };
            bounded(Box::pin(unmark)).await.map_err(|source| MarkError { source: source.into() })?;
        }
        Ok(())
    }
}

/// The commits of this stream that start between these versions, both included.
///
/// A filter on `_id` would be enough. The stream is named a second time for the router of a sharded collection: it
/// cannot tell from a range of ids that all of them belong to one stream.
fn of_versions(stream_id: StreamId, from_version: i64, to_version: i64) -> Document {
    doc! {
        "_id": { "$gte": commit_id(stream_id, from_version), "$lte": commit_id(stream_id, to_version) },
        "_id.stream_id": uuid_to_bson(stream_id.0),
    }
}

/// The commits in these places. The streams are named for the router here too.
fn of_places(places: &[CommitPlace]) -> Document {
    let ids = places.iter().map(|place| commit_id(place.stream_id, version_to_bson(place.first_version)));
    let streams: BTreeSet<StreamId> = places.iter().map(|place| place.stream_id).collect();
    let streams = streams.into_iter().map(|stream_id| uuid_to_bson(stream_id.0));
    doc! {
        "_id": { "$in": ids.map(Bson::from).collect::<Vec<_>>() },
        "_id.stream_id": { "$in": streams.map(Bson::from).collect::<Vec<_>>() },
    }
}

pub(crate) fn unavailable(error: OperationError) -> ReadError {
    ReadError::Unavailable { source: error.into() }
}

pub(crate) fn corrupt((stream_id, reason): (StreamId, String)) -> ReadError {
    ReadError::Corrupt { stream_id, reason }
}

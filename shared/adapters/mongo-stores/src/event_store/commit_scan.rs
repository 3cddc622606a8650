use async_trait::async_trait;
use cqrs::{CommitPlace, CommitScan, EventStoreSize, ReadError, ScannedCommit, StreamId, StreamRange};
use futures::TryStreamExt as _;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, Document, RawDocument, doc};
use uuid::Uuid;

use super::commit_document::{commit_id, from_document, misfits, version_to_bson};
use super::mongo_event_store::{MongoEventStore, corrupt, unavailable};
use crate::OperationError;
use crate::bounded::bounded;

/// The number of streams that are sampled for each part of a split. More samples make the parts more even.
const SAMPLES_PER_PART: u32 = 64;

#[async_trait]
impl CommitScan for MongoEventStore {
    /// Reads in the order of the index on `_id`: by the bytes of the stream's id, then by version.
    async fn scan(
        &self,
        range: StreamRange,
        after: Option<CommitPlace>,
        limit: u32,
    ) -> Result<Vec<ScannedCommit>, ReadError> {
        // The scan goes on from the next version, and not from the position after this `_id`. An `_id` with a third
        // member would otherwise come again and again.
        let from = match after {
            Some(after) => commit_id(after.stream_id, version_to_bson(after.first_version.saturating_add(1))),
            None => commit_id(range.from.unwrap_or(StreamId(Uuid::nil())), 1),
        };
        let places = match range.before {
            Some(before) => doc! { "$gte": from, "$lt": commit_id(before, 1) },
            None => doc! { "$gte": from, "$lte": commit_id(StreamId(Uuid::max()), i64::MAX) },
        };
        let filter = doc! { "_id": places, "_id.first_version": version() };
        let documents = self.find_documents(filter, doc! { "_id": 1 }, limit, None).await?;
        documents
            .iter()
            .map(|document| {
                let place = place_of(document).map_err(|reason| corrupt((StreamId(Uuid::nil()), reason)))?;
                let commit = from_document(document).map_err(corrupt);
                let misfits = commit.as_ref().map_or_else(|_| Vec::new(), |commit| misfits(document, commit));
                Ok(ScannedCommit { place, commit, misfits })
            })
            .collect()
    }

    /// Splits at samples, which the server takes at random places of the collection.
    async fn split(&self, parts: u32) -> Result<Vec<StreamRange>, ReadError> {
        let size = i64::from(parts.saturating_mul(SAMPLES_PER_PART).max(1));
        let sampled =
            self.aggregate(vec![doc! { "$sample": { "size": size } }, doc! { "$project": { "_id": 1 } }]).await?;
        let samples =
            sampled.iter().filter_map(|document| place_in(document).ok()).map(|place| place.stream_id).collect();
        Ok(StreamRange::from_samples(samples, parts))
    }

    async fn size(&self) -> Result<EventStoreSize, ReadError> {
        let events = doc! { "$add": [{ "$subtract": ["$last_version", "$_id.first_version"] }, 1] };
        let counted = self
            .aggregate(vec![
                doc! { "$group": { "_id": null, "commits": { "$sum": 1_i64 }, "events": { "$sum": events } } },
            ])
            .await?;
        let Some(counted) = counted.first() else {
            return Ok(EventStoreSize::default());
        };
        let count = |name: &str| counted.get_i64(name).unwrap_or(0).unsigned_abs();
        Ok(EventStoreSize { commits: count("commits"), events: count("events") })
    }

    /// Searches for a time limit only, because no index leads to a type of aggregate. If the store is too large for a
    /// full search, the answer is that there may be such a commit.
    async fn has_commit_of(&self, aggregate_types: &[&str]) -> Result<bool, ReadError> {
        let of_types = doc! { "aggregate_type": { "$in": aggregate_types.to_vec() } };
        let commits = self.commits.clone_with_type::<Document>();
        let first_commit =
            bounded(Box::pin(async move { commits.find_one(of_types).projection(doc! { "_id": 1 }).await }));
        match first_commit.await {
            Ok(first_commit) => Ok(first_commit.is_some()),
            Err(OperationError::TooSlow) => Ok(true),
            Err(error) => Err(unavailable(error)),
        }
    }

    async fn misplaced(&self, limit: u32) -> Result<Vec<String>, ReadError> {
        let documents = self
            .aggregate(vec![
                doc! { "$match": misplaced_ids() },
                doc! { "$limit": i64::from(limit.max(1)) },
                doc! { "$project": { "_id": 1 } },
            ])
            .await?;
        Ok(documents.iter().map(|document| format!("a commit has the _id {}", id_of(document))).collect())
    }
}

impl MongoEventStore {
    /// Runs the stages without the time limit of a command's operations, because they read the whole collection.
    async fn aggregate(&self, stages: Vec<Document>) -> Result<Vec<Document>, ReadError> {
        let commits = self.commits.clone();
        // The operation runs in a task of its own, as every operation does: the driver's futures must not be dropped
        // halfway.
        let task = tokio::spawn(async move {
            commits.clone_with_type::<Document>().aggregate(stages).await?.try_collect::<Vec<_>>().await
        });
        task.await.map_err(OperationError::TaskEnded).and_then(|answer| Ok(answer?)).map_err(unavailable)
    }
}

/// A filter for every `_id` that has no place in the order, or holds more than its place. The validator refuses such
/// documents, but a writer can go around it. All documents between the first and the last place begin with a UUID named
/// `stream_id`.
fn misplaced_ids() -> Document {
    let places = doc! {
        "$gte": commit_id(StreamId(Uuid::nil()), 1),
        "$lte": commit_id(StreamId(Uuid::max()), i64::MAX),
    };
    let is_document = doc! { "$eq": [{ "$type": "$_id" }, "object"] };
    let has_more = doc! { "$ne": [{ "$size": { "$objectToArray": "$_id" } }, 2] };
    doc! { "$or": [
        { "$nor": [{ "_id": places, "_id.first_version": version() }] },
        { "$expr": { "$cond": [is_document, has_more, false] } },
    ] }
}

fn version() -> Document {
    doc! { "$type": ["long", "int"], "$gte": 1 }
}

fn place_of(document: &RawDocument) -> Result<CommitPlace, String> {
    place_in(&Document::try_from(document).map_err(|error| error.to_string())?)
}

fn place_in(document: &Document) -> Result<CommitPlace, String> {
    let id = document.get_document("_id").map_err(|error| error.to_string())?;
    let stream_id = match id.get("stream_id") {
        Some(Bson::Binary(Binary { subtype: BinarySubtype::Uuid, bytes })) => Uuid::from_slice(bytes).ok(),
        _ => None,
    };
    let first_version = match id.get("first_version") {
        Some(Bson::Int64(version)) => u64::try_from(*version).ok(),
        Some(Bson::Int32(version)) => u64::try_from(*version).ok(),
        _ => None,
    };
    match (stream_id, first_version) {
        (Some(stream_id), Some(first_version)) => Ok(CommitPlace { stream_id: StreamId(stream_id), first_version }),
        _ => Err(format!("a commit has the _id {id}")),
    }
}

fn id_of(document: &Document) -> String {
    document.get("_id").map_or_else(|| "of no kind".to_owned(), ToString::to_string)
}

//! The parts that the measurements of this folder share: a commit of the usual length, and rates of concurrent workers.

use std::error::Error;
use std::time::{Duration, Instant};

use cqrs::{Commit, CommitDraft, Digest, Idempotency, RecordedEvent, RecordedState, StreamId, Timestamp};
use futures::future::join_all;
use serde_json::json;
use uuid::Uuid;

pub type Failure = Box<dyn Error + Send + Sync>;

/// The number of streams that each worker writes to in turn.
const STREAMS_PER_WORKER: u64 = 50;

/// A deposit of the usual length, with a key.
pub fn commit(stream_id: Uuid, version: u64) -> Commit {
    let digest = Digest::of(Uuid::now_v7().as_bytes());
    CommitDraft {
        stream_id: StreamId(stream_id),
        aggregate_type: "account".to_owned(),
        first_version: version,
        events: vec![RecordedEvent {
            personal: None,
            event_id: Uuid::now_v7(),
            event_type: "FundsDeposited".to_owned(),
            schema_version: 1,
            data: json!({ "amount_minor": 1050, "currency": "EUR", "reference": "rent" }),
        }],
        occurred_at: Timestamp::now(),
        caller: "alice@example.org".to_owned(),
        correlation_id: Uuid::now_v7().to_string(),
        causation_id: Uuid::now_v7().to_string(),
        idempotency: Some(Idempotency { key: digest, request_fingerprint: digest }),
        state: RecordedState {
            state_version: 1,
            data: json!({ "owner": "alice", "balance_minor": 1050, "currency": "EUR" }),
        },
        previous_hash: Some(digest),
    }
    .seal()
}

/// The same URL with this database, and room for 32 connections.
pub fn with_database(url: &str, database: &str) -> String {
    let (scheme, behind) = url.split_once("://").unwrap_or(("mongodb", url));
    let (hosts, behind) = behind.split_once('/').unwrap_or((behind, ""));
    let options = behind.split_once('?').map_or("", |(_, options)| options);
    format!("{scheme}://{hosts}/{database}?maxPoolSize=32&{options}")
}

/// The operations per second of all workers together. Each worker has its own streams.
pub async fn rate<F, W>(workers: usize, time: Duration, operation: F) -> Result<f64, Failure>
where
    F: Fn(Uuid, u64) -> W + Clone + Send + Sync + 'static,
    W: Future<Output = Result<(), Failure>> + Send,
{
    let started_at = Instant::now();
    let tasks = (0..workers).map(|_| {
        let operation = operation.clone();
        tokio::spawn(async move {
            let streams: Vec<Uuid> = (0..STREAMS_PER_WORKER).map(|_| Uuid::now_v7()).collect();
            let mut done = 0_u32;
            for version in 1.. {
                for stream_id in &streams {
                    operation(*stream_id, version).await?;
                    done += 1;
                    if started_at.elapsed() >= time {
                        return Ok::<u32, Failure>(done);
                    }
                }
            }
            Ok(done)
        })
    });
    let mut done = 0;
    for counted in join_all(tasks).await {
        done += counted??;
    }
    Ok(per_second(done, started_at.elapsed()))
}

#[expect(clippy::float_arithmetic, reason = "a measurement")]
pub fn per_second(count: u32, elapsed: Duration) -> f64 {
    f64::from(count) / elapsed.as_secs_f64()
}

pub fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

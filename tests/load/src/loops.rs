use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::sync::Semaphore;

use crate::figures::Figures;

/// A raw client's operation. `caller` is the number of the caller, so that each may have work of its own.
pub trait Operation: Send + Sync + 'static {
    fn run(&self, caller: usize) -> impl Future<Output = anyhow::Result<()>> + Send;
}

/// Callers that each call again as soon as they are answered.
pub async fn closed_loop<O: Operation>(operation: &Arc<O>, callers: usize, time: Duration) -> anyhow::Result<Figures> {
    let (started_at, mut calling) = (Instant::now(), Vec::new());
    for caller in 0..callers {
        let operation = operation.clone();
        calling.push(tokio::spawn(async move {
            let mut latencies_us = Vec::new();
            while started_at.elapsed() < time {
                let called_at = Instant::now();
                operation.run(caller).await?;
                latencies_us.push(u32::try_from(called_at.elapsed().as_micros()).unwrap_or(u32::MAX));
            }
            anyhow::Ok(latencies_us)
        }));
    }
    let mut latencies_us = Vec::new();
    for caller in calling {
        latencies_us.extend(caller.await??);
    }
    Ok(Figures::of_latencies(started_at.elapsed().as_secs_f64(), latencies_us))
}

/// Calls that are due at this rate, whatever happens to earlier calls. Each call is timed from the moment when it was due.
/// So many callers share the work.
pub async fn open_loop<O: Operation>(
    operation: &Arc<O>,
    callers: usize,
    per_s: f64,
    time: Duration,
) -> anyhow::Result<Figures> {
    let free: Arc<tokio::sync::Mutex<Vec<usize>>> = Arc::new(tokio::sync::Mutex::new((0..callers).collect()));
    let places = Arc::new(Semaphore::new(callers));
    let (started_at, mut calls, mut index) = (Instant::now(), tokio::task::JoinSet::new(), 0_u32);
    loop {
        let due = Duration::from_secs_f64(f64::from(index) / per_s);
        if due >= time {
            break;
        }
        tokio::time::sleep_until((started_at + due).into()).await;
        let (operation, places, free) = (operation.clone(), places.clone(), free.clone());
        calls.spawn(async move {
            let _place = places.acquire().await?;
            let caller = free.lock().await.pop().context("a place is a caller")?;
            let called = operation.run(caller).await;
            let took = (started_at + due).elapsed();
            free.lock().await.push(caller);
            called?;
            anyhow::Ok(u32::try_from(took.as_micros()).unwrap_or(u32::MAX))
        });
        index += 1;
    }
    let mut latencies_us = Vec::new();
    while let Some(call) = calls.join_next().await {
        latencies_us.push(call??);
    }
    Ok(Figures::of_latencies(started_at.elapsed().as_secs_f64(), latencies_us))
}

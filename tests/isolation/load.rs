use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::Instant;

/// The largest number of callers that wait at once. Further callers are turned away, as Lambda does beyond its
/// concurrency.
const WAITING_AT_MOST: usize = 200;

/// The results of the callers.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Figures {
    pub answered: usize,
    pub failed: usize,
    pub turned_away: usize,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
}

/// Callers that each call again as soon as they are answered. Returns the number of calls a second.
pub async fn closed_loop<F>(callers: usize, time: Duration, call: impl Fn(usize) -> F + Clone + Send + 'static) -> f64
where
    F: Future<Output = bool> + Send + 'static,
{
    let (calls, until) = (Arc::new(AtomicUsize::new(0)), Instant::now() + time);
    let calling = (0..callers).map(|_| {
        let (calls, call) = (calls.clone(), call.clone());
        tokio::spawn(async move {
            while Instant::now() < until {
                let index = calls.fetch_add(1, Ordering::Relaxed);
                assert!(call(index).await, "a call failed");
            }
        })
    });
    for caller in calling.collect::<Vec<_>>() {
        caller.await.expect("does not panic");
    }
    let calls = u32::try_from(calls.load(Ordering::Relaxed)).expect("some thousand");
    f64::from(calls) / time.as_secs_f64()
}

/// Callers that come at this rate, whatever happens to earlier callers. Each call is timed from the moment when it
/// should begin.
pub async fn open_loop<F>(per_s: f64, time: Duration, call: impl Fn(usize) -> F + Send + 'static) -> Figures
where
    F: Future<Output = bool> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(WAITING_AT_MOST));
    let met: Arc<Mutex<Vec<Option<Duration>>>> = Arc::default();
    let (started_at, mut turned_away, mut index) = (Instant::now(), 0, 0_u32);
    let mut calls = tokio::task::JoinSet::new();
    loop {
        let due = Duration::from_secs_f64(f64::from(index) / per_s);
        if due >= time {
            break;
        }
        tokio::time::sleep_until(started_at + due).await;
        match places.clone().try_acquire_owned() {
            Err(_) => turned_away += 1,
            Ok(place) => {
                let (calling, met) = (call(index as usize), met.clone());
                calls.spawn(async move {
                    let is_answered = calling.await;
                    let took = (started_at + due).elapsed();
                    met.lock().await.push(is_answered.then_some(took));
                    drop(place);
                });
            }
        }
        while calls.try_join_next().is_some() {}
        index += 1;
    }
    while calls.join_next().await.is_some() {}
    let met = met.lock().await;
    let mut answered: Vec<Duration> = met.iter().copied().flatten().collect();
    answered.sort_unstable();
    let at = |percent: usize| {
        let index = (answered.len() * percent / 100).min(answered.len().saturating_sub(1));
        answered.get(index).map_or(0.0, |took| took.as_secs_f64() * 1_000.0)
    };
    Figures {
        answered: answered.len(),
        failed: met.len() - answered.len(),
        turned_away,
        p50_ms: at(50),
        p99_ms: at(99),
        max_ms: at(100),
    }
}

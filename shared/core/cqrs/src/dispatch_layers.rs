//! The two `tower` layers that both dispatchers put around a handler: one log line and span a message, and
//! a deadline.

use std::fmt::Display;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tower::{Layer, Service};
use tracing::Instrument as _;

pub(crate) type BoxedAnswer<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

/// What the layers need to know of a message.
pub(crate) trait Message {
    fn correlation_id(&self) -> &str;
}

/// What the layers need to know of an error.
pub(crate) trait DispatchError: Display {
    fn deadline_exceeded() -> Self;
    /// Whether the system is at fault rather than the message; decides the level of the log line.
    fn is_fault(&self) -> bool;
}

/// Bounds how long a message may take, retries included.
#[derive(Clone)]
pub(crate) struct DeadlineLayer {
    pub(crate) timeout: Duration,
}

#[derive(Clone)]
pub(crate) struct Deadline<S> {
    inner: S,
    timeout: Duration,
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = Deadline<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Deadline { inner, timeout: self.timeout }
    }
}

impl<S, M, T, E> Service<M> for Deadline<S>
where
    S: Service<M, Response = T, Error = E>,
    S::Future: Send + 'static,
    E: DispatchError,
{
    type Response = T;
    type Error = E;
    type Future = BoxedAnswer<T, E>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), E>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, message: M) -> Self::Future {
        let answer = tokio::time::timeout(self.timeout, self.inner.call(message));
        Box::pin(async move { answer.await.unwrap_or_else(|_elapsed| Err(E::deadline_exceeded())) })
    }
}

/// Runs each message in a span of its own and logs how it ended.
#[derive(Clone)]
pub(crate) struct TraceLayer {
    /// `command` or `query`.
    pub(crate) kind: &'static str,
    /// The message's type, as its name in the logs.
    pub(crate) name: &'static str,
}

#[derive(Clone)]
pub(crate) struct Trace<S> {
    inner: S,
    kind: &'static str,
    name: &'static str,
}

impl<S> Layer<S> for TraceLayer {
    type Service = Trace<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Trace { inner, kind: self.kind, name: self.name }
    }
}

impl<S, M, T, E> Service<M> for Trace<S>
where
    S: Service<M, Response = T, Error = E>,
    S::Future: Send + 'static,
    M: Message,
    E: DispatchError,
{
    type Response = T;
    type Error = E;
    type Future = BoxedAnswer<T, E>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), E>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, message: M) -> Self::Future {
        let (kind, name) = (self.kind, self.name);
        let span =
            tracing::info_span!("dispatch", kind, message_type = name, correlation_id = message.correlation_id());
        let started_at = Instant::now();
        let answer = self.inner.call(message);
        let logged = async move {
            let result = answer.await;
            let elapsed_us = u64::try_from(started_at.elapsed().as_micros()).unwrap_or(u64::MAX);
            match &result {
                Ok(_) => tracing::debug!(elapsed_us, "done"),
                Err(error) if error.is_fault() => tracing::error!(elapsed_us, %error, "failed"),
                Err(error) => tracing::debug!(elapsed_us, %error, "refused"),
            }
            result
        };
        Box::pin(logged.instrument(span))
    }
}

/// The last part of a type's path: `bank::commands::DepositFunds` is `DepositFunds` in the logs.
pub(crate) fn short_type_name<T>() -> &'static str {
    let path = std::any::type_name::<T>();
    path.rsplit("::").next().unwrap_or(path)
}

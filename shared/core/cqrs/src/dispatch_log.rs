//! The span and the log line that both dispatchers put around a handler.

use std::fmt::Display;
use std::future::Future;
use std::time::Instant;

use tracing::Instrument as _;

/// An error that a dispatcher logs.
pub(crate) trait DispatchError: Display {
    /// Whether the system is at fault rather than the message. A fault is logged as an error, a refusal for debugging only.
    fn is_fault(&self) -> bool;
}

/// Runs a message of this type in a span of its own, and logs how it ended. The kind is `command` or `query`.
pub(crate) async fn logged<M, T, E: DispatchError>(
    kind: &'static str,
    correlation_id: &str,
    answer: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let span = tracing::info_span!("dispatch", kind, message_type = short_type_name::<M>(), correlation_id);
    let logged = async {
        let started_at = Instant::now();
        let result = answer.await;
        let elapsed_us = u64::try_from(started_at.elapsed().as_micros()).unwrap_or(u64::MAX);
        match &result {
            Ok(_) => tracing::debug!(elapsed_us, "done"),
            Err(error) if error.is_fault() => tracing::error!(elapsed_us, %error, "failed"),
            Err(error) => tracing::debug!(elapsed_us, %error, "refused"),
        }
        result
    };
    logged.instrument(span).await
}

/// The last part of a type's path: `bank::commands::DepositFunds` is `DepositFunds` in the logs.
fn short_type_name<T>() -> &'static str {
    let path = std::any::type_name::<T>();
    path.rsplit("::").next().unwrap_or(path)
}

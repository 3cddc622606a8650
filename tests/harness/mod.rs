//! A server, a client that compares every answer with `openapi.yaml`, requests byte by byte, tokens, and small
//! helpers.

mod artifacts;
mod client;
#[cfg(feature = "services")]
mod kafka;
mod measured_text;
#[cfg(feature = "services")]
mod moto;
mod openapi;
mod raw_request;
mod server;
#[cfg(feature = "services")]
mod servers_stack;
#[cfg(feature = "services")]
mod services;
mod token_issuer;

pub use artifacts::function_program;
#[cfg(feature = "services")]
pub use artifacts::{Artifacts, artifacts_of_environment};
pub use client::{Answer, Client};
#[cfg(feature = "services")]
pub use kafka::{KafkaTopics, kafka_settings, lag, read_cloud_events, signed_in_by};
pub use measured_text::MeasuredText;
#[cfg(feature = "services")]
pub use moto::Moto;
pub use openapi::{OpenApi, escape};
pub use raw_request::RawRequest;
pub use server::{Data, Server, is_on_servers, passbook_program, program, without_settings};
#[cfg(feature = "services")]
pub use servers_stack::ServersStack;
#[cfg(feature = "services")]
pub use services::{
    address, address_if_any, event_store_url, kafka_bootstrap_servers, mysql_server_url, python_clients,
    service_process,
};
pub use token_issuer::{TokenIssuer, claims, key_set, seconds_from_now};

use std::future::Future;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The project's own folder.
pub fn workspace_folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Asks again and again until the answer is there. It is for things that happen soon and by themselves. A test
/// that waits in vain fails after half a minute.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, ask: impl FnMut() -> F) -> T {
    eventually_within(Duration::from_secs(30), what, ask).await
}

/// Like [`eventually`], for things that take longer.
pub async fn eventually_within<T, F: Future<Output = Option<T>>>(
    patience: Duration,
    what: &str,
    mut ask: impl FnMut() -> F,
) -> T {
    let give_up_at = Instant::now() + patience;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < give_up_at, "did not happen within {patience:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

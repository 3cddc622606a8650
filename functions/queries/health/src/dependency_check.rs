use std::sync::Arc;

use async_trait::async_trait;
use cqrs::EventStoreRepository;
use personal_data::KeyStore;
use projection::{BuildDue, DueReason, ProjectionRegister, Projections, builds_due};

/// The check of one dependency.
#[async_trait]
pub trait DependencyCheck: Send + Sync {
    /// The dependency's name in the answer.
    fn name(&self) -> &'static str;

    /// Checks the dependency. If it works, the answer may have a detail for administrators. If not, the error gives
    /// them the reason.
    async fn check(&self) -> Result<Option<String>, String>;
}

/// Checks the event store.
pub struct EventStoreCheck {
    /// The event store.
    pub event_store_repository: Arc<dyn EventStoreRepository>,
}

#[async_trait]
impl DependencyCheck for EventStoreCheck {
    fn name(&self) -> &'static str {
        "event-store"
    }

    async fn check(&self) -> Result<Option<String>, String> {
        self.event_store_repository.ping().await.map(|()| None).map_err(|error| with_cause(&error))
    }
}

/// Checks the keys of personal data.
pub struct KeyStoreCheck {
    /// The key store.
    pub keys: Arc<dyn KeyStore>,
}

#[async_trait]
impl DependencyCheck for KeyStoreCheck {
    fn name(&self) -> &'static str {
        "key-store"
    }

    async fn check(&self) -> Result<Option<String>, String> {
        self.keys.ping().await.map(|()| None).map_err(|error| with_cause(&error))
    }
}

/// Checks the read database, and whether its rows belong to this build's projections.
pub struct ReadDbCheck {
    /// The records of the projections.
    pub register: Arc<dyn ProjectionRegister>,
    /// The projections of this build.
    pub projections: Projections,
}

#[async_trait]
impl DependencyCheck for ReadDbCheck {
    fn name(&self) -> &'static str {
        "read-db"
    }

    /// Rows of another version can be served until they are built anew. Rows that were never built lack streams, and
    /// cannot be served.
    async fn check(&self) -> Result<Option<String>, String> {
        let records = self.register.projection_records().await.map_err(|error| with_cause(&error))?;
        let due = builds_due(&self.projections, &records);
        let texts: Vec<String> = due.iter().map(ToString::to_string).collect();
        let detail = Some(texts.join("; ")).filter(|text| !text.is_empty());
        let can_serve = |build: &BuildDue| matches!(build.reason, DueReason::OtherVersion { .. });
        if due.iter().all(can_serve) { Ok(detail) } else { Err(detail.unwrap_or_default()) }
    }
}

fn with_cause(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

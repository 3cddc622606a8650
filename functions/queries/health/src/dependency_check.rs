use std::sync::Arc;

use async_trait::async_trait;
use bank_read_model::BankAccountRepository;
use cqrs::EventStoreRepository;
use personal_data::KeyStore;

/// One dependency, and how to look at it.
#[async_trait]
pub trait DependencyCheck: Send + Sync {
    /// Its name in the answer.
    fn name(&self) -> &'static str;

    /// Well, with a detail for administrators if there is one; or the reason why not, for them as well.
    async fn look(&self) -> Result<Option<String>, String>;
}

/// Looks at the event store.
pub struct EventStoreCheck {
    /// Which.
    pub event_store: Arc<dyn EventStoreRepository>,
}

#[async_trait]
impl DependencyCheck for EventStoreCheck {
    fn name(&self) -> &'static str {
        "event-store"
    }

    async fn look(&self) -> Result<Option<String>, String> {
        self.event_store.ping().await.map(|()| None).map_err(|error| with_cause(&error))
    }
}

/// Looks at the keys of personal data.
pub struct KeyStoreCheck {
    /// Which.
    pub keys: Arc<dyn KeyStore>,
}

#[async_trait]
impl DependencyCheck for KeyStoreCheck {
    fn name(&self) -> &'static str {
        "key-store"
    }

    async fn look(&self) -> Result<Option<String>, String> {
        self.keys.ping().await.map(|()| None).map_err(|error| with_cause(&error))
    }
}

/// Looks at the read database.
pub struct ReadDbCheck {
    /// Which.
    pub read_db: Arc<dyn BankAccountRepository>,
}

#[async_trait]
impl DependencyCheck for ReadDbCheck {
    fn name(&self) -> &'static str {
        "read-db"
    }

    async fn look(&self) -> Result<Option<String>, String> {
        self.read_db.ping().await.map(|()| None).map_err(|error| with_cause(&error))
    }
}

fn with_cause(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

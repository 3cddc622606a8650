use std::sync::Arc;

use account_projector::AccountProjectorFunction;
use bank_read_model::{BankAccountRepository, PROJECTIONS};
use cqrs::{CommitScan, EventPublisher, EventStoreRepository, OpeningPublisher, PersonalData};
use event_relay::EventRelay;
use health::DependencyCheck;
use local_aws::{InvokeClient, MappingSettings};
use personal_data::KeyStore;
use projection::ProjectionRegister;
use read_side::{ReadSide, ReadSideError};
use restore::RestoreStore;
use settings::{KafkaBrokers, KafkaSettings, KeyStoreSettings, SecretUrl, Settings, SettingsError};
use write_side::{MongoAndKafka, PersonalDataKeysError, WriteSideError};

use crate::delivery::{Delivery, DeliveryError, INVOCATION_TIMEOUT, mapping_settings};
use crate::health_checks::KafkaCheck;

/// Where the servers are.
#[derive(Debug, Clone)]
pub struct ServersSettings {
    /// MongoDB.
    pub event_store_url: SecretUrl,
    /// The keys of personal data.
    pub key_store: KeyStoreSettings,
    /// MySQL.
    pub read_db_url: SecretUrl,
    /// Kafka.
    pub kafka: KafkaSettings,
    /// How its records come to the projector.
    pub mapping: MappingSettings,
    /// Where the functions are that the gateway, Kafka and the schedule invoke; in this process where there is none.
    pub invoke_url: Option<String>,
}

/// Why the servers cannot be used. Handling: fix the setting that it names, then start again.
#[derive(Debug, thiserror::Error)]
pub enum ServersError {
    /// Nothing would bring events from the one side to the other.
    #[error(transparent)]
    Delivery(#[from] DeliveryError),
    /// Of the write side's.
    #[error(transparent)]
    WriteSide(#[from] WriteSideError),
    /// The keys of personal data cannot be used.
    #[error(transparent)]
    PersonalDataKeys(#[from] PersonalDataKeysError),
    /// Of the read side's.
    #[error(transparent)]
    ReadSide(#[from] ReadSideError),
}

impl ServersSettings {
    /// Reads `EVENT_STORE_URL`, `READ_DB_URL`, `PASSBOOK_INVOKE_URL`, and what [`Settings::key_store`],
    /// [`Settings::kafka`] and [`mapping_settings`] read.
    ///
    /// # Errors
    /// [`SettingsError`] for what is missing or not understood.
    pub fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Self {
            event_store_url: settings.event_store_url()?,
            key_store: settings.key_store()?,
            read_db_url: settings.read_db_url()?,
            kafka: settings.kafka()?,
            mapping: mapping_settings(settings)?,
            invoke_url: settings.optional(settings::PASSBOOK_INVOKE_URL)?,
        })
    }
}

/// MongoDB, Kafka and MySQL, and in AWS's place what runs between them.
pub struct Servers {
    settings: ServersSettings,
    write_side: MongoAndKafka,
    keys: Arc<dyn KeyStore>,
    personal_data: Arc<dyn PersonalData>,
    read_side: ReadSide,
    restore_store: Arc<dyn RestoreStore>,
    delivery: Delivery,
}

impl Servers {
    /// A client of each, and delivery under way. None of the servers need be there yet.
    ///
    /// # Errors
    /// See [`ServersError`].
    pub async fn open(settings: &ServersSettings) -> Result<Self, ServersError> {
        let write_side = MongoAndKafka::open(&settings.event_store_url, &settings.kafka).await?;
        let keys = write_side::open_key_store(&settings.key_store.location).await?;
        let personal_data = write_side::open_personal_data(&settings.key_store).await?;
        let read_side = read_side::open_for_many(&settings.read_db_url, PROJECTIONS).await?;
        let restore_store = read_side::open_for_restore(&settings.read_db_url).await?;
        let delivery = match &settings.invoke_url {
            Some(invoke_url) => Delivery::through(&write_side.connection, &settings.mapping, invoke_url)?,
            None => {
                let projector = AccountProjectorFunction::new(read_side.event_handler.clone());
                let bus = OpeningPublisher::new(write_side.bus.clone(), personal_data.clone());
                let relay = EventRelay::new(write_side.event_store.clone(), bus);
                Delivery::in_process(&write_side.connection, &settings.mapping, projector, relay).await?
            }
        };
        Ok(Self { settings: settings.clone(), write_side, keys, personal_data, read_side, restore_store, delivery })
    }

    /// The event store as the functions take it.
    #[must_use]
    pub fn event_store(&self) -> Arc<dyn EventStoreRepository> {
        self.write_side.event_store.clone()
    }

    /// The keys as the function takes them that destroys some.
    #[must_use]
    pub fn keys(&self) -> Arc<dyn KeyStore> {
        self.keys.clone()
    }

    /// What seals and opens personal data.
    #[must_use]
    pub fn personal_data(&self) -> Arc<dyn PersonalData> {
        self.personal_data.clone()
    }

    /// The bus as the functions take it.
    #[must_use]
    pub fn publisher(&self) -> Arc<dyn EventPublisher> {
        self.write_side.publisher()
    }

    /// The read database as the functions take it.
    #[must_use]
    pub fn accounts(&self) -> BankAccountRepository {
        BankAccountRepository::new(self.read_side.rows.clone())
    }

    /// The records of the projections.
    #[must_use]
    pub fn register(&self) -> Arc<dyn ProjectionRegister> {
        self.read_side.register.clone()
    }

    /// The event store, for who reads all of it.
    #[must_use]
    pub fn events(&self) -> Arc<dyn CommitScan> {
        self.write_side.event_store.clone()
    }

    /// The read database, for who restores it.
    #[must_use]
    pub fn restore_store(&self) -> Arc<dyn RestoreStore> {
        self.restore_store.clone()
    }

    /// Kafka's line in the health check.
    #[must_use]
    pub fn bus_check(&self) -> Arc<dyn DependencyCheck> {
        Arc::new(KafkaCheck { connection: self.write_side.connection.clone(), publisher: self.write_side.bus.clone() })
    }

    /// A way to the functions, where they are not in this process.
    #[must_use]
    pub fn invoke_client(&self) -> Option<InvokeClient> {
        self.settings.invoke_url.as_deref().map(|url| InvokeClient::new(url, INVOCATION_TIMEOUT))
    }

    /// Where the servers are, and the functions if they are elsewhere, for people.
    #[must_use]
    pub fn addresses(&self) -> String {
        let kafka = match &self.settings.kafka.brokers {
            KafkaBrokers::BootstrapServers(brokers) => brokers,
            KafkaBrokers::ClusterArn(arn) => arn,
        };
        let (event_store, read_db) = (self.settings.event_store_url.hosts(), self.settings.read_db_url.hosts());
        let functions = self.settings.invoke_url.as_ref().map(|url| format!("; functions {url}")).unwrap_or_default();
        format!("MongoDB {event_store}, Kafka {kafka}, MySQL {read_db}{functions}")
    }

    /// Ends what runs.
    pub async fn close(self) {
        self.delivery.stop().await;
    }
}

use std::sync::Arc;

use account_projector::AccountProjectorFunction;
use bank_read_model::{BankAccountRepository, PROJECTIONS, TransferRepository};
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

/// The addresses of the servers.
#[derive(Debug, Clone)]
pub struct ServersSettings {
    /// The URL of MongoDB.
    pub event_store_url: SecretUrl,
    /// The settings for the keys of personal data.
    pub key_store: KeyStoreSettings,
    /// The URL of MySQL.
    pub read_db_url: SecretUrl,
    /// The settings of Kafka.
    pub kafka: KafkaSettings,
    /// The settings for the delivery of Kafka's records to the projector.
    pub mapping: MappingSettings,
    /// The Invoke API of the functions that the gateway, Kafka and the schedule invoke. Without it, the functions are
    /// in this process.
    pub invoke_url: Option<String>,
}

/// The reason why the servers cannot be used. Handling: fix the setting that the error names, then start again.
#[derive(Debug, thiserror::Error)]
pub enum ServersError {
    /// The delivery of events to the read side did not start.
    #[error(transparent)]
    Delivery(#[from] DeliveryError),
    /// The write side could not be opened.
    #[error(transparent)]
    WriteSide(#[from] WriteSideError),
    /// The keys of personal data cannot be used.
    #[error(transparent)]
    PersonalDataKeys(#[from] PersonalDataKeysError),
    /// The read side could not be opened.
    #[error(transparent)]
    ReadSide(#[from] ReadSideError),
}

impl ServersSettings {
    /// Reads `EVENT_STORE_URL`, `READ_DB_URL`, `PASSBOOK_INVOKE_URL`, and the variables of [`Settings::key_store`],
    /// [`Settings::kafka`] and [`mapping_settings`].
    ///
    /// # Errors
    /// [`SettingsError`] for a variable that is missing or not understood.
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

/// MongoDB, Kafka and MySQL, and the replacement for the AWS services between them.
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
    /// Opens a client of each server, and starts the delivery. The servers may still be down.
    ///
    /// # Errors
    /// See [`ServersError`].
    pub async fn open(settings: &ServersSettings) -> Result<Self, ServersError> {
        let write_side = MongoAndKafka::open_for_many(&settings.event_store_url, &settings.kafka).await?;
        let keys = write_side::open_key_store(&settings.key_store.location).await?;
        let personal_data = write_side::open_personal_data(&settings.key_store).await?;
        let read_side = read_side::open_for_many(&settings.read_db_url, PROJECTIONS).await?;
        let restore_store = read_side::open_for_restore(&settings.read_db_url).await?;
        let delivery = match &settings.invoke_url {
            Some(invoke_url) => Delivery::through(&write_side.connection, &settings.mapping, invoke_url)?,
            None => {
                let projector = AccountProjectorFunction::new(read_side.event_handler.clone());
                let publisher = OpeningPublisher::new(write_side.kafka_publisher.clone(), personal_data.clone());
                let relay = EventRelay::new(write_side.mongo_event_store.clone(), publisher);
                Delivery::in_process(&write_side.connection, &settings.mapping, projector, relay).await?
            }
        };
        Ok(Self { settings: settings.clone(), write_side, keys, personal_data, read_side, restore_store, delivery })
    }

    /// The event store, for the functions.
    #[must_use]
    pub fn event_store_repository(&self) -> Arc<dyn EventStoreRepository> {
        self.write_side.mongo_event_store.clone()
    }

    /// The key store, for the function that destroys keys.
    #[must_use]
    pub fn keys(&self) -> Arc<dyn KeyStore> {
        self.keys.clone()
    }

    /// The port that seals and opens personal data.
    #[must_use]
    pub fn personal_data(&self) -> Arc<dyn PersonalData> {
        self.personal_data.clone()
    }

    /// The bus, for the functions.
    #[must_use]
    pub fn publisher(&self) -> Arc<dyn EventPublisher> {
        self.write_side.publisher()
    }

    /// The accounts in the read database, for the functions.
    #[must_use]
    pub fn account_repository(&self) -> BankAccountRepository {
        BankAccountRepository::new(self.read_side.rows.clone())
    }

    /// The transfers in the read database, for the functions.
    #[must_use]
    pub fn transfer_repository(&self) -> TransferRepository {
        TransferRepository::new(self.read_side.rows.clone())
    }

    /// The records of the projections.
    #[must_use]
    pub fn register(&self) -> Arc<dyn ProjectionRegister> {
        self.read_side.register.clone()
    }

    /// The event store, for a program that reads all of it.
    #[must_use]
    pub fn commit_scan(&self) -> Arc<dyn CommitScan> {
        self.write_side.mongo_event_store.clone()
    }

    /// The read database, for a restore.
    #[must_use]
    pub fn restore_store(&self) -> Arc<dyn RestoreStore> {
        self.restore_store.clone()
    }

    /// Kafka's line in the health check.
    #[must_use]
    pub fn bus_check(&self) -> Arc<dyn DependencyCheck> {
        Arc::new(KafkaCheck {
            connection: self.write_side.connection.clone(),
            kafka_publisher: self.write_side.kafka_publisher.clone(),
        })
    }

    /// A client of the functions, if they are not in this process.
    #[must_use]
    pub fn invoke_client(&self) -> Option<InvokeClient> {
        self.settings.invoke_url.as_deref().map(|url| InvokeClient::new(url, INVOCATION_TIMEOUT))
    }

    /// The addresses of the servers, and of the functions if they are elsewhere, for people.
    #[must_use]
    pub fn addresses(&self) -> String {
        let kafka = match &self.settings.kafka.brokers {
            KafkaBrokers::BootstrapServers(brokers) => brokers,
            KafkaBrokers::ClusterArn(arn) => arn,
        };
        let (event_store_hosts, read_db_hosts) =
            (self.settings.event_store_url.hosts(), self.settings.read_db_url.hosts());
        let functions = self.settings.invoke_url.as_ref().map(|url| format!("; functions {url}")).unwrap_or_default();
        format!("MongoDB {event_store_hosts}, Kafka {kafka}, MySQL {read_db_hosts}{functions}")
    }

    /// Stops the delivery and closes the clients.
    pub async fn close(self) {
        self.delivery.stop().await;
    }
}

//! `passbook prepare`: the deploy step that makes the parts that the functions need and have no right to make.

use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;

use bank_read_model::PROJECTIONS;
use clap::Args;
use kafka_clients::topics::{self, TopicPlan};
use kafka_events::KafkaConnection;
use mongo_stores::{MongoEventStore, MongoKeyStore};
use restore::prepare_projections;
use settings::{KeyStoreLocation, Settings, SettingsError};

const SECONDS_A_DAY: u64 = 24 * 60 * 60;

/// The arguments of `passbook prepare`.
#[derive(Debug, Clone, Args)]
pub struct PrepareArguments {
    /// Partitions of the topics. All events of an account are in one partition. A later change of the number would move
    /// accounts, so it is refused.
    #[arg(long, default_value = "12")]
    pub partitions: NonZeroU16,
    /// Copies of each partition; 3 on a cluster that may lose a broker.
    #[arg(long, default_value = "1")]
    pub replication_factor: NonZeroU16,
    /// Days for which Kafka keeps events. The event store keeps them for ever. The projector may be down for this long.
    #[arg(long, default_value = "7")]
    pub retention_days: NonZeroU32,
}

/// The reason why a part could not be prepared. Earlier parts stay prepared, and the whole step can be repeated.
#[derive(Debug, thiserror::Error)]
pub enum PrepareCommandError {
    /// The environment is wrong. Handling: correct it.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The environment names no part to prepare. Handling: set the variables of the parts to prepare.
    #[error("set EVENT_STORE_URL, READ_DB_URL or KAFKA_BOOTSTRAP_SERVERS to choose the parts to prepare")]
    Nothing,
    /// There is no MongoDB client for a URL. Handling: fix the setting that the error names.
    #[error(transparent)]
    MongoUrl(#[from] mongo_stores::ConnectError),
    /// The event store or the key store could not be prepared. Handling: see [`mongo_stores::PrepareError`].
    #[error(transparent)]
    Mongo(#[from] mongo_stores::PrepareError),
    /// The read database could not be prepared. Handling: see its own error.
    #[error(transparent)]
    ReadDb(#[from] mysql_read_db::MigrateError),
    /// The read database's URL cannot be used. Handling: fix the setting.
    #[error(transparent)]
    ReadDbUrl(#[from] mysql_read_db::ConnectError),
    /// The projections were not recorded. Handling: see its own error.
    #[error(transparent)]
    Projections(#[from] restore::PrepareError),
    /// There is no Kafka client for the settings. Handling: fix the settings.
    #[error(transparent)]
    Kafka(#[from] kafka_events::ConnectError),
    /// The topics could not be made. Handling: see [`topics::PrepareError`].
    #[error(transparent)]
    Topics(#[from] topics::PrepareError),
}

/// Prepares the parts that the environment names: the event store's collection and indexes with the key store's
/// collection, the read database's tables, and the topics. A repeated call changes nothing.
///
/// # Errors
/// See [`PrepareCommandError`].
pub async fn prepare(arguments: &PrepareArguments) -> Result<(), PrepareCommandError> {
    let settings = Settings::from_env();
    let event_store_url = settings.event_store_url_if_set()?;
    let read_db_url = settings.read_db_url_if_set()?;
    let kafka = settings.kafka_if_set()?;
    if event_store_url.is_none() && read_db_url.is_none() && kafka.is_none() {
        return Err(PrepareCommandError::Nothing);
    }
    let mut mongo_event_store = None;
    if let Some(url) = event_store_url {
        let connected = MongoEventStore::connect(url.expose()).await?;
        connected.prepare().await?;
        mongo_event_store = Some(connected);
        println!("event store: collection and indexes are there");
        let keys = match settings.key_store()?.location {
            KeyStoreLocation::At(url) => MongoKeyStore::connect(url.expose()).await?,
            KeyStoreLocation::BesideEventStore(url) => MongoKeyStore::connect_beside(url.expose()).await?,
        };
        keys.prepare().await?;
        println!("key store: collection is there");
    }
    if let Some(url) = read_db_url {
        mysql_read_db::migrate(url.expose()).await?;
        println!("read database: tables are up to date");
        let read_db = mysql_read_db::connect(url.expose())?;
        match mongo_event_store {
            Some(mongo_event_store) => {
                for build in prepare_projections(&PROJECTIONS, &mongo_event_store, &read_db).await? {
                    println!("read database: {build}");
                }
            }
            None => println!("read database: to record new projections, set EVENT_STORE_URL too"),
        }
        read_db.close().await;
    }
    if let Some(kafka) = kafka {
        let plan = TopicPlan {
            partitions: arguments.partitions.get(),
            replication_factor: arguments.replication_factor.get(),
            retention: Duration::from_secs(u64::from(arguments.retention_days.get()) * SECONDS_A_DAY),
        };
        topics::prepare(&KafkaConnection::connect(&kafka).await?, &plan).await?;
        println!("Kafka: the topics {} and {} are there", kafka.topic, kafka.dead_letter_topic);
    }
    Ok(())
}

use std::path::PathBuf;
use std::sync::Arc;

use bank_read_model::{BankAccountRepository, PROJECTIONS, TransferRepository};
use cqrs::{CommitScan, EventPublisher, EventStoreRepository, OpenedCommitScan, PersonalData};
use health::DependencyCheck;
#[cfg(feature = "servers")]
use local_aws::InvokeClient;
use personal_data::KeyStore;
use projection::ProjectionRegister;
use restore::{RestoreLimits, RestoreStore, Restorer};
use settings::{Settings, SettingsError};

use crate::embedded::{Embedded, EmbeddedError};
use crate::embedded_limits::EMBEDDED_LIMITS;
use crate::health_checks::BusCheck;
#[cfg(feature = "servers")]
use crate::servers::{Servers, ServersError, ServersSettings};

/// The kind of databases and bus, from the environment.
#[derive(Debug, Clone)]
pub enum StackSettings {
    /// SQLite in one folder, and the bus between its two files.
    Embedded {
        /// The data folder.
        home: PathBuf,
    },
    /// MongoDB, Kafka and MySQL.
    #[cfg(feature = "servers")]
    Servers(Box<ServersSettings>),
}

/// The databases, the bus, and the running delivery of events from the write side to the read side.
pub struct Stack {
    /// The store of the commits.
    pub event_store_repository: Arc<dyn EventStoreRepository>,
    /// The publisher that gets each stored commit.
    pub publisher: Arc<dyn EventPublisher>,
    /// The store of the keys of personal data.
    pub keys: Arc<dyn KeyStore>,
    /// The port that seals and opens personal data.
    pub personal_data: Arc<dyn PersonalData>,
    /// The accounts that queries read.
    pub account_repository: BankAccountRepository,
    /// The transfers that queries read.
    pub transfer_repository: TransferRepository,
    /// The records of the projections.
    pub register: Arc<dyn ProjectionRegister>,
    /// The bus's line in the health check.
    pub bus_check: Arc<dyn DependencyCheck>,
    /// The event store, for a program that reads all of it.
    pub commit_scan: Arc<dyn CommitScan>,
    /// The read database, for a restore.
    pub restore_store: Arc<dyn RestoreStore>,
    /// The limits of a restore in this stack.
    pub restore_limits: RestoreLimits,
    running: Running,
}

enum Running {
    Embedded(Embedded),
    #[cfg(feature = "servers")]
    Servers(Box<Servers>),
}

/// The reason why the databases and the bus could not be opened. Handling: fix the fault that the error names, then
/// start again.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// The environment is wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The data folder could not be opened.
    #[error("cannot open the data folder")]
    Embedded(#[from] EmbeddedError),
    /// The servers' clients could not be made.
    #[cfg(feature = "servers")]
    #[error("cannot use the servers")]
    Servers(#[from] ServersError),
}

impl StackSettings {
    /// Chooses the servers if `EVENT_STORE_URL`, `READ_DB_URL` or a Kafka cluster is set; then all of them must be set.
    /// Otherwise chooses the folder that `PASSBOOK_HOME` names.
    ///
    /// # Errors
    /// [`SettingsError`] for a variable that is missing or not understood.
    pub fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let are_servers_named = settings.kafka_if_set()?.is_some()
            || settings.event_store_url_if_set()?.is_some()
            || settings.read_db_url_if_set()?.is_some();
        if !are_servers_named {
            return Ok(Self::Embedded { home: Embedded::home(settings)? });
        }
        #[cfg(feature = "servers")]
        {
            Ok(Self::Servers(Box::new(ServersSettings::from_settings(settings)?)))
        }
        #[cfg(not(feature = "servers"))]
        Err(SettingsError::Invalid {
            variable: settings::EVENT_STORE_URL,
            reason: "this build is embedded only: build it with --features servers, as make run does",
        })
    }
}

impl Stack {
    /// Opens the databases and the bus that the settings name, and starts the delivery between the two sides.
    ///
    /// # Errors
    /// See [`StackError`].
    pub async fn open(settings: &StackSettings) -> Result<Self, StackError> {
        match settings {
            StackSettings::Embedded { home } => {
                let embedded = Embedded::open(home).await?;
                Ok(Self {
                    event_store_repository: embedded.event_store_repository(),
                    publisher: embedded.publisher(),
                    keys: embedded.keys(),
                    personal_data: embedded.personal_data(),
                    account_repository: BankAccountRepository::new(Arc::new(embedded.read_db.clone())),
                    transfer_repository: TransferRepository::new(Arc::new(embedded.read_db.clone())),
                    register: Arc::new(embedded.read_db.clone()),
                    bus_check: Arc::new(BusCheck { bus: embedded.bus.clone() }),
                    commit_scan: Arc::new(embedded.sqlite_event_store.clone()),
                    restore_store: Arc::new(embedded.read_db.clone()),
                    restore_limits: EMBEDDED_LIMITS,
                    running: Running::Embedded(embedded),
                })
            }
            #[cfg(feature = "servers")]
            StackSettings::Servers(settings) => {
                let servers = Servers::open(settings).await?;
                Ok(Self {
                    event_store_repository: servers.event_store_repository(),
                    publisher: servers.publisher(),
                    keys: servers.keys(),
                    personal_data: servers.personal_data(),
                    account_repository: servers.account_repository(),
                    transfer_repository: servers.transfer_repository(),
                    register: servers.register(),
                    bus_check: servers.bus_check(),
                    commit_scan: servers.commit_scan(),
                    restore_store: servers.restore_store(),
                    restore_limits: RestoreLimits::default(),
                    running: Running::Servers(Box::new(servers)),
                })
            }
        }
    }

    /// The restorer for this stack's databases.
    #[must_use]
    pub fn restorer(&self) -> Restorer {
        let commits = Arc::new(OpenedCommitScan::new(self.commit_scan.clone(), self.personal_data.clone()));
        Restorer::new(commits, self.restore_store.clone(), PROJECTIONS, self.restore_limits)
    }

    /// A client of the functions, if the settings say that they are processes of their own.
    #[cfg(feature = "servers")]
    #[must_use]
    pub fn invoke_client(&self) -> Option<InvokeClient> {
        match &self.running {
            Running::Embedded(_) => None,
            Running::Servers(servers) => servers.invoke_client(),
        }
    }

    /// The kind of the stack and the place of its data, for the greeting of `passbook serve`.
    #[must_use]
    pub fn description(&self) -> StackDescription {
        match &self.running {
            Running::Embedded(embedded) => {
                let home = std::path::absolute(&embedded.home).unwrap_or_else(|_| embedded.home.clone());
                StackDescription { kind: "embedded (SQLite, one process)", data: home.display().to_string() }
            }
            #[cfg(feature = "servers")]
            Running::Servers(servers) => {
                StackDescription { kind: "on MongoDB, Kafka and MySQL", data: servers.addresses() }
            }
        }
    }

    /// Stops the delivery and closes the databases.
    pub async fn close(self) {
        match self.running {
            Running::Embedded(embedded) => embedded.close().await,
            #[cfg(feature = "servers")]
            Running::Servers(servers) => servers.close().await,
        }
    }
}

/// See [`Stack::description`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackDescription {
    /// The kind, in a few words.
    pub kind: &'static str,
    /// A folder, or the servers' addresses without their passwords.
    pub data: String,
}

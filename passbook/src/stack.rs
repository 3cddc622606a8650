use std::path::PathBuf;
use std::sync::Arc;

use bank_read_model::{BankAccountRepository, PROJECTIONS};
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

/// Which databases and which bus, by the environment.
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

/// Databases, a bus, and what brings events from the one side to the other, running.
pub struct Stack {
    /// Where commits go.
    pub event_store: Arc<dyn EventStoreRepository>,
    /// What is told of them.
    pub publisher: Arc<dyn EventPublisher>,
    /// Where the keys of the personal data in them are.
    pub keys: Arc<dyn KeyStore>,
    /// What seals and opens it.
    pub personal_data: Arc<dyn PersonalData>,
    /// What queries read.
    pub accounts: BankAccountRepository,
    /// The records of the projections.
    pub register: Arc<dyn ProjectionRegister>,
    /// The bus's line in the health check.
    pub bus_check: Arc<dyn DependencyCheck>,
    /// The event store, for who reads all of it.
    pub events: Arc<dyn CommitScan>,
    /// The read database, for who restores it.
    pub restore_store: Arc<dyn RestoreStore>,
    /// How a restore is done in it.
    pub restore_limits: RestoreLimits,
    running: Running,
}

enum Running {
    Embedded(Embedded),
    #[cfg(feature = "servers")]
    Servers(Box<Servers>),
}

/// Why the databases and the bus could not be opened. Handling: fix what it names, then start again.
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
    /// Servers where `EVENT_STORE_URL`, `READ_DB_URL` or a Kafka cluster is set, and then all of them must be; else
    /// the folder that `PASSBOOK_HOME` names.
    ///
    /// # Errors
    /// [`SettingsError`] for what is missing or not understood.
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
    /// Opens what the settings name, and starts what runs between the two sides.
    ///
    /// # Errors
    /// See [`StackError`].
    pub async fn open(settings: &StackSettings) -> Result<Self, StackError> {
        match settings {
            StackSettings::Embedded { home } => {
                let embedded = Embedded::open(home).await?;
                Ok(Self {
                    event_store: embedded.repository(),
                    publisher: embedded.publisher(),
                    keys: embedded.keys(),
                    personal_data: embedded.personal_data(),
                    accounts: BankAccountRepository::new(Arc::new(embedded.read_db.clone())),
                    register: Arc::new(embedded.read_db.clone()),
                    bus_check: Arc::new(BusCheck { bus: embedded.bus.clone() }),
                    events: Arc::new(embedded.event_store.clone()),
                    restore_store: Arc::new(embedded.read_db.clone()),
                    restore_limits: EMBEDDED_LIMITS,
                    running: Running::Embedded(embedded),
                })
            }
            #[cfg(feature = "servers")]
            StackSettings::Servers(settings) => {
                let servers = Servers::open(settings).await?;
                Ok(Self {
                    event_store: servers.event_store(),
                    publisher: servers.publisher(),
                    keys: servers.keys(),
                    personal_data: servers.personal_data(),
                    accounts: servers.accounts(),
                    register: servers.register(),
                    bus_check: servers.bus_check(),
                    events: servers.events(),
                    restore_store: servers.restore_store(),
                    restore_limits: RestoreLimits::default(),
                    running: Running::Servers(Box::new(servers)),
                })
            }
        }
    }

    /// What does restores here.
    #[must_use]
    pub fn restorer(&self) -> Restorer {
        let commits = Arc::new(OpenedCommitScan::new(self.events.clone(), self.personal_data.clone()));
        Restorer::new(commits, self.restore_store.clone(), PROJECTIONS, self.restore_limits)
    }

    /// A way to the functions, where the settings say that they are processes of their own.
    #[cfg(feature = "servers")]
    #[must_use]
    pub fn invoke_client(&self) -> Option<InvokeClient> {
        match &self.running {
            Running::Embedded(_) => None,
            Running::Servers(servers) => servers.invoke_client(),
        }
    }

    /// What it is and where its data lies, as `passbook serve` greets with it.
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

    /// Stops what runs and closes the databases.
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
    /// In a few words.
    pub kind: &'static str,
    /// A folder, or the servers' addresses without their passwords.
    pub data: String,
}

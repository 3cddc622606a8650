//! The wiring of the AWS services between the two sides, on a person's machine: the projector behind the event source
//! mapping, and the relay and the restore's worker on schedules. `passbook serve` runs the mapping and the relay beside
//! the gateway. `passbook deliver` runs all of them alone, for functions behind another Invoke API, such as that of
//! `cargo lambda watch`.

use std::sync::Arc;
use std::time::Duration;

use account_projector::AccountProjectorFunction;
use async_trait::async_trait;
use event_relay::EventRelay;
use kafka_events::KafkaConnection;
use local_aws::{EventFunction, EventSourceMapping, InvokeApi, InvokeClient, MappingError, MappingSettings, Schedule};
use serde_json::Value;
use settings::{Settings, SettingsError};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::mapping_variables;
use crate::stop_signal::wait_for_stop_signal;

const PROJECTOR: &str = "account-projector";
/// The consumer group of the projector's mapping, unless the environment names another.
const MAPPING_GROUP: &str = "passbook-account-projector";
const RELAY: &str = "event-relay";
/// The interval at which the relay looks for commits that were left unpublished. On AWS a schedule's shortest interval
/// is a minute.
const RELAY_INTERVAL: Duration = Duration::from_secs(5);
const RESTORE_WORKER: &str = "restore-worker";
/// The interval at which the worker looks for a restore that no process works on.
const RESTORE_WORKER_INTERVAL: Duration = Duration::from_secs(60);
/// The time limit of an invocation, as for the functions on AWS.
pub(crate) const INVOCATION_TIMEOUT: Duration = Duration::from_secs(60);

/// The reason why delivery did not start. Handling: fix the fault that the error names, then start again.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The environment is wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The addresses of Kafka's brokers could not be found.
    #[error(transparent)]
    Kafka(#[from] kafka_events::ConnectError),
    /// The event source mapping did not start.
    #[error("the event source mapping did not start")]
    Mapping(#[from] MappingError),
    /// No port is free for the functions' Invoke API.
    #[error("the Invoke API did not start")]
    InvokeApi(#[from] std::io::Error),
}

/// The mapping and the schedule, running.
pub struct Delivery {
    mapping: EventSourceMapping,
    stop_schedule: watch::Sender<()>,
    schedule: JoinHandle<()>,
    /// Serves the functions of this process. Dropping it ends it.
    _invoke_api: Option<InvokeApi>,
}

/// The settings of the projector's mapping, with the changes of the `PASSBOOK_MAPPING_` variables.
///
/// # Errors
/// [`SettingsError`] for a value that is not understood.
pub fn mapping_settings(settings: &Settings) -> Result<MappingSettings, SettingsError> {
    mapping_variables::apply(settings, MappingSettings::new(PROJECTOR, MAPPING_GROUP))
}

/// The projector as a function of this process.
struct ProjectorFunction(AccountProjectorFunction);

#[async_trait]
impl EventFunction for ProjectorFunction {
    async fn invoke(&self, event: Value) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        Ok(serde_json::to_value(self.0.project(serde_json::from_value(event)?).await?)?)
    }
}

/// The relay as a function of this process.
struct RelayFunction(EventRelay);

#[async_trait]
impl EventFunction for RelayFunction {
    async fn invoke(&self, _: Value) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        Ok(serde_json::to_value(self.0.run(INVOCATION_TIMEOUT).await?)?)
    }
}

impl Delivery {
    /// Delivers to the functions' own handlers in this process. They are invoked through the Invoke API, too.
    ///
    /// # Errors
    /// See [`DeliveryError`].
    pub async fn in_process(
        connection: &KafkaConnection,
        mapping: &MappingSettings,
        projector: AccountProjectorFunction,
        relay: EventRelay,
    ) -> Result<Self, DeliveryError> {
        let functions: [(String, Arc<dyn EventFunction>); 2] = [
            (mapping.function_name.clone(), Arc::new(ProjectorFunction(projector))),
            (RELAY.to_owned(), Arc::new(RelayFunction(relay))),
        ];
        let invoke_api = InvokeApi::serve(functions).await?;
        let base_url = invoke_api.base_url();
        Self::start(connection, mapping, &base_url, Some(invoke_api))
    }

    /// Delivers to the functions behind this Invoke API.
    ///
    /// # Errors
    /// See [`DeliveryError`].
    pub fn through(
        connection: &KafkaConnection,
        mapping: &MappingSettings,
        invoke_url: &str,
    ) -> Result<Self, DeliveryError> {
        Self::start(connection, mapping, invoke_url, None)
    }

    fn start(
        connection: &KafkaConnection,
        mapping: &MappingSettings,
        invoke_url: &str,
        invoke_api: Option<InvokeApi>,
    ) -> Result<Self, DeliveryError> {
        let client = InvokeClient::new(invoke_url, INVOCATION_TIMEOUT);
        let mapping = EventSourceMapping::start(connection, &client, mapping)?;
        let (stop_schedule, mut stopped) = watch::channel(());
        let schedule =
            Schedule { name: "passbook-relay".to_owned(), function_name: RELAY.to_owned(), every: RELAY_INTERVAL };
        let schedule = tokio::spawn(async move {
            let stop = async move {
                // A sender that is gone is a stop, too.
                let _ = stopped.changed().await;
            };
            schedule.run(&client, stop).await;
        });
        Ok(Self { mapping, stop_schedule, schedule, _invoke_api: invoke_api })
    }

    /// Stops both. Finished records are committed.
    pub async fn stop(self) {
        // Sending fails only when the schedule has ended already.
        let _ = self.stop_schedule.send(());
        let _ = self.schedule.await;
        self.mapping.stop().await;
    }
}

/// `passbook deliver`: delivers to the functions behind `PASSBOOK_INVOKE_URL`, until SIGTERM or SIGINT.
///
/// # Errors
/// See [`DeliveryError`].
pub async fn deliver() -> Result<(), DeliveryError> {
    let settings = Settings::from_env();
    let invoke_url = settings.required(settings::PASSBOOK_INVOKE_URL)?;
    let connection = KafkaConnection::connect(&settings.kafka()?).await?;
    let delivery = Delivery::through(&connection, &mapping_settings(&settings)?, &invoke_url)?;
    println!("delivering the topic {} to the functions behind {invoke_url}", connection.topic());
    // This schedule exists only here: in `passbook serve` a task of the process continues restores.
    let schedule = Schedule {
        name: "passbook-restore-worker".to_owned(),
        function_name: RESTORE_WORKER.to_owned(),
        every: RESTORE_WORKER_INTERVAL,
    };
    schedule.run(&InvokeClient::new(&invoke_url, INVOCATION_TIMEOUT), wait_for_stop_signal()).await;
    delivery.stop().await;
    Ok(())
}

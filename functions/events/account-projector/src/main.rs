//! A Kafka event source mapping, which reads the records of command functions and `event-relay` -> **this function** ->
//! the read database, which query functions read.

use account_projector::AccountProjectorFunction;
use bank_read_model::PROJECTIONS;
use lambda_kafka_event::KafkaEvent;
use lambda_runtime::{Error, LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let settings = secrets::settings().await?;
    let event_handler = read_side::open_event_handler(&settings.read_db_url()?, PROJECTIONS).await?;
    let function = &AccountProjectorFunction::new(event_handler);
    // An error fails the whole invocation. Then the mapping delivers the whole batch again.
    lambda_runtime::run(service_fn(move |event: LambdaEvent<KafkaEvent>| async move {
        function.project(event.payload).await.map_err(Error::from)
    }))
    .await
}

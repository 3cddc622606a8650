//! A schedule -> **this function** -> Kafka, and from there to `account-projector`.

use std::sync::Arc;

use cqrs::OpeningPublisher;
use event_relay::EventRelay;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use write_side::MongoAndKafka;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let settings = secrets::settings().await?;
    let write_side = MongoAndKafka::open(&settings.event_store_url()?, &settings.kafka()?).await?;
    let personal_data = write_side::open_personal_data(&settings.key_store()?).await?;
    let publisher = OpeningPublisher::new(write_side.kafka_publisher, personal_data);
    let relay = Arc::new(EventRelay::new(write_side.mongo_event_store, publisher));
    // The schedule's event does not matter, because the event store shows the work to do.
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| {
        let relay = relay.clone();
        async move {
            let report = relay.run(lambda_invocation::time_left(&event.context)).await?;
            report.log();
            Ok::<_, Error>(report)
        }
    }))
    .await
}

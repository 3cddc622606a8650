//! `POST /accounts`: API Gateway -> **this function** -> the event store, and from there to `account-projector`.

use cqrs::EventSourcingHandler;
use lambda_http::Error;
use open_account::OpenAccountFunction;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let settings = secrets::settings().await?;
    let write_side = write_side::open(&settings.event_store_url()?, settings.kafka_if_set()?.as_ref()).await?;
    let personal_data = write_side::open_personal_data(&settings.key_store()?).await?;
    let event_sourcing_handler = EventSourcingHandler::new(write_side.event_store_repository, write_side.publisher);
    http_api::run(OpenAccountFunction::new(event_sourcing_handler, personal_data)).await
}

//! `POST /admin/accounts/{id}/erase`: API Gateway -> **this function** -> the key store and the event store, and from
//! there to `account-projector`.

use cqrs::EventSourcingHandler;
use erase_holder::EraseHolderFunction;
use lambda_http::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let settings = secrets::settings().await?;
    let write_side = write_side::open(&settings.event_store_url()?, settings.kafka_if_set()?.as_ref()).await?;
    let keys = write_side::open_key_store(&settings.key_store()?.location).await?;
    let event_sourcing_handler = EventSourcingHandler::new(write_side.event_store_repository, write_side.publisher);
    http_api::run(EraseHolderFunction::new(event_sourcing_handler, keys)).await
}

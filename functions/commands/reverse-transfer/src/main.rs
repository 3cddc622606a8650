//! `POST /transfers/{id}/reversal`: API Gateway -> **this function** -> the event store, and from there to
//! `account-projector`.

use cqrs::EventSourcingHandler;
use lambda_http::Error;
use reverse_transfer::ReverseTransferFunction;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let settings = secrets::settings().await?;
    let write_side = write_side::open(&settings.event_store_url()?, settings.kafka_if_set()?.as_ref()).await?;
    let event_sourcing_handler = EventSourcingHandler::new(write_side.event_store_repository, write_side.publisher);
    http_api::run(ReverseTransferFunction::new(event_sourcing_handler)).await
}

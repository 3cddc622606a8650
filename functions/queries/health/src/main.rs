//! `GET /health`: API Gateway -> **this function** -> a check of each database.

use std::sync::Arc;

use bank_read_model::PROJECTIONS;
use health::{EventStoreCheck, HealthFunction, KeyStoreCheck, ReadDbCheck};
use lambda_http::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let settings = secrets::settings().await?;
    let event_store_repository = write_side::open_event_store(&settings.event_store_url()?).await?;
    let keys = write_side::open_key_store(&settings.key_store()?.location).await?;
    let register = read_side::open_register(&settings.read_db_url()?).await?;
    let function = HealthFunction::new(vec![
        Arc::new(EventStoreCheck { event_store_repository }),
        Arc::new(KeyStoreCheck { keys }),
        Arc::new(ReadDbCheck { register, projections: PROJECTIONS }),
    ]);
    http_api::run(function).await
}

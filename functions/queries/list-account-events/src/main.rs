//! `GET /accounts/{id}/events`: API Gateway -> **this function** -> the event store itself. The audit trail shows the
//! stored events, and not the projected rows.

use lambda_http::Error;
use list_account_events::ListAccountEventsFunction;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let settings = secrets::settings().await?;
    let event_store_repository = write_side::open_event_store(&settings.event_store_url()?).await?;
    let personal_data = write_side::open_personal_data(&settings.key_store()?).await?;
    http_api::run(ListAccountEventsFunction::new(event_store_repository, personal_data)).await
}

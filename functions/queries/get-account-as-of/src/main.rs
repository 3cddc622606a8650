//! `GET /accounts/{id}/as-of/{time}`: API Gateway -> **this function** -> the event store itself. Only the events show
//! an account's state at a time.

use get_account_as_of::GetAccountAsOfFunction;
use lambda_http::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let settings = secrets::settings().await?;
    let event_store_repository = write_side::open_event_store(&settings.event_store_url()?).await?;
    let personal_data = write_side::open_personal_data(&settings.key_store()?).await?;
    http_api::run(GetAccountAsOfFunction::new(event_store_repository, personal_data)).await
}

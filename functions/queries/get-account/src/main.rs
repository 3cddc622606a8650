//! `GET /accounts/{id}`: API Gateway -> **this function** -> the read database, which `account-projector` keeps up to date.

use bank_read_model::BankAccountRepository;
use get_account::GetAccountFunction;
use lambda_http::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let settings = secrets::settings().await?;
    let account_repository = BankAccountRepository::new(read_side::open_rows(&settings.read_db_url()?).await?);
    http_api::run(GetAccountFunction::new(account_repository)).await
}

//! `GET /transfers`: API Gateway -> **this function** -> the read database, which `account-projector` keeps up to date.

use bank_read_model::{BankAccountRepository, TransferRepository};
use lambda_http::Error;
use list_transfers::ListTransfersFunction;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let settings = secrets::settings().await?;
    let rows = read_side::open_rows(&settings.read_db_url()?).await?;
    let (account_repository, transfer_repository) =
        (BankAccountRepository::new(rows.clone()), TransferRepository::new(rows));
    http_api::run(ListTransfersFunction::new(account_repository, transfer_repository)).await
}

//! `GET /transfers/{id}`: API Gateway -> **this function** -> the read database, which `account-projector` keeps up to date.

use bank_read_model::TransferRepository;
use get_transfer::GetTransferFunction;
use lambda_http::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let settings = secrets::settings().await?;
    let transfer_repository = TransferRepository::new(read_side::open_rows(&settings.read_db_url()?).await?);
    http_api::run(GetTransferFunction::new(transfer_repository)).await
}

//! `GET /admin/read-db/restore/{id}`: API Gateway -> **this function** -> the read database.

use get_restore::GetRestoreFunction;
use lambda_http::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let settings = secrets::settings().await?;
    let restores = read_side::open_for_restore(&settings.read_db_url()?).await?;
    http_api::run(GetRestoreFunction::new(restores)).await
}

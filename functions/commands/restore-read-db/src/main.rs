//! `POST /admin/read-db/restore`: API Gateway -> **this function** -> `restore-worker`, which does the work.

use std::sync::Arc;

use lambda_http::Error;
use lambda_invocation::LambdaRestoreTrigger;
use restore_read_db::RestoreReadDbFunction;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let settings = secrets::settings().await?;
    let restores = read_side::open_for_restore(&settings.read_db_url()?).await?;
    let trigger = LambdaRestoreTrigger::from_settings(&settings)?;
    http_api::run(RestoreReadDbFunction::new(restores, Arc::new(trigger))).await
}

//! `restore-read-db`, this function itself, or a schedule -> **this function** -> the read database.

use std::sync::Arc;

use bank_read_model::PROJECTIONS;
use cqrs::OpenedCommitScan;
use lambda_invocation::LambdaRestoreTrigger;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use restore::{RestoreLimits, Restorer};
use restore_worker::RestoreWorker;
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let settings = secrets::settings().await?;
    let commit_scan = write_side::open_commit_scan(&settings.event_store_url()?).await?;
    let personal_data = write_side::open_personal_data(&settings.key_store()?).await?;
    let restore_store = read_side::open_for_restore(&settings.read_db_url()?).await?;
    let trigger = LambdaRestoreTrigger::from_settings(&settings)?;
    let commits = Arc::new(OpenedCommitScan::new(commit_scan, personal_data));
    let restorer = Restorer::new(commits, restore_store, PROJECTIONS, RestoreLimits::default());
    let worker = Arc::new(RestoreWorker::new(restorer, Arc::new(trigger)));
    // The event does not matter, because the read database shows the work to do.
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| {
        let worker = worker.clone();
        async move { worker.work(&event.context).await.map_err(Error::from) }
    }))
    .await
}

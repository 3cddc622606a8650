use std::time::Instant;

use futures::TryStreamExt as _;
use mongodb::bson::{RawDocumentBuf, doc};
use mongodb::{Client, Collection};

use crate::figures::Figures;

/// Reads every commit of the program by one cursor, in the order of the `_id`.
pub async fn raw_scan(mongodb_url: &str, database: &str) -> anyhow::Result<Figures> {
    let client = Client::with_uri_str(mongodb_url).await?;
    let commits: Collection<RawDocumentBuf> = client.database(database).collection("commits");
    let (started_at, mut done) = (Instant::now(), 0);
    let mut cursor = commits.find(doc! {}).sort(doc! { "_id": 1 }).await?;
    while cursor.try_next().await?.is_some() {
        done += 1;
    }
    let seconds = started_at.elapsed().as_secs_f64();
    Ok(Figures { seconds, done, per_s: done as f64 / seconds, ..Figures::default() })
}

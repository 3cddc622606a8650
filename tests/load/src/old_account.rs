use std::time::Duration;

use anyhow::Context as _;
use mongodb::bson::{Bson, DateTime, Document, doc};
use mongodb::{Client, Collection};
use uuid::Uuid;

use crate::accounts::{CALLERS, deposits, gets, open_accounts, send_commands};
use crate::arguments::Arguments;
use crate::cleanup::remove;
use crate::cpu::Processes;
use crate::http_load::{Amount, Oha, Requests};
use crate::program::{Place, Program};
use crate::report::Measurement;
use crate::series::Series;
use crate::services::Services;

/// The rows that need accounts of many events.
pub const ROWS: [&str; 2] = ["age", "as_of"];
/// The events of the old account, and of the account beside it whose past is asked for.
const OLD_EVENTS: i64 = 500_000;
const SHORT_EVENTS: i64 = 100;
/// The young accounts have some ten events. There are many, so that they stay young.
const YOUNG_ACCOUNTS: usize = 200;
const YOUNG_EVENTS: usize = 10;
/// The documents of one insert.
const BATCH: i64 = 2_000;

/// The program with one account of very many events. The events are copies of a real deposit, written straight into the event
/// store. The program's read side does not know them.
pub struct OldAccount {
    services: Services,
    name: String,
    program: Program,
    oha: Oha,
    old_deposits: Requests,
    young_deposits: Requests,
    old_as_of: Requests,
    short_as_of: Requests,
}

impl OldAccount {
    pub async fn prepare(arguments: &Arguments, oha: &Oha) -> anyhow::Result<Self> {
        let services = Services::find()?;
        let name = format!("load_{}", Uuid::now_v7().simple());
        let mongodb_options = arguments.mongodb_options.clone();
        let place = Place { events: name.clone(), read_db: name.clone(), mongodb_options };
        let program = Program::on_servers(&arguments.passbook, &services, &place, &oha.folder).await?;
        let account_ids = open_accounts(&program, oha, YOUNG_ACCOUNTS + 2).await?;
        let ([old, short], young) = account_ids.split_first_chunk().context("accounts")?;
        let young_deposits = deposits(&program, young, CALLERS);
        send_commands(&program, oha, &young_deposits, Amount::Number(YOUNG_ACCOUNTS * YOUNG_EVENTS)).await?;
        for account_id in [old, short] {
            send_commands(&program, oha, &deposits(&program, &[*account_id], 1), Amount::Number(1)).await?;
        }
        let client = Client::with_uri_str(services.mongodb_url(&name)).await?;
        let commits = client.database(&name).collection("commits");
        eprintln!("writing {OLD_EVENTS} events of one account");
        let old_middle = grow(&commits, *old, OLD_EVENTS, 1).await?;
        let short_middle = grow(&commits, *short, SHORT_EVENTS, 10_000).await?;
        // The last events are due in this time.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let one_by_one = |requests: Requests| Requests { connections: 1, ..requests };
        Ok(Self {
            old_deposits: one_by_one(deposits(&program, &[*old], 1)),
            young_deposits: one_by_one(young_deposits),
            old_as_of: one_by_one(gets(&program, &[*old], &format!("/as-of/{old_middle}"))),
            short_as_of: one_by_one(gets(&program, &[*short], &format!("/as-of/{short_middle}"))),
            services,
            name,
            program,
            oha: oha.clone(),
        })
    }

    pub async fn round(&self, arguments: &Arguments, series: &mut Series, time: Duration) -> anyhow::Result<()> {
        let processes = Services::processes().and("passbook", self.program.pid()?);
        let measure = async |series: &mut Series, measurement, requests: &Requests, processes: &Processes| {
            series.add(measurement, processes, self.oha.send(requests, Amount::Time(time))).await
        };
        if arguments.wants(&["age"]) {
            measure(series, Measurement::DepositYoung, &self.young_deposits, &processes).await?;
            measure(series, Measurement::DepositOld, &self.old_deposits, &processes).await?;
        }
        if arguments.wants(&["as_of"]) {
            measure(series, Measurement::AsOfShort, &self.short_as_of, &processes).await?;
            measure(series, Measurement::AsOfOld, &self.old_as_of, &processes).await?;
        }
        Ok(())
    }

    pub async fn finish(self) -> anyhow::Result<()> {
        drop(self.program);
        remove(&self.services, &self.name).await
    }
}

/// Copies the account's newest commit until the account has so many events. The copies are `step_us` apart. Returns the time of the
/// event in the middle.
async fn grow(commits: &Collection<Document>, account: Uuid, events: i64, step_us: i64) -> anyhow::Result<String> {
    let of_account = doc! { "_id.stream_id": mongodb::bson::Uuid::from_bytes(account.into_bytes()) };
    let newest = commits.find_one(of_account).sort(doc! { "_id": -1 }).await?.context("the account's commits")?;
    let (first_version, first_us) = (newest.get_i64("last_version")?, newest.get_i64("occurred_at_us")?);
    let mut version = first_version + 1;
    while version <= events {
        let last = events.min(version + BATCH - 1);
        let copies: Result<Vec<Document>, _> = (version..=last)
            .map(|version| copy(&newest, version, first_us + (version - first_version) * step_us))
            .collect();
        commits.insert_many(copies?).await?;
        version = last + 1;
    }
    let middle_us = first_us + (events - first_version) / 2 * step_us;
    Ok(DateTime::from_millis(middle_us / 1_000).try_to_rfc3339_string()?)
}

/// The commit of another version and time. It has no mark, because nothing is to deliver it. Its hash is the first one's, which no
/// command looks at.
fn copy(commit: &Document, version: i64, occurred_at_us: i64) -> anyhow::Result<Document> {
    let mut commit = commit.clone();
    commit.get_document_mut("_id")?.insert("first_version", version);
    commit.insert("last_version", version);
    commit.insert("occurred_at_us", occurred_at_us);
    commit.insert("occurred_at", DateTime::from_millis(occurred_at_us / 1_000));
    commit.remove("undelivered");
    let state = commit.get_document_mut("state")?.get_document_mut("data")?.get_document_mut("opened")?;
    // The opening is 100 minor units, and each deposit adds one.
    state.insert("balance_minor", Bson::Int64(crate::accounts::OPENING_MINOR + version - 1));
    Ok(commit)
}

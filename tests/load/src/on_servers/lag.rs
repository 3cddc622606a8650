use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use sqlx::{Connection as _, MySqlConnection};

use super::{OnServers, SCHEDULE_CALLERS, SCHEDULE_SHARE};
use crate::accounts::DEPOSIT;
use crate::figures::Figures;
use crate::http_load::{Amount, Requests};
use crate::loops::open_loop;
use crate::raw::raw_lags;
use crate::report::Measurement;
use crate::series::Series;

/// The pause between two deposits whose way is measured.
const PAUSE_BETWEEN_PROBES: Duration = Duration::from_millis(20);
/// The pause between two looks at a row.
const PAUSE_BETWEEN_LOOKS: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_secs(10);

impl OnServers {
    /// Measures how long after a command's answer the rows have its event, at half of capacity, beside a raw consumer.
    pub async fn measure_lag(&self, series: &mut Series, time: Duration) -> anyhow::Result<()> {
        let (Some(raw_per_s), Some(per_s)) =
            (series.per_s(Measurement::RawCommandC32), series.per_s(Measurement::DepositC32))
        else {
            return Ok(());
        };
        let (raw_per_s, per_s) = (raw_per_s * SCHEDULE_SHARE, per_s * SCHEDULE_SHARE);
        let url = self.services.mysql_url(&self.name);
        let raw = async {
            let load = open_loop(&self.commands, SCHEDULE_CALLERS, raw_per_s, time);
            let (load, lags_us) = tokio::try_join!(load, raw_lags(&self.event_log, &url, time))?;
            series.note_done(Measurement::RawCommandScheduled, load.done);
            anyhow::Ok(lags_us)
        };
        let lags_us = raw.await?;
        series.push(Measurement::RawLag, Figures::of_latencies(time.as_secs_f64(), lags_us));
        let requests = Requests { connections: SCHEDULE_CALLERS, ..self.deposits.clone() };
        let load = self.oha.send(&requests, Amount::Schedule { per_s, time });
        let (load, lags_us) = tokio::try_join!(load, self.lags(&url, time))?;
        self.program.note_acknowledged(load.done + lags_us.len() as u64);
        self.program.until_projected().await?;
        series.push(Measurement::Lag, Figures::of_latencies(time.as_secs_f64(), lags_us));
        Ok(())
    }

    /// Deposits again and again for this time, and looks at the row until it has the deposit. Returns the times in microseconds.
    async fn lags(&self, mysql_url: &str, time: Duration) -> anyhow::Result<Vec<u32>> {
        let client = reqwest::Client::new();
        let mut connection = MySqlConnection::connect(mysql_url).await?;
        let (started_at, mut lags_us) = (Instant::now(), Vec::new());
        for (account_id, url) in self.account_ids.iter().zip(&self.deposits.urls).cycle() {
            if started_at.elapsed() >= time {
                break;
            }
            let deposit = client.post(url).header("content-type", "application/json").body(DEPOSIT);
            let answer = deposit.send().await?.error_for_status()?.bytes().await?;
            let answered_at = Instant::now();
            let answer: serde_json::Value = serde_json::from_slice(&answer)?;
            let version = answer["version"].as_u64().context("a version")?;
            let row = "SELECT version FROM bank_accounts WHERE account_id = ?";
            while sqlx::query_scalar::<_, u64>(row).bind(account_id).fetch_one(&mut connection).await? < version {
                ensure!(answered_at.elapsed() < PATIENCE, "the row of {account_id} does not get version {version}");
                tokio::time::sleep(PAUSE_BETWEEN_LOOKS).await;
            }
            lags_us.push(u32::try_from(answered_at.elapsed().as_micros()).unwrap_or(u32::MAX));
            tokio::time::sleep(PAUSE_BETWEEN_PROBES).await;
        }
        Ok(lags_us)
    }
}

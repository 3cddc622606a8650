use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;

use crate::accounts::{CALLERS, deposits, gets, open_accounts, send_commands};
use crate::arguments::Arguments;
use crate::checks::{Check, check_program, check_raw};
use crate::cpu::Processes;
use crate::http_load::{Amount, Oha, Requests};
use crate::loops::closed_loop;
use crate::program::Program;
use crate::raw::RawSqlite;
use crate::report::Measurement;
use crate::series::Series;

/// The rows that need the embedded databases.
pub const ROWS: [&str; 1] = ["embedded_c32"];

/// The program on its embedded databases, and a raw client of SQLite.
pub struct Embedded {
    program: Program,
    processes: Processes,
    oha: Oha,
    inserts: Arc<RawSqlite>,
    deposits: Requests,
    hot_deposits: Requests,
    gets: Requests,
}

impl Embedded {
    pub async fn prepare(arguments: &Arguments, oha: &Oha) -> anyhow::Result<Self> {
        let program = Program::embedded(&arguments.passbook, &oha.folder).await?;
        let account_ids = open_accounts(&program, oha, arguments.accounts).await?;
        let deposits_to_all = deposits(&program, &account_ids, CALLERS);
        send_commands(&program, oha, &deposits_to_all, Amount::Number(arguments.accounts)).await?;
        let (events, raw) = (oha.folder.join("embedded/events.db"), oha.folder.join("raw.db"));
        let hot = [*account_ids.last().context("an account")?];
        Ok(Self {
            processes: Processes::default().and("passbook", program.pid()?),
            oha: oha.clone(),
            inserts: Arc::new(RawSqlite::prepare(&events, &raw, arguments.accounts).await?),
            deposits: deposits_to_all,
            hot_deposits: deposits(&program, &hot, CALLERS),
            gets: gets(&program, &account_ids, ""),
            program,
        })
    }

    pub async fn round(&self, series: &mut Series, time: Duration) -> anyhow::Result<()> {
        let raw = closed_loop(&self.inserts, 1, time);
        series.add(Measurement::RawSqliteC1, &Processes::default(), raw).await?;
        for (measurement, requests) in
            [(Measurement::EmbeddedDepositC32, &self.deposits), (Measurement::EmbeddedDepositHot, &self.hot_deposits)]
        {
            let sending = send_commands(&self.program, &self.oha, requests, Amount::Time(time));
            series.add(measurement, &self.processes, sending).await?;
        }
        let sending = self.oha.send(&self.gets, Amount::Time(time));
        series.add(Measurement::EmbeddedGetC32, &self.processes, sending).await
    }

    pub async fn finish(self, series: &Series) -> anyhow::Result<Vec<Check>> {
        let mut checks = check_program(&self.program, "embedded").await?;
        let done = series.done(&[Measurement::RawSqliteC1]);
        checks.push(check_raw("raw inserts into SQLite", done, self.inserts.written().await?));
        Ok(checks)
    }
}

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, MySqlConnection};
use uuid::Uuid;

use crate::arguments::Arguments;
use crate::checks::{Check, check_program, check_raw};
use crate::cpu::Processes;
use crate::figures::Figures;
use crate::http_load::{Amount, Oha, Requests, empty_folder};
use crate::loops::{Operation, closed_loop, open_loop};
use crate::program::Program;
use crate::raw::{EventLog, RawCommand, RawCommands, RawSelect, RawSqlite, SelectBy};
use crate::report::{Measurement, Report};
use crate::services::Services;

/// The callers of most rows.
const CALLERS: usize = 32;
/// The connections of a schedule. Requests beyond that wait for a connection, and their waiting counts.
const SCHEDULE_CALLERS: usize = 128;
/// A measurement's time in the round before the first. It makes the program, the servers and the connections warm, and is not
/// counted.
const WARM_UP: Duration = Duration::from_secs(1);
/// The share of the capacity at which latencies are measured.
const SCHEDULE_SHARE: f64 = 0.5;
/// The accounts whose statements are read, and their lines.
const STATEMENT_ACCOUNTS: usize = 100;
const STATEMENT_LINES: u32 = 20;
/// Each account is opened with 1.00 and each deposit is 0.01, so that the sum of the balances counts them.
pub const OPENING_MINOR: i64 = 100;
const OPENING: &str = r#"{"holder":"Ann Lee","kind":"checking","currency":"EUR","opening_balance":"1.00"}"#;
const DEPOSIT: &str = r#"{"amount":"0.01"}"#;

/// Measures everything that the arguments ask for.
pub async fn measure(arguments: &Arguments) -> anyhow::Result<Report> {
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    let folder = empty_folder(&std::path::absolute(target)?.join("load"))?;
    let oha = Oha { program: arguments.oha.clone(), folder: folder.clone() };
    let mut series = Series::default();
    let mut checks = Vec::new();
    // The time and the number of rounds are the same for each stack.
    let rounds = std::iter::once(WARM_UP).chain(std::iter::repeat_n(arguments.time(), arguments.rounds()));
    let rounds: Vec<Duration> = rounds.collect();
    let mut on_servers = None;
    if arguments.wants(&ON_SERVERS) {
        on_servers = Some(OnServers::prepare(arguments, &oha).await?);
    }
    let mut embedded = None;
    if arguments.wants(&EMBEDDED) {
        embedded = Some(OnEmbedded::prepare(arguments, &oha).await?);
    }
    for (round, time) in rounds.iter().enumerate() {
        series.is_counted = round > 0;
        eprintln!("round {round} of {}, {:.1} s each", arguments.rounds(), time.as_secs_f64());
        if let Some(on_servers) = &on_servers {
            on_servers.round(arguments, &mut series, *time).await?;
        }
        if let Some(embedded) = &embedded {
            embedded.round(&mut series, *time).await?;
        }
    }
    if let Some(on_servers) = on_servers {
        checks.extend(on_servers.finish(&series).await?);
    }
    if let Some(embedded) = embedded {
        checks.extend(embedded.finish(&series).await?);
    }
    Ok(Report::new(arguments, series.measurements, checks))
}

const ON_SERVERS: [&str; 8] = [
    "command_c32",
    "command_c1",
    "command_p99",
    "hot_account",
    "query_c32",
    "cpu_deposit",
    "cpu_get",
    "mongo_per_deposit",
];
const EMBEDDED: [&str; 1] = ["embedded_c32"];

/// The figures of each measurement, one for each round.
#[derive(Default)]
struct Series {
    measurements: BTreeMap<Measurement, Vec<Figures>>,
    /// Whether this round is counted. The first round is not.
    is_counted: bool,
    /// The operations of each measurement in all rounds, counted or not.
    done: BTreeMap<Measurement, u64>,
}

impl Series {
    /// Measures once, with the processor's time of these processes.
    async fn add(
        &mut self,
        measurement: Measurement,
        processes: &Processes,
        measuring: impl Future<Output = anyhow::Result<Figures>>,
    ) -> anyhow::Result<()> {
        let before = processes.cpu_ms()?;
        let mut figures = measuring.await.with_context(|| measurement.what())?;
        ensure!(figures.done > 0, "{}: nothing was done: {figures:?}", measurement.what());
        for (process, after_ms) in processes.cpu_ms()? {
            let used_ms = after_ms - before.get(process).copied().unwrap_or(0.0);
            figures.cpu_ms.insert(process.to_owned(), used_ms / figures.done as f64);
        }
        eprintln!(
            "  {:<52} {:>8.0}/s  p50 {:>7.2} ms  p99 {:>8.2} ms  refused {}",
            measurement.what(),
            figures.per_s,
            figures.p50_ms,
            figures.p99_ms,
            figures.refusals()
        );
        *self.done.entry(measurement).or_default() += figures.done;
        if self.is_counted {
            self.measurements.entry(measurement).or_default().push(figures);
        }
        Ok(())
    }

    /// The median rate of a measurement so far.
    fn per_s(&self, measurement: Measurement) -> Option<f64> {
        let rounds = self.measurements.get(&measurement)?;
        Some(crate::figures::Spread::of(rounds.iter().map(|figures| figures.per_s)).median)
    }
}

/// The program on the servers, and the raw clients of the same servers.
struct OnServers {
    name: String,
    services: Services,
    program: Program,
    processes: Processes,
    raw_processes: Processes,
    oha: Oha,
    event_log: Arc<EventLog>,
    inserts: Arc<RawCommands>,
    find_inserts: Arc<RawCommands>,
    commands: Arc<RawCommands>,
    select_rows: Arc<RawSelect>,
    select_lines: Arc<RawSelect>,
    deposits: Requests,
    hot_deposits: Requests,
    gets: Requests,
    statements: Requests,
}

impl OnServers {
    async fn prepare(arguments: &Arguments, oha: &Oha) -> anyhow::Result<Self> {
        let services = Services::find()?;
        let name = format!("load_{}", Uuid::now_v7().simple());
        let options = arguments.mongodb_options.as_deref();
        let program = Program::on_servers(&arguments.passbook, &services, &name, options, &oha.folder).await?;
        let raw_processes = Services::processes();
        let processes = raw_processes.and("passbook", program.pid()?);
        let account_ids = open_accounts(&program, oha, arguments.accounts).await?;
        let some = account_ids.iter().take(STATEMENT_ACCOUNTS).copied().collect::<Vec<_>>();
        // By chance some accounts get fewer deposits than others.
        let amount = Amount::Number(STATEMENT_ACCOUNTS * (STATEMENT_LINES as usize + 10));
        send_commands(&program, oha, &deposits(&program, &some, CALLERS), amount).await?;
        let with_lines = program.read_db.account_ids(STATEMENT_LINES).await?;
        let event_log = Arc::new(EventLog::prepare(&services, &name, arguments.accounts).await?);
        let select = async |by, ids: &[Uuid]| {
            RawSelect::connect(&services.mysql_url(&name), CALLERS, by, ids.to_vec()).await.map(Arc::new)
        };
        let hot = [*account_ids.last().context("an account")?];
        Ok(Self {
            inserts: event_log.commands(RawCommand::Insert).await?,
            find_inserts: event_log.commands(RawCommand::FindInsert).await?,
            commands: event_log.commands(RawCommand::FindInsertProduce).await?,
            select_rows: select(SelectBy::Key, &account_ids).await?,
            select_lines: select(SelectBy::NewestLines, &with_lines).await?,
            deposits: deposits(&program, &account_ids, CALLERS),
            hot_deposits: deposits(&program, &hot, CALLERS),
            gets: gets(&program, &account_ids, ""),
            statements: gets(&program, &with_lines, "/transactions?limit=20"),
            oha: oha.clone(),
            event_log,
            processes,
            raw_processes,
            program,
            services,
            name,
        })
    }

    async fn round(&self, arguments: &Arguments, series: &mut Series, time: Duration) -> anyhow::Result<()> {
        if arguments.wants(&["command_c32", "cpu_deposit", "mongo_per_deposit"]) {
            self.raw(series, Measurement::RawInsertC32, &self.inserts, CALLERS, time).await?;
            self.raw(series, Measurement::RawFindInsertC32, &self.find_inserts, CALLERS, time).await?;
            self.raw(series, Measurement::RawCommandC32, &self.commands, CALLERS, time).await?;
            self.commands(series, Measurement::DepositC32, &self.deposits, Amount::Time(time)).await?;
        }
        if arguments.wants(&["command_c1", "hot_account"]) {
            self.raw(series, Measurement::RawInsertC1, &self.inserts, 1, time).await?;
        }
        if arguments.wants(&["hot_account"]) {
            self.commands(series, Measurement::DepositHot, &self.hot_deposits, Amount::Time(time)).await?;
        }
        if arguments.wants(&["command_c1"]) {
            self.raw(series, Measurement::RawCommandC1, &self.commands, 1, time).await?;
            let one_by_one = Requests { connections: 1, ..self.deposits.clone() };
            self.commands(series, Measurement::DepositC1, &one_by_one, Amount::Time(time)).await?;
        }
        if arguments.wants(&["query_c32", "cpu_get"]) {
            self.raw(series, Measurement::RawSelectC32, &self.select_rows, CALLERS, time).await?;
            self.queries(series, Measurement::GetC32, &self.gets, time).await?;
            self.raw(series, Measurement::RawLinesC32, &self.select_lines, CALLERS, time).await?;
            self.queries(series, Measurement::StatementC32, &self.statements, time).await?;
        }
        if arguments.wants(&["command_p99"])
            && let (Some(raw_per_s), Some(per_s)) =
                (series.per_s(Measurement::RawCommandC32), series.per_s(Measurement::DepositC32))
        {
            let (raw_per_s, per_s) = (raw_per_s * SCHEDULE_SHARE, per_s * SCHEDULE_SHARE);
            let scheduled = open_loop(&self.commands, SCHEDULE_CALLERS, raw_per_s, time);
            series.add(Measurement::RawCommandScheduled, &self.raw_processes, scheduled).await?;
            let requests = Requests { connections: SCHEDULE_CALLERS, ..self.deposits.clone() };
            let amount = Amount::Schedule { per_s, time };
            self.commands(series, Measurement::DepositScheduled, &requests, amount).await?;
        }
        Ok(())
    }

    async fn raw<O: Operation>(
        &self,
        series: &mut Series,
        measurement: Measurement,
        operation: &Arc<O>,
        callers: usize,
        time: Duration,
    ) -> anyhow::Result<()> {
        series.add(measurement, &self.raw_processes, closed_loop(operation, callers, time)).await
    }

    /// The processor's time is counted until the read side has every row of the commands.
    async fn commands(
        &self,
        series: &mut Series,
        measurement: Measurement,
        requests: &Requests,
        amount: Amount,
    ) -> anyhow::Result<()> {
        series.add(measurement, &self.processes, send_commands(&self.program, &self.oha, requests, amount)).await
    }

    async fn queries(
        &self,
        series: &mut Series,
        measurement: Measurement,
        requests: &Requests,
        time: Duration,
    ) -> anyhow::Result<()> {
        series.add(measurement, &self.processes, self.oha.send(requests, Amount::Time(time))).await
    }

    /// Checks the work, and removes the databases and topics.
    async fn finish(self, series: &Series) -> anyhow::Result<Vec<Check>> {
        let mut checks = check_program(&self.program, "on the servers").await?;
        let done = |measurements: &[Measurement]| {
            measurements.iter().map(|measurement| series.done.get(measurement).copied().unwrap_or(0)).sum()
        };
        let inserts = done(&[Measurement::RawInsertC32, Measurement::RawInsertC1]);
        let find_inserts = done(&[Measurement::RawFindInsertC32]);
        let commands = done(&[Measurement::RawCommandC32, Measurement::RawCommandC1, Measurement::RawCommandScheduled]);
        checks.push(check_raw("raw inserts", inserts, self.inserts.written().await?));
        checks.push(check_raw("raw finds and inserts", find_inserts, self.find_inserts.written().await?));
        checks.push(check_raw("raw commands", commands, self.commands.written().await?));
        checks.push(check_raw("raw records", commands, self.event_log.records()?));
        drop(self.program);
        self.event_log.remove(&self.name).await?;
        let mut server = MySqlConnection::connect(&self.services.mysql_server_url()).await?;
        server.execute(AssertSqlSafe(format!("DROP DATABASE {}", self.name))).await?;
        Ok(checks)
    }
}

/// The program on its embedded databases, and a raw client of SQLite.
struct OnEmbedded {
    program: Program,
    processes: Processes,
    oha: Oha,
    inserts: Arc<RawSqlite>,
    deposits: Requests,
    hot_deposits: Requests,
    gets: Requests,
}

impl OnEmbedded {
    async fn prepare(arguments: &Arguments, oha: &Oha) -> anyhow::Result<Self> {
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

    async fn round(&self, series: &mut Series, time: Duration) -> anyhow::Result<()> {
        let raw = closed_loop(&self.inserts, 1, time);
        series.add(Measurement::RawSqliteC1, &Processes::default(), raw).await?;
        for (measurement, requests) in [
            (Measurement::EmbeddedDepositC32, &self.deposits),
            (Measurement::EmbeddedDepositHot, &self.hot_deposits),
        ] {
            let sending = send_commands(&self.program, &self.oha, requests, Amount::Time(time));
            series.add(measurement, &self.processes, sending).await?;
        }
        let sending = self.oha.send(&self.gets, Amount::Time(time));
        series.add(Measurement::EmbeddedGetC32, &self.processes, sending).await
    }

    async fn finish(self, series: &Series) -> anyhow::Result<Vec<Check>> {
        let mut checks = check_program(&self.program, "embedded").await?;
        let done = series.done.get(&Measurement::RawSqliteC1).copied().unwrap_or(0);
        checks.push(check_raw("raw inserts into SQLite", done, self.inserts.written().await?));
        Ok(checks)
    }
}

/// Opens the accounts. Returns their ids, once the read side has them.
async fn open_accounts(program: &Program, oha: &Oha, accounts: usize) -> anyhow::Result<Vec<Uuid>> {
    let openings = Requests {
        urls: vec![format!("{}/accounts", program.base_url)],
        body: Some(OPENING),
        connections: CALLERS,
        done_status: 201,
    };
    let figures = send_commands(program, oha, &openings, Amount::Number(accounts)).await?;
    eprintln!("opened {accounts} accounts at {}: {:.0}/s", program.base_url, figures.per_s);
    let account_ids = program.read_db.account_ids(1).await?;
    ensure!(account_ids.len() == accounts, "{} of {accounts} accounts are there", account_ids.len());
    Ok(account_ids)
}

/// Sends commands, and waits until the read side has their events.
async fn send_commands(program: &Program, oha: &Oha, requests: &Requests, amount: Amount) -> anyhow::Result<Figures> {
    let figures = oha.send(requests, amount).await?;
    program.note_acknowledged(figures.done);
    let caught_up_after_s = Some(program.until_projected().await?.as_secs_f64());
    Ok(Figures { caught_up_after_s, ..figures })
}

fn deposits(program: &Program, account_ids: &[Uuid], connections: usize) -> Requests {
    let url = |id: &Uuid| format!("{}/accounts/{id}/deposits", program.base_url);
    Requests { urls: account_ids.iter().map(url).collect(), body: Some(DEPOSIT), connections, done_status: 200 }
}

fn gets(program: &Program, account_ids: &[Uuid], behind_id: &str) -> Requests {
    let url = |id: &Uuid| format!("{}/accounts/{id}{behind_id}", program.base_url);
    Requests { urls: account_ids.iter().map(url).collect(), body: None, connections: CALLERS, done_status: 200 }
}

mod lag; // from a command's answer to the row
mod projector; // from Kafka to the rows
mod restore; // from the event store to the rows

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use uuid::Uuid;

use crate::accounts::{CALLERS, deposits, gets, open_accounts, send_commands};
use crate::arguments::Arguments;
use crate::checks::{Check, check_program, check_raw};
use crate::cleanup::remove;
use crate::cpu::Processes;
use crate::http_load::{Amount, Oha, Requests};
use crate::loops::{Operation, closed_loop, open_loop};
use crate::program::{Place, Program};
use crate::raw::{EventLog, RawCommand, RawCommands, RawSelect, SelectBy};
use crate::report::Measurement;
use crate::series::Series;
use crate::services::Services;

/// The rows that need the servers.
pub const ROWS: [&str; 11] = [
    "command_c32",
    "command_c1",
    "command_p99",
    "hot_account",
    "query_c32",
    "cpu_deposit",
    "cpu_get",
    "mongo_per_deposit",
    "projector",
    "lag",
    "restore",
];
/// The connections of a schedule. Requests beyond that wait for a connection, and their waiting counts.
const SCHEDULE_CALLERS: usize = 128;
/// The share of the capacity at which latencies are measured.
const SCHEDULE_SHARE: f64 = 0.5;
/// The accounts whose statements are read, and their lines.
const STATEMENT_ACCOUNTS: usize = 100;
const STATEMENT_LINES: u32 = 20;

/// The program on the servers, and the raw clients of the same servers.
pub struct OnServers {
    name: String,
    place: Place,
    account_ids: Vec<Uuid>,
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
    pub async fn prepare(arguments: &Arguments, oha: &Oha) -> anyhow::Result<Self> {
        let services = Services::find()?;
        let name = format!("load_{}", Uuid::now_v7().simple());
        let mongodb_options = arguments.mongodb_options.clone();
        let place = Place { events: name.clone(), read_db: name.clone(), mongodb_options };
        let program = Program::on_servers(&arguments.passbook, &services, &place, &oha.folder).await?;
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
            place,
            account_ids,
            event_log,
            processes,
            raw_processes,
            program,
            services,
            name,
        })
    }

    pub async fn round(&self, arguments: &Arguments, series: &mut Series, time: Duration) -> anyhow::Result<()> {
        if arguments.wants(&["command_c32", "cpu_deposit", "mongo_per_deposit", "command_p99", "lag"]) {
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

    /// Measures what happens once after the rounds.
    pub async fn after_rounds(&self, arguments: &Arguments, series: &mut Series) -> anyhow::Result<()> {
        if arguments.wants_in_full(&["lag"]) {
            self.measure_lag(series, arguments.time()).await?;
        }
        if arguments.wants_in_full(&["projector"]) {
            self.measure_projector(arguments, series).await?;
        }
        if arguments.wants_in_full(&["restore"]) {
            self.measure_restore(series).await?;
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
    pub async fn finish(self, series: &Series) -> anyhow::Result<Vec<Check>> {
        let mut checks = check_program(&self.program, "on the servers").await?;
        let inserts = series.done(&[Measurement::RawInsertC32, Measurement::RawInsertC1]);
        let find_inserts = series.done(&[Measurement::RawFindInsertC32]);
        let commands =
            series.done(&[Measurement::RawCommandC32, Measurement::RawCommandC1, Measurement::RawCommandScheduled]);
        checks.push(check_raw("raw inserts", inserts, self.inserts.written().await?));
        checks.push(check_raw("raw finds and inserts", find_inserts, self.find_inserts.written().await?));
        checks.push(check_raw("raw commands", commands, self.commands.written().await?));
        let records = commands + series.done(&[Measurement::RawLag]);
        checks.push(check_raw("raw records", records, self.event_log.records()?));
        drop(self.program);
        for name in [self.name.clone(), format!("{}_raw", self.name)] {
            remove(&self.services, &name).await?;
        }
        Ok(checks)
    }
}

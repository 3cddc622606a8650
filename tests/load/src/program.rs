use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::str::FromStr as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, MySqlConnection, SqliteConnection};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use uuid::Uuid;

use crate::services::Services;

/// How long the read side may need until it has every row.
const PATIENCE: Duration = Duration::from_secs(180);
const PAUSE: Duration = Duration::from_millis(100);

/// `passbook serve` as a process, with its own databases. It is killed when it is dropped.
pub struct Program {
    process: Child,
    pub base_url: String,
    environment: Vec<(String, String)>,
    binary: PathBuf,
    pub read_db: ReadDb,
    /// The commands that the program has acknowledged. Each has raised one event.
    acknowledged: AtomicU64,
}

/// The names of the program's databases and topics on the servers.
#[derive(Debug, Clone)]
pub struct Place {
    /// The name of the event store and of the topic.
    pub events: String,
    /// The name of the read database and of the consumer group that fills it.
    pub read_db: String,
    /// Further options of MongoDB's URL.
    pub mongodb_options: Option<String>,
}

/// The program's read database.
#[derive(Debug, Clone)]
pub enum ReadDb {
    MySql { url: String },
    Sqlite { file: PathBuf },
}

/// Sums over all accounts in the read database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sums {
    pub accounts: i64,
    /// Each event adds one.
    pub versions: i64,
    pub balances_minor: i64,
}

impl Program {
    /// Makes the databases and topics if they are missing, and starts the program on them.
    pub async fn on_servers(binary: &Path, services: &Services, place: &Place, folder: &Path) -> anyhow::Result<Self> {
        let Place { events, read_db, mongodb_options } = place;
        let mut server = MySqlConnection::connect(&services.mysql_server_url()).await?;
        server.execute(AssertSqlSafe(format!("CREATE DATABASE {read_db}"))).await?;
        server.close().await?;
        let mut event_store_url = services.mongodb_url(events);
        if let Some(options) = mongodb_options {
            event_store_url = format!("{event_store_url}&{options}");
        }
        let environment = [
            ("EVENT_STORE_URL", event_store_url),
            ("READ_DB_URL", services.mysql_url(read_db)),
            ("KAFKA_BOOTSTRAP_SERVERS", services.kafka_servers.clone()),
            ("KAFKA_TOPIC", events.clone()),
            ("PASSBOOK_MAPPING_GROUP", read_db.clone()),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value)).to_vec();
        let prepared = command(binary, &environment).arg("prepare").output().await?;
        ensure!(prepared.status.success(), "{}", String::from_utf8_lossy(&prepared.stderr));
        let rows = ReadDb::MySql { url: services.mysql_url(read_db) };
        Self::start(binary, environment, rows, &folder.join(format!("{read_db}.log"))).await
    }

    /// Starts the program on its embedded databases in this folder.
    pub async fn embedded(binary: &Path, folder: &Path) -> anyhow::Result<Self> {
        let home = folder.join("embedded");
        let environment = vec![("PASSBOOK_HOME".to_owned(), home.display().to_string())];
        let read_db = ReadDb::Sqlite { file: home.join("read.db") };
        Self::start(binary, environment, read_db, &folder.join("embedded.log")).await
    }

    async fn start(
        binary: &Path,
        environment: Vec<(String, String)>,
        read_db: ReadDb,
        log: &Path,
    ) -> anyhow::Result<Self> {
        let log = std::fs::File::create(log)?;
        let mut serve = command(binary, &environment);
        serve.arg("serve").env("PORT", "0").stdout(Stdio::piped()).stderr(log);
        let mut process = serve.spawn().with_context(|| format!("{} does not start", binary.display()))?;
        let mut lines = BufReader::new(process.stdout.take().context("its output")?).lines();
        let mut base_url = None;
        while let Some(line) = lines.next_line().await? {
            let word = line.split_whitespace().find(|word| word.starts_with("http://"));
            base_url = base_url.or_else(|| word.map(str::to_owned));
            if line.contains("openapi.yaml") {
                break;
            }
        }
        let base_url = base_url.context("the program told no address; its log tells why")?;
        let acknowledged = AtomicU64::new(0);
        Ok(Self { process, base_url, environment, binary: binary.to_owned(), read_db, acknowledged })
    }

    pub fn pid(&self) -> anyhow::Result<u32> {
        self.process.id().context("the program has ended")
    }

    /// Notes commands that the program has acknowledged.
    pub fn note_acknowledged(&self, commands: u64) {
        self.acknowledged.fetch_add(commands, Ordering::Relaxed);
    }

    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Waits until the read database has the event of each acknowledged command. Returns how long that took.
    pub async fn until_projected(&self) -> anyhow::Result<Duration> {
        let (started_at, expected) = (Instant::now(), i64::try_from(self.acknowledged())?);
        loop {
            let versions = self.read_db.sums().await?.versions;
            if versions >= expected {
                return Ok(started_at.elapsed());
            }
            ensure!(started_at.elapsed() < PATIENCE, "the read side has {versions} of {expected} events");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Runs another command of the program on the same databases, for example `verify`. Returns its output.
    pub async fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = command(&self.binary, &self.environment).args(arguments).output().await?;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let log = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "passbook {}: {printed}{log}", arguments.join(" "));
        Ok(printed)
    }
}

/// A command that finds none of its settings by chance in this process's environment.
fn command(binary: &Path, environment: &[(String, String)]) -> Command {
    let mut command = Command::new(binary);
    command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command.envs(std::env::vars().filter(|(name, _)| name == "PASSBOOK_LOG" || name.starts_with("PASSBOOK_MAPPING_")));
    command.envs(environment.iter().map(|(name, value)| (name, value))).stdin(Stdio::null()).kill_on_drop(true);
    command
}

impl ReadDb {
    pub async fn sums(&self) -> anyhow::Result<Sums> {
        let (accounts, versions, balances_minor) = match self {
            Self::MySql { url } => {
                let sums = "SELECT COUNT(*), CAST(COALESCE(SUM(version), 0) AS SIGNED), \
                            CAST(COALESCE(SUM(balance_minor), 0) AS SIGNED) FROM bank_accounts";
                let mut connection = MySqlConnection::connect(url).await?;
                let sums = sqlx::query_as(sums).fetch_one(&mut connection).await?;
                connection.close().await?;
                sums
            }
            Self::Sqlite { file } => {
                let sums =
                    "SELECT COUNT(*), COALESCE(SUM(version), 0), COALESCE(SUM(balance_minor), 0) FROM bank_accounts";
                sqlx::query_as(sums).fetch_one(&mut open_sqlite(file).await?).await?
            }
        };
        Ok(Sums { accounts, versions, balances_minor })
    }

    /// The accounts with at least this version, oldest first.
    pub async fn account_ids(&self, least_version: u32) -> anyhow::Result<Vec<Uuid>> {
        let ids = "SELECT account_id FROM bank_accounts WHERE version >= ? ORDER BY account_id";
        match self {
            Self::MySql { url } => {
                let mut connection = MySqlConnection::connect(url).await?;
                Ok(sqlx::query_scalar(ids).bind(least_version).fetch_all(&mut connection).await?)
            }
            Self::Sqlite { file } => {
                let mut connection = open_sqlite(file).await?;
                let ids: Vec<String> = sqlx::query_scalar(ids).bind(least_version).fetch_all(&mut connection).await?;
                ids.iter().map(|id| Ok(Uuid::from_str(id)?)).collect()
            }
        }
    }
}

/// Opens a SQLite file of the program for reading.
pub async fn open_sqlite(file: &Path) -> anyhow::Result<SqliteConnection> {
    let options = SqliteConnectOptions::new().filename(file).pragma("query_only", "ON");
    Ok(SqliteConnection::connect_with(&options).await?)
}

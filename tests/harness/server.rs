use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use cqrs::EventStoreRepository;
use sqlite_embedded::SqliteEventStore;
use tempfile::TempDir;

use super::{Client, workspace_folder};

/// A binary of the workspace, built by the cargo that runs the tests; what is built already takes no time.
pub fn program(name: &str) -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        let mut cargo = Command::new(env!("CARGO"));
        // What cargo says of this package to its tests is not for the other packages: one of their build scripts asks
        // for it, and would be run again, and all that depends on it.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CARGO_PKG_") || name == "CARGO_MANIFEST_DIR" {
                cargo.env_remove(name);
            }
        }
        let built = cargo
            .args(["build", "--quiet", "--workspace", "--all-features", "--bins"])
            .current_dir(workspace_folder())
            .status()
            .expect("cargo starts");
        assert!(built.success(), "the binaries do not build");
    });
    // This test is target/debug/deps/passbook-…, the binary target/debug/….
    let test = std::env::current_exe().expect("a path");
    test.parent().and_then(Path::parent).expect("target/debug").join(name)
}

/// The program for people.
pub fn passbook_program() -> PathBuf {
    program("passbook")
}

/// The settings that a process must not find by chance in the environment of whoever runs the tests.
const SETTINGS: [&str; 14] = [
    "EVENT_STORE_URL",
    "READ_DB_URL",
    "KEY_STORE_URL",
    "KEY_STORE_MASTER_KEY",
    "KEY_STORE_KMS_KEY_ID",
    "KAFKA_BOOTSTRAP_SERVERS",
    "KAFKA_CLUSTER_ARN",
    "KAFKA_TOPIC",
    "KAFKA_DEAD_LETTER_TOPIC",
    "KAFKA_SIGN_IN",
    "PASSBOOK_HOME",
    "PASSBOOK_INVOKE_URL",
    "PASSBOOK_MAPPING_GROUP",
    "PASSBOOK_JWKS",
];

/// The command without any setting but those that it is given from here on.
pub fn without_settings(command: &mut Command) -> &mut Command {
    SETTINGS.iter().fold(command, |command, setting| command.env_remove(setting))
}

/// Whether this run of the tests has `passbook` on MongoDB, Kafka and MySQL, and not embedded.
pub fn is_on_servers() -> bool {
    std::env::var("PASSBOOK_TEST_STACK").is_ok_and(|stack| stack == "servers")
}

/// One test's data: a folder, and in a run on the servers databases and topics too; gone with it.
pub struct Data {
    home: TempDir,
    #[cfg(feature = "services")]
    on_servers: Option<super::ServersStack>,
}

impl Data {
    pub fn empty() -> Self {
        Self {
            home: tempfile::tempdir().expect("a folder"),
            #[cfg(feature = "services")]
            on_servers: is_on_servers().then(super::ServersStack::new),
        }
    }

    /// On the servers, whatever stack this run of the tests has.
    #[cfg(feature = "services")]
    pub fn on_servers() -> Self {
        Self { home: tempfile::tempdir().expect("a folder"), on_servers: Some(super::ServersStack::new()) }
    }

    /// The settings of a process that works on it.
    pub fn environment(&self) -> Vec<(String, String)> {
        let mut environment = vec![("PASSBOOK_HOME".to_owned(), self.home.path().display().to_string())];
        #[cfg(feature = "services")]
        environment.extend(self.on_servers.iter().flat_map(super::ServersStack::environment));
        environment
    }
}

/// `passbook serve` as a process of its own, on data and a port of its own; killed when dropped.
pub struct Server {
    process: Child,
    data: Option<Data>,
    base_url: String,
    greeting: String,
    environment: Vec<(String, String)>,
}

impl Server {
    /// On empty data.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// On empty data, with more of an environment.
    pub fn start_with(environment: &[(&str, &str)]) -> Self {
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self::start_on(Data::empty(), environment)
    }

    /// On this data.
    pub fn start_on_data(data: Data) -> Self {
        Self::start_on(data, Vec::new())
    }

    /// Starts in vain: what the program says when it refuses its environment.
    pub fn refuses_to_start_with(environment: &[(&str, &str)]) -> String {
        let home = tempfile::tempdir().expect("a folder");
        let mut process = without_settings(&mut Command::new(passbook_program()))
            .arg("serve")
            .env("PORT", "0")
            .env("PASSBOOK_HOME", home.path())
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log_file(home.path()))
            .spawn()
            .expect("the program starts");
        let give_up_at = Instant::now() + Duration::from_secs(20);
        let status = loop {
            match process.try_wait().expect("a status") {
                Some(status) => break status,
                None if Instant::now() < give_up_at => std::thread::sleep(Duration::from_millis(10)),
                None => {
                    process.kill().expect("it runs");
                    panic!("it serves with {environment:?}");
                }
            }
        };
        assert!(!status.success(), "it ended as if all were well with {environment:?}");
        assert!(!home.path().join("events.db").exists(), "it had touched the data folder already");
        read_log(home.path())
    }

    fn start_on(data: Data, environment: Vec<(String, String)>) -> Self {
        let home = data.home.path();
        let mut process = without_settings(&mut Command::new(passbook_program()))
            .arg("serve")
            .env("PORT", "0")
            .envs(data.environment())
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log_file(home))
            .spawn()
            .expect("the program starts");
        let mut greeting = String::new();
        for line in BufReader::new(process.stdout.take().expect("piped")).lines() {
            let line = line.expect("text");
            greeting.push_str(&line);
            greeting.push('\n');
            if line.contains("openapi.yaml") {
                break;
            }
        }
        let base_url = greeting
            .split_whitespace()
            .find(|word| word.starts_with("http://"))
            .unwrap_or_else(|| panic!("no address in {greeting:?}; log: {}", read_log(home)))
            .to_owned();
        Self { process, data: Some(data), base_url, greeting, environment }
    }

    /// A client without a token.
    pub fn client(&self) -> Client {
        Client::new(&self.base_url)
    }

    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// What it said when it started.
    pub fn greeting(&self) -> &str {
        &self.greeting
    }

    pub fn home(&self) -> &Path {
        self.data.as_ref().expect("there until a restart").home.path()
    }

    /// Its event store, as whoever has its address may write to it.
    pub async fn event_store(&self) -> Arc<dyn EventStoreRepository> {
        let data = self.data.as_ref().expect("there until a restart");
        #[cfg(feature = "services")]
        if let Some(on_servers) = &data.on_servers {
            let url = on_servers.event_store_url();
            return Arc::new(mongo_stores::MongoEventStore::connect(&url).await.expect("a URL"));
        }
        Arc::new(SqliteEventStore::open(&data.home.path().join("events.db")).await.expect("opens"))
    }

    /// What another process needs to work on this server's data.
    pub fn data_environment(&self) -> Vec<(String, String)> {
        self.data.as_ref().expect("there until a restart").environment()
    }

    /// The read database with all its rows, while the server is dead.
    pub fn throw_read_db_away(&mut self) {
        let data = self.data.as_mut().expect("there until a restart");
        #[cfg(feature = "services")]
        if let Some(on_servers) = &mut data.on_servers {
            on_servers.throw_read_db_away();
            return;
        }
        for file in ["read.db", "read.db-wal", "read.db-shm"] {
            // Not all of them need be there.
            let _ = std::fs::remove_file(data.home.path().join(file));
        }
    }

    pub fn log(&self) -> String {
        read_log(self.home())
    }

    /// `kill -9`, then the program again on the same data, at another port.
    pub fn kill_and_restart(mut self) -> Self {
        self.kill();
        let data = self.data.take().expect("there until a restart");
        Self::start_on(data, std::mem::take(&mut self.environment))
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        // It may be dead already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// SIGTERM, and the exit status.
    pub fn terminate(&mut self) -> std::process::ExitStatus {
        let pid = self.process.id().to_string();
        let killed = Command::new("kill").args(["-TERM", &pid]).status().expect("kill starts");
        assert!(killed.success());
        self.process.wait().expect("an exit status")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn log_file(home: &Path) -> std::fs::File {
    std::fs::OpenOptions::new().create(true).append(true).open(home.join("log")).expect("a file")
}

fn read_log(home: &Path) -> String {
    std::fs::read_to_string(home.join("log")).unwrap_or_default()
}

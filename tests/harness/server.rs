use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::Client;

/// A binary of the workspace, built by the cargo that runs the tests; what is built already takes no time.
pub fn program(name: &str) -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--workspace", "--bins"])
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
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

/// `passbook serve` as a process of its own, on a data folder and a port of its own; killed when dropped.
pub struct Server {
    process: Child,
    home: Option<TempDir>,
    base_url: String,
    greeting: String,
    environment: Vec<(String, String)>,
}

impl Server {
    /// On an empty data folder.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// On an empty data folder, with more of an environment.
    pub fn start_with(environment: &[(&str, &str)]) -> Self {
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self::start_on(tempfile::tempdir().expect("a folder"), environment)
    }

    /// Starts in vain: what the program says when it refuses its environment.
    pub fn refuses_to_start_with(environment: &[(&str, &str)]) -> String {
        let home = tempfile::tempdir().expect("a folder");
        let mut process = Command::new(passbook_program())
            .arg("serve")
            .env("PORT", "0")
            .env("PASSBOOK_HOME", home.path())
            .env_remove("PASSBOOK_JWKS")
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

    fn start_on(home: TempDir, environment: Vec<(String, String)>) -> Self {
        let mut process = Command::new(passbook_program())
            .arg("serve")
            .env("PORT", "0")
            .env("PASSBOOK_HOME", home.path())
            .env_remove("PASSBOOK_JWKS")
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log_file(home.path()))
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
            .unwrap_or_else(|| panic!("no address in {greeting:?}; log: {}", read_log(home.path())))
            .to_owned();
        Self { process, home: Some(home), base_url, greeting, environment }
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
        self.home.as_ref().expect("there until a restart").path()
    }

    pub fn log(&self) -> String {
        read_log(self.home())
    }

    /// `kill -9`, then the program again on the same data, at another port.
    pub fn kill_and_restart(mut self) -> Self {
        self.kill();
        let home = self.home.take().expect("there until a restart");
        Self::start_on(home, std::mem::take(&mut self.environment))
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

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// The project's folder. `make services-env` is run there if the environment does not give the services' addresses.
const PROJECT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The event store's URL with another database in it. The server comes from the environment's `EVENT_STORE_URL`, or
/// from `make services`.
pub fn event_store_url(database: &str) -> String {
    static URL: LazyLock<String> = LazyLock::new(|| address("EVENT_STORE_URL"));
    let (scheme, behind) = URL.split_once("://").expect("a URL");
    let (hosts, behind) = behind.split_once('/').unwrap_or((behind, ""));
    match behind.split_once('?') {
        Some((_, options)) => format!("{scheme}://{hosts}/{database}?{options}"),
        None => format!("{scheme}://{hosts}/{database}"),
    }
}

/// The URL, without a database, of a server that speaks MySQL's protocol. It comes from the environment's variable of
/// that name, or from `make services`. `READ_DB_URL` is MySQL's, `MARIADB_URL` MariaDB's.
pub fn mysql_server_url(variable: &'static str) -> String {
    let url = address(variable);
    url.rsplit_once('/').expect("a URL with a database").0.to_owned()
}

/// Kafka's address, from the environment or from `make services`.
pub fn kafka_bootstrap_servers() -> String {
    address("KAFKA_BOOTSTRAP_SERVERS")
}

/// The folder of the Python clients, for `PYTHONPATH`.
pub fn python_clients() -> &'static str {
    static FOLDER: LazyLock<String> = LazyLock::new(|| installed_by("clients.sh"));
    &FOLDER
}

/// The folder of moto, a stand-in for AWS, for `PYTHONPATH`.
pub fn moto() -> &'static str {
    static FOLDER: LazyLock<String> = LazyLock::new(|| installed_by("moto.sh"));
    &FOLDER
}

/// Runs a script of `tests/services/` that installs a folder, once, and prints its path. Returns the path.
fn installed_by(script: &str) -> String {
    let printed = Command::new(format!("{PROJECT}/tests/services/{script}")).output().expect("the script is there");
    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    String::from_utf8(printed.stdout).expect("text").trim_end().to_owned()
}

/// The pid of one of the servers of `make services`. The server must not run in a Docker engine.
pub fn service_process(server: &str) -> String {
    let folder =
        std::env::var_os("SERVICES_FOLDER").map_or_else(|| Path::new(PROJECT).join(".services"), PathBuf::from);
    let file = folder.join(server).join("pid");
    let pid = std::fs::read_to_string(&file)
        .unwrap_or_else(|error| panic!("make services runs it, without a Docker engine: {}: {error}", file.display()));
    pid.trim().to_owned()
}

/// A service's address, from the environment's variable of that name or from `make services`.
pub fn address(variable: &str) -> String {
    address_if_any(variable).unwrap_or_else(|| panic!("{variable} is not set, and `make services` does not run"))
}

/// Like [`address`], for addresses that only some ways of running the services have.
pub fn address_if_any(variable: &str) -> Option<String> {
    if let Some(value) = std::env::var(variable).ok().filter(|value| !value.is_empty()) {
        return Some(value);
    }
    let asked = Command::new("make").args(["-s", "services-env"]).current_dir(PROJECT).output().expect("make is there");
    let printed = String::from_utf8(asked.stdout).expect("text");
    printed.lines().find_map(|line| line.strip_prefix(variable)?.strip_prefix('=')).map(str::to_owned)
}

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::cpu::Processes;

const PROJECT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The servers of `make services`.
#[derive(Debug, Clone)]
pub struct Services {
    mongodb_url: String,
    mysql_url: String,
    pub kafka_servers: String,
}

impl Services {
    /// The addresses from the environment, or else from `make services-env`.
    pub fn find() -> anyhow::Result<Self> {
        let asked = Command::new("make").args(["-s", "services-env"]).current_dir(PROJECT).output()?;
        let printed = String::from_utf8(asked.stdout)?;
        let printed: BTreeMap<&str, &str> = printed.lines().filter_map(|line| line.split_once('=')).collect();
        let address = |name: &str| {
            let set = std::env::var(name).ok().filter(|value| !value.is_empty());
            set.or_else(|| printed.get(name).map(|value| (*value).to_owned()))
                .with_context(|| format!("{name} is not set, and `make services` does not run"))
        };
        Ok(Self {
            mongodb_url: address("EVENT_STORE_URL")?,
            mysql_url: address("READ_DB_URL")?,
            kafka_servers: address("KAFKA_BOOTSTRAP_SERVERS")?,
        })
    }

    /// The URL of this database on MongoDB.
    pub fn mongodb_url(&self, database: &str) -> String {
        let (before, options) = self.mongodb_url.split_once('?').unwrap_or((&self.mongodb_url, ""));
        let hosts = before.rsplit_once('/').map_or(before, |(hosts, _)| hosts);
        format!("{hosts}/{database}?{options}")
    }

    /// The URL of MySQL without a database.
    pub fn mysql_server_url(&self) -> String {
        self.mysql_url.rsplit_once('/').map_or(self.mysql_url.clone(), |(server, _)| server.to_owned())
    }

    /// The URL of this database on MySQL.
    pub fn mysql_url(&self, database: &str) -> String {
        format!("{}/{database}", self.mysql_server_url())
    }

    /// The servers' processes. Servers in a Docker engine are left out, because their processes are not known here.
    pub fn processes() -> Processes {
        let folder =
            std::env::var_os("SERVICES_FOLDER").map_or_else(|| Path::new(PROJECT).join(".services"), PathBuf::from);
        let pid = |server: &str| std::fs::read_to_string(folder.join(server).join("pid")).ok()?.trim().parse().ok();
        let servers = ["mongodb", "kafka", "mysql"];
        Processes::of(servers.into_iter().filter_map(|server| Some((server, pid(server)?))).collect())
    }
}

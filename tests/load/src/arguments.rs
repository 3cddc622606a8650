use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

/// Measures the program under load, beside raw clients of the same servers.
#[derive(Debug, Parser)]
pub struct Arguments {
    /// The program to measure, built with optimization and with the feature `servers`.
    #[arg(long)]
    pub passbook: PathBuf,
    /// The load generator oha.
    #[arg(long)]
    pub oha: PathBuf,
    /// Measure in less than two minutes. The figures are less certain.
    #[arg(long)]
    pub quick: bool,
    /// Measure these rows alone, for example `command_c32,hot_account`.
    #[arg(long, value_delimiter = ',')]
    pub only: Vec<String>,
    /// The number of rounds.
    #[arg(long)]
    pub rounds: Option<usize>,
    /// The seconds of each measurement.
    #[arg(long)]
    pub seconds: Option<f64>,
    /// The file of an earlier run to compare with.
    #[arg(long)]
    pub baseline: Option<PathBuf>,
    /// Where to write the figures.
    #[arg(long, default_value = "target/load.json")]
    pub output: PathBuf,
    /// A document in which to write the tables, between its two marker lines.
    #[arg(long)]
    pub document: Option<PathBuf>,
    /// Further options of MongoDB's URL for the program, for example `maxPoolSize=64`.
    #[arg(long)]
    pub mongodb_options: Option<String>,
    /// The number of accounts.
    #[arg(long, default_value = "5000")]
    pub accounts: usize,
}

impl Arguments {
    /// Whether one of these rows is asked for.
    pub fn wants(&self, rows: &[&str]) -> bool {
        self.only.is_empty() || rows.iter().any(|row| self.only.iter().any(|only| only == row))
    }

    /// Whether one of these rows is asked for. They take long, so a quick run has only those that it names.
    pub fn wants_in_full(&self, rows: &[&str]) -> bool {
        self.wants(rows) && (!self.quick || !self.only.is_empty())
    }

    pub fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.quick { 3 } else { 5 })
    }

    /// The time of each measurement.
    pub fn time(&self) -> Duration {
        Duration::from_secs_f64(self.seconds.unwrap_or(if self.quick { 2.5 } else { 10.0 }))
    }
}

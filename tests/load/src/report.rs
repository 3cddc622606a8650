use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::arguments::Arguments;
use crate::checks::Check;
use crate::figures::{Figures, Spread};

/// The lines around the tables in the document.
const TABLES_BEGIN: &str = "<!-- The figures are written by `make load`. -->\n";
const TABLES_END: &str = "<!-- The figures end. -->\n";

/// One kind of measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measurement {
    RawInsertC32,
    RawFindInsertC32,
    RawCommandC32,
    DepositC32,
    RawInsertC1,
    DepositHot,
    RawCommandC1,
    DepositC1,
    RawCommandScheduled,
    DepositScheduled,
    RawSelectC32,
    GetC32,
    RawLinesC32,
    StatementC32,
    RawSqliteC1,
    EmbeddedDepositC32,
    EmbeddedDepositHot,
    EmbeddedGetC32,
    RawUpserts,
    Projector,
    RawLag,
    Lag,
    RawScan,
    RawInserts,
    Restore,
    DepositYoung,
    DepositOld,
    AsOfShort,
    AsOfOld,
}

impl Measurement {
    pub fn what(self) -> &'static str {
        match self {
            Self::RawInsertC32 => "raw: insert, 32 callers",
            Self::RawFindInsertC32 => "raw: find and insert, 32 callers",
            Self::RawCommandC32 => "raw: find, insert and produce, 32 callers",
            Self::DepositC32 => "deposits, 32 connections",
            Self::RawInsertC1 => "raw: insert, one at a time",
            Self::DepositHot => "deposits on one account, 32 connections",
            Self::RawCommandC1 => "raw: find, insert and produce, one at a time",
            Self::DepositC1 => "deposits, one at a time",
            Self::RawCommandScheduled => "raw: find, insert and produce, half of capacity",
            Self::DepositScheduled => "deposits, half of capacity",
            Self::RawSelectC32 => "raw: select by key, 32 callers",
            Self::GetC32 => "GET of an account, 32 connections",
            Self::RawLinesC32 => "raw: select of 20 lines, 32 callers",
            Self::StatementC32 => "GET of a statement of 20 lines, 32 connections",
            Self::RawSqliteC1 => "raw: insert into SQLite, one at a time",
            Self::EmbeddedDepositC32 => "embedded: deposits, 32 connections",
            Self::EmbeddedDepositHot => "embedded: deposits on one account, 32 connections",
            Self::EmbeddedGetC32 => "embedded: GET of an account, 32 connections",
            Self::RawUpserts => "raw: upserts in batches, by event",
            Self::Projector => "projector: from Kafka to the rows, by event",
            Self::RawLag => "raw: from the acknowledgement to the row, half load",
            Self::Lag => "from the answer to the row, half load",
            Self::RawScan => "raw: scan of the commits",
            Self::RawInserts => "raw: inserts in batches, by event",
            Self::Restore => "restore, by event",
            Self::DepositYoung => "deposits at some 10 events, one at a time",
            Self::DepositOld => "deposits at 500,000 events, one at a time",
            Self::AsOfShort => "as-of in the middle of 100 events, one at a time",
            Self::AsOfOld => "as-of in the middle of 500,000 events, one at a time",
        }
    }
}

/// The value of an aim: a ratio within each round, or a time of the processor.
#[derive(Debug, Clone, Copy)]
enum Value {
    /// The rate of the first divided by the rate of the second.
    Rate(Measurement, Measurement),
    /// The rate of the first divided by the slower rate of the others.
    RateOfSlower(Measurement, [Measurement; 2]),
    /// The p50 of the first divided by the p50 of the second.
    P50(Measurement, Measurement),
    /// The p99 of the first divided by the p99 of the second.
    P99(Measurement, Measurement),
    /// This process's time for an operation of the first divided by that of the second.
    CpuRatio(&'static str, Measurement, Measurement),
    /// This process's time for an operation, in ms.
    CpuMs(&'static str, Measurement),
}

/// A row of the table of aims.
struct Aim {
    key: &'static str,
    what: &'static str,
    value: Value,
    aim: f64,
    is_higher_better: bool,
}

use Measurement as M;

const AIMS: [Aim; 14] = [
    Aim {
        key: "command_c32",
        what: "deposits/s, 32 connections, / raw find, insert and produce",
        value: Value::Rate(M::DepositC32, M::RawCommandC32),
        aim: 1.2,
        is_higher_better: true,
    },
    Aim {
        key: "command_c1",
        what: "the same, one at a time",
        value: Value::Rate(M::DepositC1, M::RawCommandC1),
        aim: 0.9,
        is_higher_better: true,
    },
    Aim {
        key: "command_p99",
        what: "p99 of deposits at half of capacity / raw",
        value: Value::P99(M::DepositScheduled, M::RawCommandScheduled),
        aim: 1.3,
        is_higher_better: false,
    },
    Aim {
        key: "hot_account",
        what: "deposits/s on one account, 32 connections, / raw insert, one at a time",
        value: Value::Rate(M::DepositHot, M::RawInsertC1),
        aim: 2.0,
        is_higher_better: true,
    },
    Aim {
        key: "query_c32",
        what: "GETs/s of an account, 32 connections, / raw select by key",
        value: Value::Rate(M::GetC32, M::RawSelectC32),
        aim: 0.8,
        is_higher_better: true,
    },
    Aim {
        key: "cpu_deposit",
        what: "the program's own processor time for a deposit, ms",
        value: Value::CpuMs("passbook", M::DepositC32),
        aim: 0.4,
        is_higher_better: false,
    },
    Aim {
        key: "cpu_get",
        what: "the program's own processor time for a GET of an account, ms",
        value: Value::CpuMs("passbook", M::GetC32),
        aim: 0.1,
        is_higher_better: false,
    },
    Aim {
        key: "mongo_per_deposit",
        what: "MongoDB's processor time for a deposit / raw find and insert",
        value: Value::CpuRatio("mongodb", M::DepositC32, M::RawFindInsertC32),
        aim: 1.2,
        is_higher_better: false,
    },
    Aim {
        key: "embedded_c32",
        what: "embedded: deposits/s, 32 connections, / raw insert into SQLite",
        value: Value::Rate(M::EmbeddedDepositC32, M::RawSqliteC1),
        aim: 3.0,
        is_higher_better: true,
    },
    Aim {
        key: "age",
        what: "p50 of a deposit at 500,000 events / at 10",
        value: Value::P50(M::DepositOld, M::DepositYoung),
        aim: 1.1,
        is_higher_better: false,
    },
    Aim {
        key: "as_of",
        what: "p50 of an as-of in the middle of 500,000 events / of 100",
        value: Value::P50(M::AsOfOld, M::AsOfShort),
        aim: 2.0,
        is_higher_better: false,
    },
    Aim {
        key: "projector",
        what: "events/s from Kafka to the rows / raw upserts in batches",
        value: Value::Rate(M::Projector, M::RawUpserts),
        aim: 0.9,
        is_higher_better: true,
    },
    Aim {
        key: "lag",
        what: "p99 from a command's answer to the row at half load / raw produce, consume and commit",
        value: Value::P99(M::Lag, M::RawLag),
        aim: 2.0,
        is_higher_better: false,
    },
    Aim {
        key: "restore",
        what: "events/s of a restore / the slower of raw scan and raw inserts",
        value: Value::RateOfSlower(M::Restore, [M::RawScan, M::RawInserts]),
        aim: 0.8,
        is_higher_better: true,
    },
];

/// The content of `target/load.json`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    pub is_quick: bool,
    pub rounds: usize,
    pub seconds: f64,
    pub accounts: usize,
    pub cores: usize,
    /// The processes that waited for a core when the run ended, as an average of five minutes. The measured processes are among
    /// them.
    pub load_average: String,
    /// The value of each aim.
    pub aims: BTreeMap<String, Spread>,
    pub checks: Vec<Check>,
    pub measurements: BTreeMap<Measurement, Vec<Figures>>,
}

/// Reads the report of an earlier run.
pub fn read(path: &Path) -> anyhow::Result<Report> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    serde_json::from_str(&text).with_context(|| path.display().to_string())
}

impl Report {
    pub fn new(arguments: &Arguments, measurements: BTreeMap<Measurement, Vec<Figures>>, checks: Vec<Check>) -> Self {
        let aims = AIMS.iter().filter_map(|aim| Some((aim.key.to_owned(), aim.value.of(&measurements)?))).collect();
        Self {
            is_quick: arguments.quick,
            rounds: arguments.rounds(),
            seconds: arguments.time().as_secs_f64(),
            accounts: arguments.accounts,
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            load_average: std::fs::read_to_string("/proc/loadavg").unwrap_or_default().trim().to_owned(),
            aims,
            checks,
            measurements,
        }
    }

    /// The tables for people. With an earlier report each value stands beside its earlier value.
    pub fn text(&self, earlier: Option<&Self>) -> String {
        let mut text = self.aims_table(earlier);
        text.push('\n');
        text.push_str(&self.measurements_table());
        text.push('\n');
        for check in &self.checks {
            let result = if check.is_passed { "passed" } else { "**FAILED**" };
            push_line(&mut text, &format!("- {result}: {}", check.what));
        }
        let Self { rounds, seconds, accounts, cores, load_average, .. } = self;
        push_line(
            &mut text,
            &format!(
                "\nMedians of {rounds} rounds of {seconds} s each, the least and the most in brackets. {accounts} accounts. \
                 {cores} cores, which the servers, the program and the load generator share. Load at the end: {load_average}."
            ),
        );
        text
    }

    fn aims_table(&self, earlier: Option<&Self>) -> String {
        let mut text = String::new();
        push_line(&mut text, "| key | what | value | aim | earlier |");
        push_line(&mut text, "| --- | --- | ---: | ---: | ---: |");
        for Aim { key, what, aim, is_higher_better, .. } in &AIMS {
            let Some(value) = self.aims.get(*key) else { continue };
            let earlier = earlier.and_then(|report| report.aims.get(*key));
            let earlier = earlier.map_or_else(|| "-".to_owned(), |value| format!("{:.2}", value.median));
            let least_or_most = if *is_higher_better { "at least" } else { "at most" };
            push_line(
                &mut text,
                &format!("| `{key}` | {what} | {} | {least_or_most} {aim} | {earlier} |", with_spread(*value, 2)),
            );
        }
        text
    }

    fn measurements_table(&self) -> String {
        let mut text = String::new();
        push_line(
            &mut text,
            "| measurement | a second | p50, ms | p99, ms | refused | CPU ms: passbook | mongodb | kafka | mysql | generator |",
        );
        push_line(&mut text, "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
        for (measurement, rounds) in &self.measurements {
            let spread = |value: &dyn Fn(&Figures) -> f64| Spread::of(rounds.iter().map(value));
            let cpu = |process: &str| match rounds.iter().any(|figures| figures.cpu_ms.contains_key(process)) {
                true => format!("{:.2}", spread(&|figures| figures.cpu_ms.get(process).copied().unwrap_or(0.0)).median),
                false => "-".to_owned(),
            };
            let refused: u64 = rounds.iter().map(Figures::refusals).sum();
            push_line(
                &mut text,
                &format!(
                    "| {} | {} | {:.2} | {:.2} | {refused} | {} | {} | {} | {} | {} |",
                    measurement.what(),
                    with_spread(spread(&|figures| figures.per_s), 0),
                    spread(&|figures| figures.p50_ms).median,
                    spread(&|figures| figures.p99_ms).median,
                    cpu("passbook"),
                    cpu("mongodb"),
                    cpu("kafka"),
                    cpu("mysql"),
                    cpu("generator"),
                ),
            );
        }
        text
    }

    /// Writes the file, and the document if one is named.
    ///
    /// # Errors
    /// Also if a check was not passed, after everything is written.
    pub fn write(&self, arguments: &Arguments) -> anyhow::Result<()> {
        if let Some(folder) = arguments.output.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&arguments.output, serde_json::to_string_pretty(self)? + "\n")?;
        if let Some(document) = &arguments.document {
            let text = std::fs::read_to_string(document).with_context(|| document.display().to_string())?;
            let (before, behind) = text.split_once(TABLES_BEGIN).context("where the tables begin")?;
            let (_, after) = behind.split_once(TABLES_END).context("where the tables end")?;
            let tables = self.text(None);
            std::fs::write(document, format!("{before}{TABLES_BEGIN}\n{tables}{TABLES_END}{after}"))?;
        }
        let failed: Vec<&str> = self.checks.iter().filter(|check| !check.is_passed).map(|check| &*check.what).collect();
        anyhow::ensure!(failed.is_empty(), "the work was not done as acknowledged: {failed:?}");
        Ok(())
    }
}

impl Value {
    /// The value in each round, unless a measurement is missing.
    fn of(self, measurements: &BTreeMap<Measurement, Vec<Figures>>) -> Option<Spread> {
        let ratio = |one: Measurement, other: Measurement, figure: &dyn Fn(&Figures) -> f64| {
            let (ones, others) = (measurements.get(&one)?, measurements.get(&other)?);
            Some(Spread::of(ones.iter().zip(others).map(|(one, other)| figure(one) / figure(other))))
        };
        let cpu = |process: &'static str| move |figures: &Figures| figures.cpu_ms.get(process).copied().unwrap_or(0.0);
        match self {
            Self::Rate(one, other) => ratio(one, other, &|figures| figures.per_s),
            Self::RateOfSlower(one, [other, another]) => {
                let slower =
                    [ratio(one, other, &|figures| figures.per_s)?, ratio(one, another, &|figures| figures.per_s)?];
                slower.into_iter().max_by(|one, other| one.median.total_cmp(&other.median))
            }
            Self::P50(one, other) => ratio(one, other, &|figures| figures.p50_ms),
            Self::P99(one, other) => ratio(one, other, &|figures| figures.p99_ms),
            Self::CpuRatio(process, one, other) => ratio(one, other, &cpu(process)),
            Self::CpuMs(process, one) => Some(Spread::of(measurements.get(&one)?.iter().map(cpu(process)))),
        }
    }
}

fn with_spread(Spread { least, median, most }: Spread, decimals: usize) -> String {
    format!("{median:.decimals$} ({least:.decimals$} to {most:.decimals$})")
}

fn push_line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a text takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(per_s: [f64; 3]) -> Vec<Figures> {
        per_s.map(|per_s| Figures { per_s, ..Figures::default() }).to_vec()
    }

    #[test]
    fn a_ratio_is_taken_within_each_round() {
        let measurements = BTreeMap::from([
            (M::DepositC32, rates([100.0, 300.0, 90.0])),
            (M::RawCommandC32, rates([200.0, 300.0, 100.0])),
        ]);
        let ratio = Value::Rate(M::DepositC32, M::RawCommandC32).of(&measurements).expect("both are measured");
        assert_eq!((ratio.least, ratio.median, ratio.most), (0.5, 0.9, 1.0));
    }

    #[test]
    fn a_row_whose_measurement_is_missing_has_no_value() {
        let measurements = BTreeMap::from([(M::DepositC32, rates([1.0, 2.0, 3.0]))]);
        assert!(Value::Rate(M::DepositC32, M::RawCommandC32).of(&measurements).is_none());
    }

    #[test]
    fn a_restore_is_compared_with_the_slower_of_the_two_raw_clients() {
        let measurements = BTreeMap::from([
            (M::Restore, rates([50.0, 50.0, 50.0])),
            (M::RawScan, rates([500.0, 500.0, 500.0])),
            (M::RawInserts, rates([100.0, 100.0, 100.0])),
        ]);
        let value = Value::RateOfSlower(M::Restore, [M::RawScan, M::RawInserts]).of(&measurements).expect("measured");
        assert_eq!(value.median, 0.5);
    }
}

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use tokio::process::Command;

use crate::figures::Figures;

/// The load generator, and the folder for the lists of addresses that it reads.
#[derive(Debug, Clone)]
pub struct Oha {
    pub program: PathBuf,
    pub folder: PathBuf,
}

/// Requests of one kind.
#[derive(Debug, Clone)]
pub struct Requests {
    /// The addresses. Each request goes to one of them by chance.
    pub urls: Vec<String>,
    /// The body of a POST. Without a body the requests are GETs.
    pub body: Option<&'static str>,
    pub connections: usize,
    /// The status of a request that was done.
    pub done_status: u16,
}

/// How many requests are sent.
#[derive(Debug, Clone, Copy)]
pub enum Amount {
    Number(usize),
    /// As many as are answered in this time.
    Time(Duration),
    /// So many a second for this time, whether earlier requests are answered or not. Each request is timed from the moment when
    /// it was due.
    Schedule {
        per_s: f64,
        time: Duration,
    },
}

/// The parts of oha's report that are used.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OhaReport {
    summary: Summary,
    latency_percentiles: BTreeMap<String, Option<f64>>,
    status_code_distribution: BTreeMap<String, u64>,
    error_distribution: BTreeMap<String, u64>,
}

#[derive(Debug, Deserialize)]
struct Summary {
    /// Seconds.
    total: f64,
}

impl Oha {
    /// Sends the requests, and waits for the answer to each of them.
    pub async fn send(&self, requests: &Requests, amount: Amount) -> anyhow::Result<Figures> {
        let list = self.folder.join("urls");
        std::fs::write(&list, requests.urls.join("\n") + "\n")?;
        let mut oha = Command::new(&self.program);
        oha.args(["--no-tui", "--output-format", "json", "-c", &requests.connections.to_string()]);
        match amount {
            Amount::Number(number) => _ = oha.args(["-n", &number.to_string()]),
            Amount::Time(time) => _ = oha.args(["-w", "-z", &format!("{}ms", time.as_millis())]),
            Amount::Schedule { per_s, time } => {
                oha.args(["-w", "-z", &format!("{}ms", time.as_millis())]);
                oha.args(["-q", &format!("{per_s:.0}"), "--latency-correction"]);
            }
        }
        if let Some(body) = requests.body {
            oha.args(["-m", "POST", "-H", "Content-Type: application/json", "-d", body]);
        }
        oha.arg("--urls-from-file").arg(&list).stdin(Stdio::null()).kill_on_drop(true);
        let output = oha.output().await.with_context(|| format!("{} does not start", self.program.display()))?;
        ensure!(output.status.success(), "oha: {}", String::from_utf8_lossy(&output.stderr));
        let report: OhaReport = serde_json::from_slice(&output.stdout)
            .with_context(|| format!("oha's report: {}", String::from_utf8_lossy(&output.stdout)))?;
        Ok(report.figures(requests.done_status))
    }
}

impl OhaReport {
    fn figures(self, done_status: u16) -> Figures {
        let percentile_ms = |name: &str| self.latency_percentiles.get(name).copied().flatten().unwrap_or(0.0) * 1_000.0;
        let (p50_ms, p99_ms) = (percentile_ms("p50"), percentile_ms("p99"));
        let mut refused = self.status_code_distribution;
        let done = refused.remove(&done_status.to_string()).unwrap_or(0);
        refused.extend(self.error_distribution);
        let seconds = self.summary.total;
        Figures { seconds, done, refused, per_s: done as f64 / seconds, p50_ms, p99_ms, ..Figures::default() }
    }
}

/// Makes an empty folder.
pub fn empty_folder(path: &Path) -> anyhow::Result<PathBuf> {
    if path.exists() {
        std::fs::remove_dir_all(path)?;
    }
    std::fs::create_dir_all(path)?;
    Ok(path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_answers_with_the_expected_status_count_as_done() {
        let report = r#"{"summary": {"total": 2.0, "successRate": 1.0}, "latencyPercentiles": {"p50": 0.01, "p99": null},
            "statusCodeDistribution": {"200": 30, "409": 5}, "errorDistribution": {"connection closed": 1}}"#;
        let report: OhaReport = serde_json::from_str(report).expect("oha's form");
        let figures = report.figures(200);
        assert_eq!((figures.done, figures.per_s, figures.refusals()), (30, 15.0, 6));
        assert_eq!((figures.p50_ms, figures.p99_ms), (10.0, 0.0));
    }
}

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::machine::Machine;

/// The side of a function, which its folder gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    Command,
    Query,
    Event,
}

impl Side {
    pub const ALL: [Self; 3] = [Self::Command, Self::Query, Self::Event];

    pub const fn folder(self) -> &'static str {
        match self {
            Self::Command => "commands",
            Self::Query => "queries",
            Self::Event => "events",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Query => "query",
            Self::Event => "event",
        }
    }
}

/// The content of `target/cold-start.json`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    /// The number of starts of each function.
    pub starts: usize,
    /// The architecture of the artifacts and of the machine.
    pub architecture: String,
    /// The machine's properties, as far as they could be made like Lambda's.
    pub machine: Machine,
    /// The servers that were reached by TLS.
    pub tls_to: Vec<String>,
    /// The figures of the smallest possible function of `lambda_http`.
    pub floor: Figures,
    pub functions: BTreeMap<String, FunctionFigures>,
}

/// The figures of one program's starts. Times are medians, and the limits that nine of ten starts stay within.
#[derive(Debug, Serialize, Deserialize)]
pub struct Figures {
    /// From the start of the process to its first request for an event.
    pub init_ms: f64,
    pub init_p90_ms: f64,
    /// From the start of the process to its answer to the event that was waiting.
    pub first_answer_ms: f64,
    pub first_answer_p90_ms: f64,
    /// The median of the largest memory until then.
    pub rss_mib: f64,
    /// The size of the artifact that is uploaded.
    pub zip_bytes: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct FunctionFigures {
    pub side: Side,
    /// `init_ms` divided by the floor's.
    pub init_ratio: f64,
    #[serde(flatten)]
    pub figures: Figures,
}

/// The aims. A function that opens only the read database should start like a function that does nothing. A function with more
/// clients to build should start not much later.
struct Aim {
    init_ratio: f64,
    zip_bytes: u64,
}

impl Aim {
    fn of(function: &str, side: Side) -> Self {
        if side == Side::Query || function == "account-projector" {
            Self { init_ratio: 1.15, zip_bytes: 2_000_000 }
        } else {
            Self { init_ratio: 2.5, zip_bytes: 4_000_000 }
        }
    }
}

/// Shows a value over its aim in bold.
fn cell(text: String, is_over: bool) -> String {
    if is_over { format!("**{text}**") } else { text }
}

impl Report {
    fn table(&self) -> String {
        let mut table = String::from(
            "| function | side | to the first request, ms | of the floor | to the first answer, ms | memory, MiB | ZIP, MB |\n\
             | --- | --- | ---: | ---: | ---: | ---: | ---: |\n",
        );
        let mut row = |name: &str, side: &str, ratio: String, figures: &Figures, zip: String| {
            writeln!(
                table,
                "| {name} | {side} | {:.1} | {ratio} | {:.1} | {:.1} | {zip} |",
                figures.init_ms, figures.first_answer_ms, figures.rss_mib
            )
            .expect("a text takes everything");
        };
        row("floor", "", "1.00".to_owned(), &self.floor, megabytes(self.floor.zip_bytes));
        for side in Side::ALL {
            for (name, function) in self.functions.iter().filter(|(_, function)| function.side == side) {
                let (aim, figures) = (Aim::of(name, side), &function.figures);
                let ratio = cell(format!("{:.2}", function.init_ratio), function.init_ratio > aim.init_ratio);
                let zip = cell(megabytes(figures.zip_bytes), figures.zip_bytes > aim.zip_bytes);
                row(name, side.name(), ratio, figures, zip);
            }
        }
        table
    }

    /// The README's table, and the sentence on its measurement.
    pub fn text(&self) -> String {
        let (starts, architecture, tls_to) = (self.starts, &self.architecture, self.tls_to.join(", "));
        let caveat = self.machine.caveat();
        format!("{}\nMedians of {starts} starts each on {architecture}, with TLS to: {tls_to}.{caveat}\n", self.table())
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{:.2}", bytes as f64 / 1e6)
}

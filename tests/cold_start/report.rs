use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::machine::Machine;

/// Which side a function is on, by its folder.
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

/// `target/cold-start.json`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    /// Of each function.
    pub starts: usize,
    /// Of the artifacts and of the machine that they ran on.
    pub architecture: String,
    /// As far as it could be made like Lambda's.
    pub machine: Machine,
    /// The servers that were reached by TLS.
    pub tls_to: Vec<String>,
    /// The least that a function of `lambda_http` can be.
    pub floor: Figures,
    pub functions: BTreeMap<String, FunctionFigures>,
}

/// Of one program's starts; times are medians, and what nine in ten starts are within.
#[derive(Debug, Serialize, Deserialize)]
pub struct Figures {
    /// From the start of the process to its first request for an event.
    pub init_ms: f64,
    pub init_p90_ms: f64,
    /// From the start of the process to its answer to the event that was waiting.
    pub first_answer_ms: f64,
    pub first_answer_p90_ms: f64,
    /// The most memory until then; the median.
    pub rss_mib: f64,
    /// The artifact, as it is uploaded.
    pub zip_bytes: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct FunctionFigures {
    pub side: Side,
    /// `init_ms` by the floor's.
    pub init_ratio: f64,
    #[serde(flatten)]
    pub figures: Figures,
}

/// What is aimed at: a function that opens the read database alone is to start as a function that does nothing, and one that
/// has more clients to build not much later.
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

/// What is over its aim stands out.
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

    /// The README's table, and how it came about.
    pub fn text(&self) -> String {
        let (starts, architecture, tls_to) = (self.starts, &self.architecture, self.tls_to.join(", "));
        let caveat = self.machine.caveat();
        format!("{}\nMedians of {starts} starts each on {architecture}, with TLS to: {tls_to}.{caveat}\n", self.table())
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{:.2}", bytes as f64 / 1e6)
}

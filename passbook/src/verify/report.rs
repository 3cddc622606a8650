use std::io::{self, IsTerminal as _};

use cqrs::StreamId;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use verify::{Finding, Head, Outcome, VerifyObserver};

use super::heads_writer::HeadsWriter;

/// Prints each finding as it comes, and the progress if there is a terminal.
pub(crate) struct Report {
    as_json: bool,
    bar: ProgressBar,
    heads_writer: Option<HeadsWriter>,
}

impl Report {
    pub(crate) fn new(as_json: bool, heads_writer: Option<HeadsWriter>) -> Self {
        let bar = ProgressBar::no_length();
        if !io::stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let style = ProgressStyle::with_template("{bar:30} {human_pos} of {human_len} commits, {per_sec}, {eta} left");
        Self { as_json, bar: bar.with_style(style.expect("a constant that every run reads")), heads_writer }
    }

    /// Whether a person sees the progress. Only then is it useful to count the commits first.
    pub(crate) fn is_watched(&self) -> bool {
        !self.bar.is_hidden()
    }

    pub(crate) fn expect_commits(&self, commits: u64) {
        self.bar.set_length(commits);
    }

    fn print(&self, line: &str) {
        self.bar.suspend(|| println!("{line}"));
    }

    pub(crate) fn repaired(&self, stream_id: StreamId, version: u64) {
        if self.as_json {
            self.print(&json!({ "repaired": stream_id.to_string(), "version": version }).to_string());
        } else {
            self.print(&format!("repaired: {stream_id} was rebuilt from its events, up to version {version}"));
        }
    }

    pub(crate) fn not_repaired(&self, stream_id: StreamId, reason: &str) {
        if self.as_json {
            self.print(&json!({ "not_repaired": stream_id.to_string(), "reason": reason }).to_string());
        } else {
            self.print(&format!("not repaired: {stream_id}: {reason}"));
        }
    }

    /// Prints the result, and keeps the heads if there was no finding.
    pub(crate) fn end(self, outcome: &Outcome) -> io::Result<()> {
        self.bar.finish_and_clear();
        let Outcome { streams, projected, commits, events, findings, moving, damaged } = outcome;
        if self.as_json {
            let summary = json!({
                "streams": streams, "projected": projected, "commits": commits, "events": events,
                "findings": findings, "damaged_streams": damaged.len(), "moving": moving,
            });
            println!("{}", json!({ "summary": summary }));
        } else {
            println!("{commits} commits with {events} events in {streams} streams, {projected} of them with rows");
            if *moving > 0 {
                println!("the rows of {moving} streams were still behind at the end, but moved");
            }
            match findings {
                0 => println!("everything is as it was written"),
                _ => println!("{findings} findings in {} streams", damaged.len()),
            }
        }
        match self.heads_writer {
            Some(heads_writer) if *findings == 0 => heads_writer.keep(),
            Some(heads_writer) => {
                eprintln!("passbook: the heads were not written, because there are findings");
                heads_writer.discard()
            }
            None => Ok(()),
        }
    }
}

impl VerifyObserver for Report {
    fn report_finding(&mut self, finding: &Finding) {
        if self.as_json {
            self.print(&serde_json::to_string(finding).expect("a finding is plain JSON"));
        } else {
            self.print(&finding.to_string());
        }
    }

    fn head(&mut self, head: &Head) -> io::Result<()> {
        self.heads_writer.as_mut().map_or(Ok(()), |heads_writer| heads_writer.write(head))
    }

    fn read(&mut self, commits: u64) {
        self.bar.set_position(commits);
    }
}

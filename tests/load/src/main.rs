//! Measures the program under load, as a client sees it: `passbook serve` on the servers of `make services`, and on its embedded
//! databases. Beside each measurement runs a raw client, which asks the same server for the same work and does nothing else. The
//! two run in turns in the same run, because only their ratio means something on another machine.
//!
//! `make load` runs it, and writes `target/load.json` and `docs/benchmarks.md`.

mod accounts; // accounts, and the requests to them
mod arguments; // the program to measure, the time, the rows
mod checks; // whether the work was really done
mod cleanup; // removes databases and topics
mod cpu; // the processor's time of each process
mod embedded; // the program on its embedded databases, and a raw client of SQLite
mod figures; // the result of one measurement, and of its rounds
mod http_load; // requests by oha, an existing load generator
mod loops; // callers of the raw clients
mod old_account; // the program with an account of very many events
mod on_servers; // the program on the servers, and raw clients of the same servers
mod program; // `passbook serve` on databases of its own
mod raw; // the raw clients
mod report; // target/load.json, and the tables for people
mod rounds; // the measurements, one after the other, several times
mod series; // the figures of every round
mod services; // the servers of `make services`

use anyhow::Context as _;
use arguments::Arguments;
use clap::Parser as _;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let report = rounds::measure(&arguments).await?;
    let baseline = arguments.baseline.as_deref().map(report::read).transpose().context("the earlier file")?;
    print!("{}", report.text(baseline.as_ref()));
    report.write(&arguments)
}

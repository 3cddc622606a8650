//! `passbook verify`: is every stored commit as it was written, and does the read database hold what the events make?
//! It reads, and with `--repair` rebuilds rows; the service may run meanwhile.
//!
//! It ends with 0 where all is as it was written, with 1 where something was found, and with 2 where it could not get to
//! its end.

mod arguments; // the command line
mod heads_writer; // where each stream ends, into a file
mod report; // findings and progress, for people or for programs

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use bank::AccountAggregate;
use bank_read_model::PROJECTIONS;
use cqrs::{StreamId, StreamRange};
use restore::{StreamRestore, StreamRestoreError};
use verify::{AnyAggregate, HeadsError, HeadsFile, KnownAggregate, Mending, Outcome, Verifier, VerifyError};

pub use arguments::VerifyArguments;
use heads_writer::HeadsWriter;
use report::Report;

pub use crate::databases::DatabasesError;
use crate::databases::{Databases, Missing};

/// The aggregates whose kept states are compared.
const AGGREGATES: &[&dyn AnyAggregate] = &[&KnownAggregate::<AccountAggregate>::NEW];

const FOUND_NOTHING: u8 = 0;
const FOUND_SOMETHING: u8 = 1;
const COULD_NOT_RUN: u8 = 2;

/// Why there was no verification to its end. What was printed until then was found.
#[derive(Debug, thiserror::Error)]
pub enum VerifyCommandError {
    /// A database could not be opened. Handling: fix what it names.
    #[error(transparent)]
    Databases(#[from] DatabasesError),
    /// It was not read to its end. Handling: see [`VerifyError`].
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// The heads to verify against cannot be opened. Handling: name the right file.
    #[error("cannot verify against {}", path.display())]
    Against {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: HeadsError,
    },
    /// The heads cannot be kept. Handling: name a file that can be written.
    #[error("cannot write {}", path.display())]
    Heads {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Verifies, repairs where that is asked for, and prints it. An error is printed too: its exit code is not that of a
/// finding.
pub async fn verify(arguments: VerifyArguments) -> ExitCode {
    let exit_code = match run(&arguments).await {
        Ok(outcome) if outcome.findings == 0 => FOUND_NOTHING,
        Ok(_) => FOUND_SOMETHING,
        Err(error) => {
            eprintln!("passbook: {:#}", anyhow::Error::from(error));
            COULD_NOT_RUN
        }
    };
    ExitCode::from(exit_code)
}

async fn run(arguments: &VerifyArguments) -> Result<Outcome, VerifyCommandError> {
    let databases = Databases::open_from_env(Missing::None).await?;
    let result = verify_and_repair(&databases, arguments).await;
    databases.close().await;
    result
}

async fn verify_and_repair(databases: &Databases, arguments: &VerifyArguments) -> Result<Outcome, VerifyCommandError> {
    let verifier = Verifier::new(
        databases.opened_commits(),
        databases.rows.clone(),
        PROJECTIONS,
        AGGREGATES,
        Duration::from_secs(arguments.patience_s),
    );
    let outcome = verify_once(&verifier, arguments).await?;
    if !arguments.repair || outcome.damaged.is_empty() {
        return Ok(outcome);
    }
    if repair(databases, arguments, &outcome).await == 0 {
        return Ok(outcome);
    }
    verify_once(&verifier, arguments).await
}

async fn verify_once(verifier: &Verifier, arguments: &VerifyArguments) -> Result<Outcome, VerifyCommandError> {
    let at = |path: &PathBuf| {
        let path = path.clone();
        move |source| VerifyCommandError::Heads { path, source }
    };
    let against = arguments
        .against
        .as_ref()
        .map(|path| HeadsFile::open(path).map_err(|source| VerifyCommandError::Against { path: path.clone(), source }))
        .transpose()?;
    let heads = arguments.heads.as_ref().map(|path| HeadsWriter::create(path).map_err(at(path))).transpose()?;
    let mut report = Report::new(arguments.json, heads);
    let range = arguments
        .account
        .map_or_else(StreamRange::default, |account_id| StreamRange::of_stream(StreamId(account_id.as_uuid())));
    if report.is_watched() && arguments.account.is_none() {
        report.expect_commits(verifier.size().await?.commits);
    }
    let outcome = verifier.verify(range, against, &mut report).await?;
    let path = arguments.heads.clone().unwrap_or_default();
    report.end(&outcome).map_err(at(&path))?;
    Ok(outcome)
}

/// Rebuilds the rows of streams where a rebuild mends them. Answers how many streams were rebuilt.
async fn repair(databases: &Databases, arguments: &VerifyArguments, outcome: &Outcome) -> u64 {
    let streams = databases.stream_restore();
    let report = Report::new(arguments.json, None);
    let mut repaired = 0;
    for (stream_id, mending) in &outcome.damaged {
        match mending {
            Mending::Rebuild => {}
            Mending::RebuildIfNamed if arguments.account.is_some() => {}
            Mending::RebuildIfNamed => {
                let reason = "its rows may be the last trace of events that are gone; once a person has looked, name \
                              it with --account";
                report.not_repaired(*stream_id, reason);
                continue;
            }
            Mending::None => {
                report.not_repaired(*stream_id, "its stream is damaged");
                continue;
            }
        }
        match restore_everywhere(&streams, *stream_id).await {
            Ok(version) => {
                repaired += 1;
                report.repaired(*stream_id, version);
            }
            Err(error) => report.not_repaired(*stream_id, &with_causes(error)),
        }
    }
    repaired
}

/// Rebuilds a stream's rows in every projection. Answers the version that they are at.
async fn restore_everywhere(streams: &StreamRestore, stream_id: StreamId) -> Result<u64, StreamRestoreError> {
    let mut version = 0;
    for projection in PROJECTIONS.all() {
        version = version.max(streams.restore(*projection, stream_id).await?);
    }
    Ok(version)
}

fn with_causes(error: StreamRestoreError) -> String {
    format!("{:#}", anyhow::Error::from(error))
}

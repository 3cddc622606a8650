//! `passbook verify`: checks that every stored commit is as it was written, and that the read database holds the rows
//! that the events give. It only reads, and with `--repair` rebuilds rows. The service may run meanwhile.
//!
//! The exit code is 0 if everything is as it was written, 1 if there is a finding, and 2 if the check could not be
//! completed.

mod arguments; // the command line
mod heads_writer; // writes the end of each stream into a file
mod report; // findings and progress, for people or for programs

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use bank::{AccountAggregate, TransferAggregate};
use bank_read_model::PROJECTIONS;
use cqrs::{StreamId, StreamRange};
use restore::{StreamRestore, StreamRestoreError};
use verify::{AnyAggregate, HeadsError, HeadsFile, KnownAggregate, Outcome, Repair, Verifier, VerifyError};

pub use arguments::VerifyArguments;
use heads_writer::HeadsWriter;
use report::Report;

pub use crate::databases::DatabasesError;
use crate::databases::{Databases, FileToCreate};

/// The aggregates whose kept states are compared.
const AGGREGATES: &[&dyn AnyAggregate] =
    &[&KnownAggregate::<AccountAggregate>::NEW, &KnownAggregate::<TransferAggregate>::NEW];

const FOUND_NOTHING: u8 = 0;
const FOUND_SOMETHING: u8 = 1;
const COULD_NOT_RUN: u8 = 2;

/// The reason why the verification was not completed. The findings printed until then are valid.
#[derive(Debug, thiserror::Error)]
pub enum VerifyCommandError {
    /// A database could not be opened. Handling: fix the fault that the error names.
    #[error(transparent)]
    Databases(#[from] DatabasesError),
    /// The databases were not read to their end. Handling: see [`VerifyError`].
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// The heads to verify against cannot be opened. Handling: name the right file.
    #[error("cannot verify against {}", path.display())]
    Against {
        /// The file's path.
        path: PathBuf,
        /// The reason.
        source: HeadsError,
    },
    /// The heads cannot be written. Handling: name a file that can be written.
    #[error("cannot write {}", path.display())]
    Heads {
        /// The file's path.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
}

/// Verifies, repairs if the arguments ask for it, and prints the result. An error is printed too, and its exit code
/// differs from that of a finding.
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
    let databases = Databases::open_from_env(FileToCreate::None).await?;
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
    let heads_writer = arguments.heads.as_ref().map(|path| HeadsWriter::create(path).map_err(at(path))).transpose()?;
    let mut report = Report::new(arguments.json, heads_writer);
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

/// Rebuilds the rows of streams whose findings a rebuild repairs. Answers the number of rebuilt streams.
async fn repair(databases: &Databases, arguments: &VerifyArguments, outcome: &Outcome) -> u64 {
    let streams = databases.stream_restore();
    let report = Report::new(arguments.json, None);
    let mut repaired = 0;
    for (stream_id, possible_repair) in &outcome.damaged {
        match possible_repair {
            Repair::Rebuild => {}
            Repair::RebuildIfNamed if arguments.account.is_some() => {}
            Repair::RebuildIfNamed => {
                let reason = "its rows may be the last trace of lost events; after a person has looked, name \
                              it with --account";
                report.not_repaired(*stream_id, reason);
                continue;
            }
            Repair::None => {
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

/// Rebuilds a stream's rows in every projection. Answers their new version.
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

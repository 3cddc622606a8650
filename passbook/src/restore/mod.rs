//! `passbook restore`: rebuilds the read database from the events while the service runs, with the same code as the
//! function `restore-worker`. It can be killed and started again: it continues from its progress.

mod arguments; // the command line
mod progress; // the progress, for people
mod task; // the same inside `passbook serve`

use std::process::ExitCode;
use std::time::Duration;

use bank::AccountId;
use bank_read_model::PROJECTIONS;
use cqrs::{StreamId, Timestamp};
use projection::AnyProjection;
use restore::{
    Lease, Requested, RestoreError, RestoreId, RestoreKind, RestoreLimits, RestoreRecord, RestoreStatus,
    RestoreStoreError, RunOutcome, Scope, StreamRestoreError,
};
use settings::SettingsError;
use uuid::Uuid;

pub use arguments::RestoreArguments;
use progress::Progress;
pub(crate) use task::RestoreTask;

pub use crate::databases::DatabasesError;
use crate::databases::{Databases, FileToCreate};
use crate::stop_signal::wait_for_stop_signal;

/// The reason why there was no restore, or not yet. A restore that began can be started again and continues.
#[derive(Debug, thiserror::Error)]
pub enum RestoreCommandError {
    /// The environment is wrong. Handling: correct it.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A database could not be opened. Handling: fix the fault that the error names.
    #[error(transparent)]
    Databases(#[from] DatabasesError),
    /// The restore stopped. Handling: see [`RestoreError`].
    #[error("the restore stopped")]
    Restore(#[from] RestoreError),
    /// The read database did not do its part of the work. Handling: see [`RestoreStoreError`].
    #[error(transparent)]
    ReadDb(#[from] RestoreStoreError),
    /// The account was not rebuilt. Handling: see [`StreamRestoreError`].
    #[error("account {account_id} was not restored")]
    Account {
        /// The account.
        account_id: AccountId,
        /// The reason.
        #[source]
        source: StreamRestoreError,
    },
    /// A rebuild was requested and a rollback is under way, or the other way round. Handling: let it end, or give it
    /// up.
    #[error(
        "the restore {id}, begun at {started_at}, is a {}: `passbook restore{}` goes on with it, and --abandon gives it up",
        kind.as_str(),
        if *kind == RestoreKind::Rollback { " --rollback" } else { "" }
    )]
    OtherKindRuns {
        /// The restore under way.
        id: RestoreId,
        /// The kind of that restore.
        kind: RestoreKind,
        /// The time of its request.
        started_at: Timestamp,
    },
    /// The running restore concerns other projections. Handling: let it end, or give it up.
    #[error(
        "the restore {id} is of {}: `passbook restore{}` goes on with it, and --abandon gives it up",
        projection.as_deref().unwrap_or("all projections"),
        projection.as_ref().map(|name| format!(" --projection {name}")).unwrap_or_default()
    )]
    OtherProjectionRuns {
        /// The restore.
        id: RestoreId,
        /// Its projection; `None` if it restores all projections.
        projection: Option<String>,
    },
    /// A living process works on a restore. Handling: wait for it.
    #[error("the restore {id} runs already: {replayed} of {total} events")]
    RunsAlready {
        /// The restore.
        id: RestoreId,
        /// The number of events so far.
        replayed: u64,
        /// The number of events in all.
        total: u64,
    },
}

/// Does the action that the arguments choose, and shows its progress.
///
/// # Errors
/// See [`RestoreCommandError`].
pub async fn restore(arguments: RestoreArguments) -> Result<ExitCode, RestoreCommandError> {
    let databases = Databases::open_from_env(FileToCreate::ReadDb).await?;
    let result = run(&databases, &arguments).await;
    databases.close().await;
    result
}

async fn run(databases: &Databases, arguments: &RestoreArguments) -> Result<ExitCode, RestoreCommandError> {
    let scope: Scope = match arguments.projection.and_then(|name| PROJECTIONS.named(name)) {
        Some(projection) => vec![projection],
        None => PROJECTIONS.all().to_vec(),
    };
    if let Some(account_id) = arguments.account {
        return restore_account(databases, &scope, account_id).await;
    }
    if arguments.drop_old {
        databases.restore_store.drop_old(&scope).await?;
        println!("what the last restore put aside is gone");
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.abandon {
        return abandon(databases).await;
    }
    let kind = if arguments.rollback { RestoreKind::Rollback } else { RestoreKind::Rebuild };
    let id = RestoreId::generate();
    let id = match databases.restore_store.request(id, kind, arguments.projection).await? {
        Requested::Recorded | Requested::Known(_) => id,
        Requested::OtherRuns(other) if other.kind != kind => {
            return Err(RestoreCommandError::OtherKindRuns {
                id: other.id,
                kind: other.kind,
                started_at: other.started_at,
            });
        }
        Requested::OtherRuns(other) if other.projection.as_deref() != arguments.projection => {
            return Err(RestoreCommandError::OtherProjectionRuns { id: other.id, projection: other.projection });
        }
        Requested::OtherRuns(other) => {
            println!("the restore {} was begun at {}: continuing it", other.id, other.started_at);
            other.id
        }
    };
    let limits = RestoreLimits {
        readers: arguments.readers,
        lease: Duration::from_secs(arguments.lease_s),
        is_forced: arguments.force,
        ..databases.limits
    };
    let restorer = databases.restorer(limits);
    let lease = Lease { holder: holder("restore"), duration: limits.lease };
    let mut progress = Progress::start(databases.restore_store.clone(), id);
    let outcome = tokio::select! {
        outcome = restorer.run(&lease.holder, None) => outcome,
        () = progress.show() => Ok(RunOutcome::CutShort),
        () = wait_for_stop_signal() => Ok(RunOutcome::CutShort),
    };
    progress.end();
    match outcome? {
        RunOutcome::Finished(record) => Ok(report(&record)),
        RunOutcome::HeldByAnother(other) => Err(runs_already(&other)),
        RunOutcome::NothingToDo => match databases.restore_store.find(id).await? {
            Some(record) => Ok(report(&record)),
            None => Ok(ExitCode::FAILURE),
        },
        RunOutcome::CutShort => {
            databases.restore_store.release_lease(id, &lease).await?;
            println!("stopped; `passbook restore` goes on with the restore {id} from here");
            Ok(ExitCode::FAILURE)
        }
    }
}

async fn restore_account(
    databases: &Databases,
    scope: &[&'static dyn AnyProjection],
    account_id: AccountId,
) -> Result<ExitCode, RestoreCommandError> {
    let streams = databases.stream_restore();
    let failed = |source| RestoreCommandError::Account { account_id, source };
    let mut version = 0;
    for projection in scope {
        let restored = streams.restore(*projection, StreamId(account_id.as_uuid())).await.map_err(failed)?;
        version = version.max(restored);
    }
    match version {
        0 => println!("there is no account {account_id}, and no row of it"),
        version => println!("account {account_id} is at version {version}"),
    }
    Ok(ExitCode::SUCCESS)
}

async fn abandon(databases: &Databases) -> Result<ExitCode, RestoreCommandError> {
    let restorer = databases.restorer(databases.limits);
    match restorer.abandon(&holder("abandon")).await? {
        RunOutcome::Finished(record) if record.status == RestoreStatus::Failed => {
            println!("the restore {} is given up; the rows that queries read are unchanged", record.id);
        }
        RunOutcome::Finished(record) => println!("the restore {} is over: its rows were in place already", record.id),
        RunOutcome::HeldByAnother(other) => return Err(runs_already(&other)),
        RunOutcome::NothingToDo | RunOutcome::CutShort => println!("no restore runs"),
    }
    Ok(ExitCode::SUCCESS)
}

fn runs_already(other: &RestoreRecord) -> RestoreCommandError {
    RestoreCommandError::RunsAlready { id: other.id, replayed: other.events_replayed, total: other.events_total }
}

/// A name for a lease that no other process has.
pub(crate) fn holder(program: &str) -> String {
    format!("{program}-{}-{}", std::process::id(), Uuid::now_v7().simple())
}

fn report(record: &RestoreRecord) -> ExitCode {
    let ended_at = record.finished_at.unwrap_or_else(Timestamp::now);
    let micros = ended_at.unix_micros().saturating_sub(record.started_at.unix_micros()).unsigned_abs();
    let (seconds, tenths) = (micros / 1_000_000, micros % 1_000_000 / 100_000);
    let rate = record.events_replayed.saturating_mul(1_000_000) / micros.max(1);
    match record.status {
        RestoreStatus::Failed => {
            println!("the restore {} has failed: {}", record.id, record.failure.as_deref().unwrap_or("no reason"));
            println!("the rows that queries read are unchanged");
            ExitCode::FAILURE
        }
        RestoreStatus::Running | RestoreStatus::Succeeded => {
            println!("restored: {} events in {seconds}.{tenths} s, {rate} events/s", record.events_replayed);
            println!("streams whose rows differed from their events: {}", record.streams_repaired);
            if let Some(left_undone) = &record.failure {
                println!("but: {left_undone}");
            }
            println!("the earlier rows are kept until the next restore, or `passbook restore --drop-old`;");
            println!("`passbook restore --rollback` brings them back");
            ExitCode::SUCCESS
        }
    }
}

//! `passbook import`: bank transactions from a CSV file. They are played as commands through the dispatchers
//! that the functions use. Then the balances are compared with the balances in the file.
//!
//! The import streams: rows are read as fast as they are played, never all at once. It can be resumed: every
//! row has its own idempotency key, so an import that was cut off is simply started again.

mod account_replay; // one account's rows, played in order
mod arguments; // the command line
mod csv_file; // rows out of a CSV or gzipped CSV file
mod read_side_check; // the rows of the read database, after it has caught up
mod report; // the result, for people

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use projection::ReadDbError;
use settings::{Settings, SettingsError};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use account_replay::{AccountReplay, Commands, ReplayError, Source};
pub use arguments::ImportArguments;
use csv_file::{CsvFile, Row};
use report::Report;

use crate::stack::{Stack, StackError, StackSettings};

/// The number of rows that wait for one worker: enough to keep it busy, and few enough to hold in memory.
const ROWS_IN_WAITING: usize = 256;

/// The reason why an import stopped. Rows that were played stay played. After a new start the import goes on
/// where it stopped.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The environment is wrong. Handling: set it correctly.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The databases and the bus could not be opened. Handling: see [`StackError`].
    #[error(transparent)]
    Stack(#[from] StackError),
    /// The file could not be opened or read. Handling: fix the path or its rights.
    #[error("cannot read {}", path.display())]
    File {
        /// The file's path.
        path: PathBuf,
        /// The error.
        source: std::io::Error,
    },
    /// A row does not fit the options. Handling: fix the file or the options.
    #[error("row {row}: {reason}")]
    Row {
        /// The row's number in the file. The header has no number; the first row after it is 1.
        row: u64,
        /// The part that did not fit.
        reason: String,
    },
    /// The options do not fit the file or one another. Handling: fix them.
    #[error("{0}")]
    Options(String),
    /// A command failed for a reason outside the row. Handling: fix that, then start again.
    #[error("row {row} could not be played")]
    Command {
        /// The row's number in the file.
        row: u64,
        /// The error.
        source: Box<ReplayError>,
    },
    /// The read database could not be read. Handling: fix that, then start again.
    #[error("cannot read the read database")]
    ReadDb(#[from] ReadDbError),
    /// The read side did not catch up. Handling: look at its log; nothing is lost.
    #[error("the read side has not caught up within {waited_s} s")]
    ReadSideBehind {
        /// The time of the wait.
        waited_s: u64,
    },
    /// A part of the import ended without an error, which is a defect.
    #[error("a part of the import ended without an error")]
    Worker(#[from] tokio::task::JoinError),
}

/// Imports and prints the report. The result is success unless a balance differs that the file does not
/// explain.
///
/// # Errors
/// See [`ImportError`].
pub async fn import(arguments: ImportArguments) -> Result<ExitCode, ImportError> {
    let stack = Stack::open(&StackSettings::from_settings(&Settings::from_env())?).await?;
    let result = play(&stack, &arguments).await;
    stack.close().await;
    let report = result?;
    print!("{report}");
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn play(stack: &Stack, arguments: &ImportArguments) -> Result<Report, ImportError> {
    let started_at = Instant::now();
    let progress = progress_bar();
    let file = CsvFile::open(arguments, &progress)?;
    let source = Arc::new(Source::new(arguments, file.currency()));
    let commands = Arc::new(Commands::new(stack));

    let mut workers = JoinSet::new();
    let mut queues = Vec::new();
    for _ in 0..arguments.concurrency.get() {
        let (queue, rows) = mpsc::channel(ROWS_IN_WAITING);
        queues.push(queue);
        workers.spawn(play_rows(commands.clone(), source.clone(), rows));
    }
    // The file is read on a thread of its own, because a disk and a gzip stream are not async.
    let reading = tokio::task::spawn_blocking(move || hand_out(file, &queues));
    let mut accounts = Vec::new();
    while let Some(worker) = workers.join_next().await {
        accounts.extend(worker??);
    }
    // This waits after the workers. If a worker failed, its closed queue is the reason why the reading
    // stopped.
    let rows_read = reading.await??;
    progress.finish_and_clear();
    let played_in = started_at.elapsed();
    let read_side = read_side_check::check(&stack.account_repository, &accounts).await?;
    Ok(Report::new(arguments, rows_read, played_in, accounts, read_side))
}

/// Gives each row to its account's worker, so that an account's rows stay in order.
fn hand_out(file: CsvFile, queues: &[mpsc::Sender<Row>]) -> Result<u64, ImportError> {
    let mut rows_read = 0;
    for row in file {
        let row = row?;
        let mut hasher = DefaultHasher::new();
        row.account.hash(&mut hasher);
        let queue = &queues[usize::try_from(hasher.finish() % queues.len() as u64).unwrap_or(0)];
        if queue.blocking_send(row).is_err() {
            // The worker has failed, and reports the reason itself.
            break;
        }
        rows_read += 1;
    }
    Ok(rows_read)
}

async fn play_rows(
    commands: Arc<Commands>,
    source: Arc<Source>,
    mut rows: mpsc::Receiver<Row>,
) -> Result<Vec<AccountReplay>, ImportError> {
    let mut accounts: HashMap<String, AccountReplay> = HashMap::new();
    while let Some(row) = rows.recv().await {
        let number = row.number;
        let at_row = |error| ImportError::Command { row: number, source: Box::new(error) };
        if !accounts.contains_key(&row.account) {
            let opened = AccountReplay::open(&commands, &source, &row).await.map_err(at_row)?;
            accounts.insert(row.account.clone(), opened);
        }
        if let Some(account) = accounts.get_mut(&row.account) {
            account.play(&commands, &source, row).await.map_err(at_row)?;
        }
    }
    Ok(accounts.into_values().collect())
}

fn progress_bar() -> ProgressBar {
    let bar = ProgressBar::no_length();
    if !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let style = ProgressStyle::with_template("{bar:40} {percent}% of the file, {elapsed} gone, {eta} to go");
    bar.with_style(style.expect("a constant that every run reads"))
}

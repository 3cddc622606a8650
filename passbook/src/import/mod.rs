//! `passbook import`: bank transactions from a CSV file, played as commands through the very dispatchers that
//! the functions use, and then held against the balances that the file states.
//!
//! Streaming: rows are read as fast as they are played, never all at once. Resumable: every row has an
//! idempotency key of its own, so that an import that was cut off is simply started again.

mod account_replay; // one account's rows, played in order
mod arguments; // the command line
mod csv_file; // rows out of a CSV or gzipped CSV file
mod read_side_check; // the rows of the read database, once it has caught up
mod report; // what came of it, for people

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use bank_read_model::ReadDbError;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use settings::{Settings, SettingsError};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use account_replay::{AccountReplay, Commands, ReplayError, Source};
pub use arguments::ImportArguments;
use csv_file::{CsvFile, Row};
use report::Report;

use crate::stack::{Stack, StackError, StackSettings};

/// Rows that wait for one worker: enough to keep it busy, few enough to hold.
const ROWS_IN_WAITING: usize = 256;

/// Why an import stopped. What was played is played: start it again, and it goes on where it stopped.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The environment is wrong. Handling: set it right.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The databases and the bus could not be opened. Handling: see [`StackError`].
    #[error(transparent)]
    Stack(#[from] StackError),
    /// The file could not be opened or read. Handling: fix the path or its rights.
    #[error("cannot read {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A row is not what the options say. Handling: fix the file or the options.
    #[error("row {row}: {reason}")]
    Row {
        /// Its number in the file; the header has none, the first row after it is 1.
        row: u64,
        /// What did not fit.
        reason: String,
    },
    /// The options do not fit the file or one another. Handling: fix them.
    #[error("{0}")]
    Options(String),
    /// A command failed for a reason that is not the row's. Handling: fix that, start again.
    #[error("row {row} could not be played")]
    Command {
        /// Its number in the file.
        row: u64,
        /// Why.
        source: Box<ReplayError>,
    },
    /// The read database could not be read. Handling: fix that, start again.
    #[error("cannot read the read database")]
    ReadDb(#[from] ReadDbError),
    /// The read side did not catch up. Handling: look at its log; nothing is lost.
    #[error("the read side has not caught up within {waited_s} s")]
    ReadSideBehind {
        /// How long it was waited for.
        waited_s: u64,
    },
    /// A part of the import ended without a word, which is a defect.
    #[error("a part of the import died")]
    Worker(#[from] tokio::task::JoinError),
}

/// Imports, prints the report, and answers success unless a balance differs that the file does not explain.
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
    // The file is read on a thread of its own: a disk and a gzip stream know no async.
    let reading = tokio::task::spawn_blocking(move || hand_out(file, &queues));
    let mut accounts = Vec::new();
    while let Some(worker) = workers.join_next().await {
        accounts.extend(worker??);
    }
    // After the workers: when one of them failed, its closed queue is why the reading stopped.
    let rows_read = reading.await??;
    progress.finish_and_clear();
    let played_in = started_at.elapsed();
    let read_side = read_side_check::check(stack.read_db.as_ref(), &accounts).await?;
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
            // The worker has failed, and says why.
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

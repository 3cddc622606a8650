//! `passbook dead-letters`: the records that the projector could not apply, listed and published again.

use std::process::ExitCode;

use bank_read_model::PROJECTIONS;
use clap::{Args, Subcommand};
use cloud_events::from_record;
use cqrs::EventEnvelope;
use kafka_events::{ConnectError, KafkaConnection};
use lambda_kafka_event::WholeRecord;
use local_aws::dead_letters::{
    DeadLettersError, LetterPlace, RedriveStep, Redriven, letter_lines, letter_table, open_letters,
};
use projection::sort_out_unread;
use settings::{Settings, SettingsError};

/// The arguments of `passbook dead-letters`.
#[derive(Debug, Args)]
pub struct DeadLettersArguments {
    #[command(subcommand)]
    command: DeadLettersCommand,
}

#[derive(Debug, Subcommand)]
enum DeadLettersCommand {
    /// Show the open letters, with their content and the reason of each.
    List {
        /// Print one JSON object in each line, for programs.
        #[arg(long)]
        json: bool,
    },
    /// Publish the records of open letters again, each to its original topic and partition.
    Redrive {
        /// Redrive all open letters.
        #[arg(long, conflicts_with = "letters", required_unless_present = "letters")]
        all: bool,
        /// Redrive this letter; the option may be repeated.
        #[arg(long = "offset", value_name = "PARTITION:OFFSET")]
        letters: Vec<LetterPlace>,
    },
}

/// The reason why dead letters were not listed or not redriven. Letters that were redriven before stay redriven.
#[derive(Debug, thiserror::Error)]
pub enum DeadLettersCommandError {
    /// The environment is wrong. Handling: correct it and start again.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The addresses of the brokers are not known. Handling: see [`ConnectError`].
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The letters were not read or not published. Handling: see [`DeadLettersError`].
    #[error(transparent)]
    DeadLetters(#[from] DeadLettersError),
}

/// Runs the subcommand on the Kafka of the environment, and prints the result.
///
/// # Errors
/// See [`DeadLettersCommandError`].
pub async fn dead_letters(arguments: DeadLettersArguments) -> Result<ExitCode, DeadLettersCommandError> {
    let connection = KafkaConnection::connect(&Settings::from_env().kafka()?).await?;
    match arguments.command {
        DeadLettersCommand::List { json } => list(&connection, json).await,
        DeadLettersCommand::Redrive { letters, all: _ } => redrive(&connection, &letters).await,
    }
}

/// Prints the open letters, with one line for each record.
async fn list(connection: &KafkaConnection, as_json: bool) -> Result<ExitCode, DeadLettersCommandError> {
    let lines = letter_lines(&open_letters(connection).await?, &defect);
    if as_json {
        for line in &lines {
            println!("{}", serde_json::json!(line));
        }
    } else if lines.is_empty() {
        println!("No open dead letters in {}.", connection.dead_letter_topic());
    } else {
        print!("{}", letter_table(&lines));
    }
    Ok(ExitCode::SUCCESS)
}

/// The reason why the record cannot be applied, as far as the record itself shows it. The function's log has the reason that the
/// function found.
fn defect(record: &WholeRecord) -> Option<String> {
    match from_record(|name| record.header(name), record.value.as_deref().unwrap_or_default()) {
        Err(error) => Some(error.to_string()),
        Ok(event) => unreadable(&event),
    }
}

/// The reason why a projection that reads events of this type cannot read the event, or that no projection reads the type.
fn unreadable(event: &EventEnvelope) -> Option<String> {
    let unread = sort_out_unread(&PROJECTIONS, std::slice::from_ref(event));
    let mut readers = PROJECTIONS.all().iter().filter(|projection| projection.reads(&event.aggregate_type));
    let error = readers.find_map(|projection| projection.check_readable(event).err());
    error.map(|error| error.to_string()).or_else(|| unread.rejected.into_iter().next().map(|rejected| rejected.reason))
}

/// Redrives these letters, or all open letters if none is named, and prints them.
async fn redrive(connection: &KafkaConnection, letters: &[LetterPlace]) -> Result<ExitCode, DeadLettersCommandError> {
    let mut print = |step: RedriveStep<'_>| match step {
        RedriveStep::LeftOpen { letter, reason } => eprintln!("{letter} is left open: {reason}"),
        RedriveStep::Published { letter, record } => println!("{letter} -> {} {}", record.topic, record.partition),
    };
    let Redriven { redriven, left_open } = local_aws::dead_letters::redrive(connection, letters, &mut print).await?;
    println!("{redriven} redriven{}", if left_open > 0 { format!(", {left_open} left open") } else { String::new() });
    Ok(if left_open > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

//! `passbook dead-letters`: what the projector could not apply, and how it gets there after all.
//!
//! A letter is open until it has been redriven: its record is published to its topic again, and once the brokers have it,
//! a mark is written to the dead-letter topic beside the letters, which says of which letter that is so. The topic
//! alone so remembers what was done, on AWS as here, for any letter and in any order. Whoever is interrupted between
//! the two finds the letter open, and redrives it twice: a repeat, which the projector drops. A letter that is marked has
//! been published, always.

mod letter; // one dead letter: what it holds, and why it is there
mod letter_topic; // the open letters, and the marks of those that are not
mod list; // `passbook dead-letters list`
mod redrive; // `passbook dead-letters redrive`

use std::process::ExitCode;

use clap::{Args, Subcommand};
use kafka_events::{ConnectError, KafkaConnection};
use rdkafka::error::KafkaError;
use settings::{Settings, SettingsError};

pub use letter::LetterPlace;

/// What the subcommand is told.
#[derive(Debug, Args)]
pub struct DeadLettersArguments {
    #[command(subcommand)]
    command: DeadLettersCommand,
}

#[derive(Debug, Subcommand)]
enum DeadLettersCommand {
    /// Show the letters that are open, with what they hold and why they are there.
    List {
        /// One JSON object a line, for programs.
        #[arg(long)]
        json: bool,
    },
    /// Publish the records of open letters again, each to the topic and partition that it came from.
    Redrive {
        /// All that are open.
        #[arg(long, conflicts_with = "letters", required_unless_present = "letters")]
        all: bool,
        /// These: as often as there are.
        #[arg(long = "offset", value_name = "PARTITION:OFFSET")]
        letters: Vec<LetterPlace>,
    },
}

/// Why dead letters were not listed or not redriven. What was redriven before stays so.
#[derive(Debug, thiserror::Error)]
pub enum DeadLettersError {
    /// The environment is wrong. Handling: set it right and start again.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The brokers are not known. Handling: that of its source.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The topic is not there. Handling: name the right one in `KAFKA_DEAD_LETTER_TOPIC`.
    #[error("there is no topic {topic}")]
    NoTopic {
        /// Its name.
        topic: String,
    },
    /// The brokers did not answer, or refused. Handling: start again; nothing is lost and a repeat does no harm.
    #[error("{doing}")]
    Kafka {
        /// What was being done.
        doing: String,
        /// The driver's error.
        #[source]
        source: KafkaError,
    },
    /// There is no open letter at that place. Handling: choose from the list.
    #[error("{letter} is no open letter: see passbook dead-letters list")]
    NotOpen {
        /// Which.
        letter: LetterPlace,
    },
    /// The letter cannot be redriven. Handling: by the reason; it stays open.
    #[error("{letter} cannot be redriven: {reason}")]
    NotRedrivable {
        /// Which.
        letter: LetterPlace,
        /// What stands in the way.
        reason: String,
    },
    /// A task ended without an answer: a defect. Handling: start again.
    #[error("the dead letters were not read to their end")]
    TaskEnded(#[source] tokio::task::JoinError),
}

/// Does what the arguments say, on the Kafka of the environment, and prints it.
///
/// # Errors
/// See [`DeadLettersError`].
pub async fn dead_letters(arguments: DeadLettersArguments) -> Result<ExitCode, DeadLettersError> {
    let connection = KafkaConnection::connect(&Settings::from_env().kafka()?).await?;
    match arguments.command {
        DeadLettersCommand::List { json } => list::list(&connection, json).await,
        DeadLettersCommand::Redrive { letters, all: _ } => redrive::redrive(&connection, &letters).await,
    }
}

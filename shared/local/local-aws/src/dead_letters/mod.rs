//! Dead letters: records that the mapping gave up, and their way back to the function.
//!
//! A letter is open until it has been redriven. Redriving publishes its record to its topic again. Once the brokers
//! have the record, a mark that names the letter is written to the dead-letter topic. So the topic alone remembers
//! which letters are done, on AWS as here, for any letter and in any order. A process that is interrupted between the
//! two leaves the letter open. The letter is then redriven twice, and the function must drop the repeat. The record of
//! a marked letter has always been published.

mod dead_letter; // a failed record as AWS writes it
mod letter; // an open letter and its records
mod letter_line; // open letters as a list, for people and for programs
mod letter_topic; // the open letters, and the marks of redriven letters
mod redrive; // publishes the records of open letters again

pub use dead_letter::{BatchInfo, Condition, DeadLetter, RecordInfo, RequestContext, ResponseContext};
pub use letter::{LetterPlace, OpenLetter};
pub use letter_line::{LetterLine, letter_lines, letter_table};
pub use letter_topic::open_letters;
pub use redrive::{RedriveStep, Redriven, redrive};

use rdkafka::error::KafkaError;

/// The reason why dead letters were not listed or not redriven. Letters that were redriven before stay redriven.
#[derive(Debug, thiserror::Error)]
pub enum DeadLettersError {
    /// The topic does not exist. Handling: name the right dead-letter topic.
    #[error("there is no topic {topic}")]
    NoTopic {
        /// The name of the topic.
        topic: String,
    },
    /// The brokers did not answer, or refused. Handling: start again. Nothing is lost, and a repeat does no harm.
    #[error("{doing}")]
    Kafka {
        /// The step that failed.
        doing: String,
        /// The driver's error.
        #[source]
        source: KafkaError,
    },
    /// No open letter is at that place. Handling: choose from the list.
    #[error("{letter} is no open letter: see the list of open letters")]
    NotOpen {
        /// The place.
        letter: LetterPlace,
    },
    /// The letter cannot be redriven. Handling: follow the reason. The letter stays open.
    #[error("{letter} cannot be redriven: {reason}")]
    NotRedrivable {
        /// The letter.
        letter: LetterPlace,
        /// The reason why it cannot be redriven.
        reason: String,
    },
    /// A task ended without an answer, which is a defect. Handling: start again.
    #[error("the dead letters were not read to their end")]
    TaskEnded(#[source] tokio::task::JoinError),
}

//! `passbook`: the one program for people.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use passbook::ServeSettings;
#[cfg(feature = "servers")]
use passbook::dead_letters::DeadLettersArguments;
use passbook::import::ImportArguments;
#[cfg(feature = "servers")]
use passbook::prepare::PrepareArguments;
use passbook::restore::RestoreArguments;
use passbook::verify::VerifyArguments;
use settings::Settings;

/// Bank accounts as an event-sourced service.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API and the console on this machine. The databases are embedded, with nothing else to install, or they
    /// are the servers that EVENT_STORE_URL, READ_DB_URL and KAFKA_BOOTSTRAP_SERVERS name.
    ///
    /// These variables are read: PORT (default 9000), PASSBOOK_HOME (the data folder, default .passbook), PASSBOOK_JWKS
    /// (a JSON Web Key Set to check tokens against, or its path) and PASSBOOK_BIND (the address to listen on, default
    /// 127.0.0.1).
    Serve,
    /// Play bank transactions from a CSV file as commands, then compare the balances with those in the file.
    Import(Box<ImportArguments>),
    /// Rebuild the read database, or one account of it, from the events while the service runs. After an interruption,
    /// a new start continues from the last progress.
    ///
    /// EVENT_STORE_URL and READ_DB_URL are read, or PASSBOOK_HOME.
    Restore(RestoreArguments),
    /// Check every stored commit against its hash and the commit before it, and the read database against the events,
    /// while the service runs. The exit code is 1 if there is a finding, and 2 if the check could not be completed.
    ///
    /// EVENT_STORE_URL and READ_DB_URL are read, or PASSBOOK_HOME.
    Verify(VerifyArguments),
    /// List the records that the projector could not apply, and publish them again.
    ///
    /// KAFKA_BOOTSTRAP_SERVERS, KAFKA_DEAD_LETTER_TOPIC and the other KAFKA_ variables are read.
    #[cfg(feature = "servers")]
    DeadLetters(DeadLettersArguments),
    /// Deliver Kafka's records to the projector and call the relay every few seconds, as AWS does. This is for
    /// functions behind another Invoke API (PASSBOOK_INVOKE_URL), such as that of `make watch`. `passbook serve` needs
    /// no such delivery.
    #[cfg(feature = "servers")]
    Deliver,
    /// Make the parts that the functions need on the servers: collections, indexes, tables and topics, on the servers
    /// that the environment names. It is a deploy step. A repeated run changes nothing.
    #[cfg(feature = "servers")]
    Prepare(PrepareArguments),
}

#[tokio::main]
async fn main() -> ExitCode {
    telemetry::init();
    match run(Arguments::parse().command).await {
        Ok(exit_code) => exit_code,
        Err(error) => {
            // The message has the whole chain of causes on one line. A backtrace does not help a person who starts a
            // program.
            eprintln!("passbook: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve => {
            passbook::serve(ServeSettings::from_settings(&Settings::from_env())?).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Import(arguments) => Ok(passbook::import::import(*arguments).await?),
        Command::Verify(arguments) => Ok(passbook::verify::verify(arguments).await),
        Command::Restore(arguments) => Ok(passbook::restore::restore(arguments).await?),
        #[cfg(feature = "servers")]
        Command::DeadLetters(arguments) => Ok(passbook::dead_letters::dead_letters(arguments).await?),
        #[cfg(feature = "servers")]
        Command::Deliver => {
            passbook::delivery::deliver().await?;
            Ok(ExitCode::SUCCESS)
        }
        #[cfg(feature = "servers")]
        Command::Prepare(arguments) => {
            passbook::prepare::prepare(&arguments).await?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

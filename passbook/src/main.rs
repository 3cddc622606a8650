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
    /// Serve the API and the console on this machine: embedded, with nothing else installed, or on the servers that
    /// EVENT_STORE_URL, READ_DB_URL and KAFKA_BOOTSTRAP_SERVERS name.
    ///
    /// PORT (default 9000), PASSBOOK_HOME (the data folder, default .passbook), PASSBOOK_JWKS (a JSON Web Key
    /// Set, or the path of one, to check tokens against) and PASSBOOK_BIND (the address to listen on, default
    /// 127.0.0.1) are honoured.
    Serve,
    /// Play bank transactions from a CSV file as commands, then compare the balances with those in the file.
    Import(Box<ImportArguments>),
    /// Rebuild the read database from the events while the service runs, or one account of it; killed, it goes on from
    /// where it was.
    ///
    /// EVENT_STORE_URL and READ_DB_URL, or PASSBOOK_HOME, are honoured.
    Restore(RestoreArguments),
    /// Check every stored commit against its hash and the commit before it, and the read database against the events,
    /// while the service runs. Ends with 1 where something was found, with 2 where it could not get to its end.
    ///
    /// EVENT_STORE_URL and READ_DB_URL, or PASSBOOK_HOME, are honoured.
    Verify(VerifyArguments),
    /// List what the projector could not apply, and publish it again.
    ///
    /// KAFKA_BOOTSTRAP_SERVERS, KAFKA_DEAD_LETTER_TOPIC and the other KAFKA_ variables are honoured.
    #[cfg(feature = "servers")]
    DeadLetters(DeadLettersArguments),
    /// Deliver Kafka's records to the projector and call the relay every few seconds, as AWS does: for functions behind
    /// another Invoke API (PASSBOOK_INVOKE_URL), such as that of `make watch`. `passbook serve` does it by itself.
    #[cfg(feature = "servers")]
    Deliver,
    /// Make what the functions must find on the servers: collection, indexes, tables and topics, of whichever the
    /// environment names. A deploy step; again changes nothing.
    #[cfg(feature = "servers")]
    Prepare(PrepareArguments),
}

#[tokio::main]
async fn main() -> ExitCode {
    telemetry::init();
    match run(Arguments::parse().command).await {
        Ok(exit_code) => exit_code,
        Err(error) => {
            // The whole chain of causes on one line; a backtrace tells whoever starts a program nothing.
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

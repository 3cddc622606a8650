//! `passbook`: the one program for people.

use clap::{Parser, Subcommand};
use passbook::ServeSettings;
use passbook::import::ImportArguments;

/// Bank accounts as an event-sourced service.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API and the console on this machine, with nothing else installed.
    ///
    /// PORT (default 9000), PASSBOOK_HOME (the data folder, default .passbook), PASSBOOK_JWKS (a JSON Web Key
    /// Set, or the path of one, to check tokens against) and PASSBOOK_BIND (the address to listen on, default
    /// 127.0.0.1) are honoured.
    Serve,
    /// Play bank transactions from a CSV file as commands, then compare the balances with those in the file.
    Import(ImportArguments),
}

#[tokio::main]
async fn main() -> anyhow::Result<std::process::ExitCode> {
    telemetry::init();
    match Arguments::parse().command {
        Command::Serve => {
            passbook::serve(ServeSettings::from_env()?).await?;
            Ok(std::process::ExitCode::SUCCESS)
        }
        Command::Import(arguments) => Ok(passbook::import::import(arguments).await?),
    }
}

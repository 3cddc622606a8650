use std::path::PathBuf;

use bank::AccountId;
use clap::{Args, value_parser};

/// The arguments of `passbook verify`.
#[derive(Debug, Clone, Args)]
pub struct VerifyArguments {
    /// Verify this one account only.
    #[arg(long, value_name = "ID", conflicts_with = "heads")]
    pub account: Option<AccountId>,
    /// Rebuild the rows of accounts that differ from a sound stream, then verify again. The event store is never
    /// changed. Rows without a stream, or ahead of their stream, may be the last trace of lost events. Such rows are
    /// rebuilt only with --account.
    #[arg(long)]
    pub repair: bool,
    /// Print one JSON object in each line, for programs: the findings, then a summary.
    #[arg(long)]
    pub json: bool,
    /// Seconds after which a row that is behind and does not move is a finding; at most a day.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = value_parser!(u64).range(..=86_400))]
    pub patience_s: u64,
    /// Write the end of each stream, with its hash, to this file, unless there is a finding. Keep a copy at a place
    /// where writers of the event store cannot change it. With --against, that copy reveals changes that a chain of
    /// hashes alone cannot: a stream whose end was cut off, or that was written anew.
    #[arg(long, value_name = "FILE")]
    pub heads: Option<PathBuf>,
    /// Find the changes of the event store since these heads were written.
    #[arg(long, value_name = "FILE")]
    pub against: Option<PathBuf>,
}

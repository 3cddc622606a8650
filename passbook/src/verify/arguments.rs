use std::path::PathBuf;

use bank::AccountId;
use clap::{Args, value_parser};

/// What `passbook verify` is told.
#[derive(Debug, Clone, Args)]
pub struct VerifyArguments {
    /// Verify this one account, and nothing else.
    #[arg(long, value_name = "ID", conflicts_with = "heads")]
    pub account: Option<AccountId>,
    /// Rebuild the rows of accounts that differ from a sound stream, then verify again. The event store is never
    /// touched. Rows that have no stream, or are ahead of it, may be the last trace of events that are gone: these are
    /// rebuilt only with --account.
    #[arg(long)]
    pub repair: bool,
    /// One JSON object a line, for programs: the findings, then a summary.
    #[arg(long)]
    pub json: bool,
    /// For how many seconds what is behind may stand still before it is a finding; a day at most.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = value_parser!(u64).range(..=86_400))]
    pub patience_s: u64,
    /// Write down where each stream ends, with its hash, unless something is found. A copy that nobody can change who can
    /// change the event store finds, by --against, also what no chain of hashes can: a stream cut off at its end, or
    /// written anew.
    #[arg(long, value_name = "FILE")]
    pub heads: Option<PathBuf>,
    /// Find what has changed in the event store since these heads were written.
    #[arg(long, value_name = "FILE")]
    pub against: Option<PathBuf>,
}

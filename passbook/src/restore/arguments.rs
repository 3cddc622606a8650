use std::num::{NonZeroU32, NonZeroU64};

use bank::AccountId;
use clap::Args;

/// What `passbook restore` is told.
#[derive(Debug, Clone, Args)]
pub struct RestoreArguments {
    /// Rebuild this one account in its place, and nothing else.
    #[arg(long, value_name = "ID", conflicts_with_all = ["rollback", "drop_old"])]
    pub account: Option<AccountId>,
    /// Bring back the rows that the last restore put aside, with what has happened since.
    #[arg(long, conflicts_with = "drop_old")]
    pub rollback: bool,
    /// Drop the rows that the last restore put aside.
    #[arg(long)]
    pub drop_old: bool,
    /// Ranges of accounts that are rebuilt at once.
    #[arg(long, value_name = "N", default_value = "4")]
    pub readers: NonZeroU32,
    /// For how many seconds others leave the restore alone once nothing is heard of this process.
    #[arg(long, value_name = "SECONDS", default_value = "15")]
    pub lease_s: NonZeroU64,
}

use bank::AccountId;
use bank_read_model::PROJECTIONS;
use clap::Args;
use clap::builder::RangedU64ValueParser;

/// What `passbook restore` is told.
#[derive(Debug, Clone, Args)]
pub struct RestoreArguments {
    /// Rebuild this one account in its place, and nothing else.
    #[arg(long, value_name = "ID", conflicts_with_all = ["rollback", "drop_old", "abandon", "force"])]
    pub account: Option<AccountId>,
    /// Restore the rows of this projection only. Without it, the rows of all projections are restored.
    #[arg(long, value_name = "NAME", value_parser = projection_name, conflicts_with = "abandon")]
    pub projection: Option<&'static str>,
    /// Bring back the rows that the last restore put aside, with what has happened since.
    #[arg(long, conflicts_with_all = ["drop_old", "abandon"])]
    pub rollback: bool,
    /// Drop the rows that the last restore put aside.
    #[arg(long, conflicts_with_all = ["abandon", "force"])]
    pub drop_old: bool,
    /// Give up the restore that runs and that nobody is at: what queries read stays as it is.
    #[arg(long, conflicts_with = "force")]
    pub abandon: bool,
    /// Go on where the event store looks like another's: it is empty, or many rows have events that it lacks. Those rows
    /// go.
    #[arg(long)]
    pub force: bool,
    /// Ranges of streams that are rebuilt at once. Each takes a connection to the read database.
    #[arg(long, value_name = "N", default_value = "4", value_parser = RangedU64ValueParser::<u32>::new().range(1..=16))]
    pub readers: u32,
    /// For how many seconds others leave the restore alone once nothing is heard of this process.
    #[arg(long, value_name = "SECONDS", default_value = "15", value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub lease_s: u64,
}

/// The name of a projection of this build.
fn projection_name(text: &str) -> Result<&'static str, String> {
    let names = || PROJECTIONS.all().iter().map(|projection| projection.name());
    let named = names().find(|name| *name == text);
    named.ok_or_else(|| format!("the projections are: {}", names().collect::<Vec<_>>().join(", ")))
}

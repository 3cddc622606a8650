use bank::AccountId;
use bank_read_model::PROJECTIONS;
use clap::Args;
use clap::builder::RangedU64ValueParser;

/// The arguments of `passbook restore`.
#[derive(Debug, Clone, Args)]
pub struct RestoreArguments {
    /// Rebuild the rows of this one account only, in their place.
    #[arg(long, value_name = "ID", conflicts_with_all = ["rollback", "drop_old", "abandon", "force"])]
    pub account: Option<AccountId>,
    /// Restore the rows of this projection only. Without it, the rows of all projections are restored.
    #[arg(long, value_name = "NAME", value_parser = projection_name, conflicts_with = "abandon")]
    pub projection: Option<&'static str>,
    /// Bring back the rows that the last restore put aside, and add the events since then.
    #[arg(long, conflicts_with_all = ["drop_old", "abandon"])]
    pub rollback: bool,
    /// Drop the rows that the last restore put aside.
    #[arg(long, conflicts_with_all = ["abandon", "force"])]
    pub drop_old: bool,
    /// Give up the restore that runs if no process works on it. The rows that queries read are unchanged.
    #[arg(long, conflicts_with = "force")]
    pub abandon: bool,
    /// Continue although the event store looks like the wrong one: it is empty, or it lacks the events of many rows.
    /// Those rows are deleted.
    #[arg(long)]
    pub force: bool,
    /// Ranges of streams that are rebuilt at once. Each needs a connection to the read database.
    #[arg(long, value_name = "N", default_value = "4", value_parser = RangedU64ValueParser::<u32>::new().range(1..=16))]
    pub readers: u32,
    /// Seconds after which other processes may take over the restore of this process if it is silent.
    #[arg(long, value_name = "SECONDS", default_value = "15", value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub lease_s: u64,
}

/// The name of a projection of this build.
fn projection_name(text: &str) -> Result<&'static str, String> {
    let names = || PROJECTIONS.all().iter().map(|projection| projection.name());
    let named = names().find(|name| *name == text);
    named.ok_or_else(|| format!("the projections are: {}", names().collect::<Vec<_>>().join(", ")))
}

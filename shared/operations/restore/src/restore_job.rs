use std::time::Duration;

use projection::AnyProjection;

use crate::RestoreId;

/// The projections that a restore builds together.
pub type Scope = Vec<&'static dyn AnyProjection>;

/// The right to work on a restore, for a while: only the holder of the lease writes the shadow tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The holder: a name that no other process has.
    pub holder: String,
    /// How long the lease holds from each time that it is taken or renewed.
    pub duration: Duration,
}

/// A restore in the hands of a worker. Every change of the read database names it, so that a worker that was thought dead
/// writes nothing more.
#[derive(Clone)]
pub struct RestoreJob {
    /// The restore.
    pub id: RestoreId,
    /// The worker's lease.
    pub lease: Lease,
    /// The projections that are built.
    pub scope: Scope,
}

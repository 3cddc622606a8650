use std::time::Duration;

use projection::AnyProjection;

use crate::RestoreId;

/// The projections that a restore builds together.
pub type Scope = Vec<&'static dyn AnyProjection>;

/// The right to work on a restore, for a limited time. Only the holder of the lease writes the shadow tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The holder's name, which no other process has.
    pub holder: String,
    /// The time for which the lease is valid after it is taken or renewed.
    pub duration: Duration,
}

/// A restore together with its worker's lease. Every change of the read database names it, so that a worker that was
/// thought dead writes nothing more.
#[derive(Clone)]
pub struct RestoreJob {
    /// The restore.
    pub id: RestoreId,
    /// The worker's lease.
    pub lease: Lease,
    /// The projections that are built.
    pub scope: Scope,
}

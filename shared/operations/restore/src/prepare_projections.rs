use cqrs::{CommitScan, ReadError};
use projection::{BuildDue, ProjectionRecord, ProjectionRegister, Projections, ReadDbError, builds_due};

/// The reason why the projections were not recorded. Handling: fix the fault that the source names, then try again.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The event store could not be read.
    #[error("the event store cannot be read")]
    EventStore(#[from] ReadError),
    /// The read database could not be read or written.
    #[error(transparent)]
    ReadDb(#[from] ReadDbError),
}

/// Records every projection that the read database does not know yet. Answers the projections that must be built.
///
/// A projection that comes before its first event is complete from the start, because the bus brings it every event. If
/// there are events already, the bus may have passed them before the projection came. Then a build is due.
///
/// # Errors
/// See [`PrepareError`].
pub async fn prepare_projections(
    projections: &Projections,
    commit_scan: &dyn CommitScan,
    register: &dyn ProjectionRegister,
) -> Result<Vec<BuildDue>, PrepareError> {
    let known = register.projection_records().await?;
    for projection in projections.all() {
        if known.iter().any(|record| record.name == projection.name()) {
            continue;
        }
        let has_events = commit_scan.has_commit_of(projection.aggregate_types()).await?;
        let built_version = (!has_events).then(|| projection.version());
        register.record_projection(&ProjectionRecord { name: projection.name().to_owned(), built_version }).await?;
    }
    Ok(builds_due(projections, &register.projection_records().await?))
}

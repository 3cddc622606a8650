use async_trait::async_trait;

use crate::{AnyProjection, Projections, ReadDbError};

/// What the read database records of one projection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectionRecord {
    /// The projection's name.
    pub name: String,
    /// The version of the projection that the rows are of; none where the rows have never been built.
    pub built_version: Option<u32>,
}

/// A projection whose rows are not those of this build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildDue {
    /// The projection's name.
    pub projection: &'static str,
    /// Why a build is due.
    pub reason: DueReason,
}

/// Why a build is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DueReason {
    /// There were events before the projection was there.
    NeverBuilt,
    /// The rows are of another version of the projection.
    OtherVersion {
        /// The version that the rows are of.
        built: u32,
        /// The version that this build declares.
        declared: u32,
    },
    /// The read database does not know the projection. `passbook prepare` was not run since it came.
    NotRecorded,
}

impl std::fmt::Display for BuildDue {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { projection, reason } = self;
        match reason {
            DueReason::NeverBuilt => write!(formatter, "the projection {projection} has never been built")?,
            DueReason::OtherVersion { built, declared } => {
                write!(
                    formatter,
                    "the rows of the projection {projection} are of version {built}, this build's of {declared}"
                )?;
            }
            DueReason::NotRecorded => {
                return write!(formatter, "the projection {projection} is not recorded: run `passbook prepare`");
            }
        }
        write!(formatter, ": run `passbook restore --projection {projection}`")
    }
}

/// The projections whose rows are not those of this build, by what the read database records.
#[must_use]
pub fn builds_due(projections: &Projections, records: &[ProjectionRecord]) -> Vec<BuildDue> {
    projections.all().iter().filter_map(|projection| build_due(*projection, records)).collect()
}

fn build_due(projection: &dyn AnyProjection, records: &[ProjectionRecord]) -> Option<BuildDue> {
    let declared = projection.version();
    let record = records.iter().find(|record| record.name == projection.name());
    let reason = match record.map(|record| record.built_version) {
        None => DueReason::NotRecorded,
        Some(None) => DueReason::NeverBuilt,
        Some(Some(built)) if built != declared => DueReason::OtherVersion { built, declared },
        Some(Some(_)) => return None,
    };
    Some(BuildDue { projection: projection.name(), reason })
}

/// Port: which version of each projection the rows are of.
#[async_trait]
pub trait ProjectionRegister: Send + Sync {
    /// The records of all projections, by name.
    async fn projection_records(&self) -> Result<Vec<ProjectionRecord>, ReadDbError>;

    /// Records a projection that has no record yet; an existing record stays as it is.
    async fn record_projection(&self, record: &ProjectionRecord) -> Result<(), ReadDbError>;
}

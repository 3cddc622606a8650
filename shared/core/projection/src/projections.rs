use crate::{AnyProjection, JointEntries};

/// All projections of a program, and the types of aggregate that it ignores on purpose.
///
/// An event of a type that no projection reads and that is not ignored is rejected: a projector that passed it over would
/// lose it for a projection that comes later.
#[derive(Clone, Copy)]
pub struct Projections {
    all: &'static [&'static dyn AnyProjection],
    ignored_types: &'static [&'static str],
    joint_entries: &'static [&'static dyn JointEntries],
}

impl Projections {
    /// These projections, where these types of aggregate are ignored on purpose.
    #[must_use]
    pub const fn new(all: &'static [&'static dyn AnyProjection], ignored_types: &'static [&'static str]) -> Self {
        Self { all, ignored_types, joint_entries: &[] }
    }

    /// With entries of several streams that `verify` holds against each other.
    #[must_use]
    pub const fn with_joint_entries(self, joint_entries: &'static [&'static dyn JointEntries]) -> Self {
        Self { joint_entries, ..self }
    }

    /// The entries of several streams that are there together.
    #[must_use]
    pub const fn joint_entries(&self) -> &'static [&'static dyn JointEntries] {
        self.joint_entries
    }

    /// The projections, in the order in which they were declared.
    #[must_use]
    pub const fn all(&self) -> &'static [&'static dyn AnyProjection] {
        self.all
    }

    /// The projection of this name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&'static dyn AnyProjection> {
        self.all.iter().copied().find(|projection| projection.name() == name)
    }

    /// Whether a projection reads events of this type, or the type is ignored on purpose.
    #[must_use]
    pub fn know(&self, aggregate_type: &str) -> bool {
        self.ignored_types.contains(&aggregate_type)
            || self.all.iter().any(|projection| projection.reads(aggregate_type))
    }
}

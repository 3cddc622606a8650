use projection::{AnyProjection, Table};

/// A set of tables of the projections. The names of the sets are the same in every database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableSet {
    /// The tables that queries read.
    Live,
    /// The tables that a restore builds.
    Shadow,
    /// The tables that the last swap put aside.
    Old,
}

impl TableSet {
    /// The name of a table in this set.
    #[must_use]
    pub fn name_of(self, table: &Table) -> String {
        match self {
            Self::Live => table.name.to_owned(),
            Self::Shadow => format!("{}_shadow", table.name),
            Self::Old => format!("{}_old", table.name),
        }
    }
}

/// The tables of these projections.
#[must_use]
pub fn tables_of(scope: &[&'static dyn AnyProjection]) -> Vec<&'static Table> {
    scope.iter().flat_map(|projection| projection.tables()).collect()
}

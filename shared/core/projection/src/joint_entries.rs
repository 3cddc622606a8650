use crate::{CellError, Cells, Table};

/// Rows and lines of several streams that one decision made together: each is there only with the others. A transfer and its
/// two statement lines are an example.
///
/// A projection sees one stream at a time, and cannot hold one stream against another. So `verify` holds the parts of each
/// joint entry against each other: those that the events give, and those that are stored.
pub trait JointEntries: Send + Sync {
    /// The tables whose rows and lines are parts.
    fn tables(&self) -> &'static [&'static Table];

    /// The names of the parts, for people. Each joint entry has each of these parts once.
    fn part_names(&self) -> &'static [&'static str];

    /// The parts that a row or a line is; none for most.
    ///
    /// # Errors
    /// [`CellError`] when a cell does not fit.
    fn parts_of(&self, cells: &Cells) -> Result<Vec<JointPart>, CellError>;
}

/// One part of a joint entry, in a row or in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JointPart {
    /// The joint entry, for people. The same text in each of its parts, and in no part of another.
    pub entry: String,
    /// Which part it is: the place in [`JointEntries::part_names`].
    pub part: usize,
    /// The facts that all parts must agree on, for people.
    pub facts: String,
    /// The streams of all parts, in the order of their names.
    pub streams: Vec<cqrs::StreamId>,
}

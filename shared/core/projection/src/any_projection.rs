use std::marker::PhantomData;

use cqrs::{EventDecodeError, EventEnvelope, StreamId};

use crate::{CellError, Cells, Projection, RowFold, StreamFold, Table, TableRow as _, Totals};

/// Any [`Projection`], with rows as cells: the databases, restore and verification know projections by this alone, and so
/// no type of a bank reaches them.
pub trait AnyProjection: Send + Sync {
    /// See [`Projection::NAME`].
    fn name(&self) -> &'static str;

    /// See [`Projection::VERSION`].
    fn version(&self) -> u32;

    /// See [`Projection::AGGREGATE_TYPES`].
    fn aggregate_types(&self) -> &'static [&'static str];

    /// See [`Projection::TOTALS`].
    fn totals(&self) -> Option<Totals>;

    /// The table of the rows.
    fn row_table(&self) -> &'static Table;

    /// The table of the lines, where the projection has lines.
    fn line_table(&self) -> Option<&'static Table>;

    /// Whether an event of one of the aggregate types can be read.
    ///
    /// # Errors
    /// See [`EventDecodeError`].
    fn check_readable(&self, event: &EventEnvelope) -> Result<(), EventDecodeError>;

    /// Whether a stored row can be read.
    ///
    /// # Errors
    /// [`CellError`] when a cell does not fit.
    fn check_row(&self, row: &Cells) -> Result<(), CellError>;

    /// Whether a stored line can be read.
    ///
    /// # Errors
    /// [`CellError`] when a cell does not fit.
    fn check_line(&self, line: &Cells) -> Result<(), CellError>;

    /// A fold of a stream's events that goes on from this row.
    ///
    /// # Errors
    /// [`CellError`] when the row cannot be read.
    fn fold_from(&self, stream_id: StreamId, row: Option<&Cells>) -> Result<Box<dyn RowFold>, CellError>;
}

impl dyn AnyProjection + '_ {
    /// The tables: that of the rows, then that of the lines, where there are lines.
    pub fn tables(&self) -> impl Iterator<Item = &'static Table> {
        [self.row_table()].into_iter().chain(self.line_table())
    }

    /// Whether the projection reads events of this type of aggregate.
    #[must_use]
    pub fn reads(&self, aggregate_type: &str) -> bool {
        self.aggregate_types().contains(&aggregate_type)
    }
}

/// A projection by its declaration alone.
pub struct Declared<P>(PhantomData<fn() -> P>);

impl<P: Projection> Declared<P> {
    /// The one value of this type, to be named in a list of projections.
    pub const NEW: Self = Self(PhantomData);
}

impl<P: Projection> AnyProjection for Declared<P> {
    fn name(&self) -> &'static str {
        P::NAME
    }

    fn version(&self) -> u32 {
        P::VERSION
    }

    fn aggregate_types(&self) -> &'static [&'static str] {
        P::AGGREGATE_TYPES
    }

    fn totals(&self) -> Option<Totals> {
        P::TOTALS
    }

    fn row_table(&self) -> &'static Table {
        P::Row::TABLE
    }

    fn line_table(&self) -> Option<&'static Table> {
        Some(P::Line::TABLE).filter(|table| !table.columns.is_empty())
    }

    fn check_readable(&self, event: &EventEnvelope) -> Result<(), EventDecodeError> {
        P::decode(event).map(drop)
    }

    fn check_row(&self, row: &Cells) -> Result<(), CellError> {
        P::Row::read(row).map(drop)
    }

    fn check_line(&self, line: &Cells) -> Result<(), CellError> {
        P::Line::read(line).map(drop)
    }

    fn fold_from(&self, stream_id: StreamId, row: Option<&Cells>) -> Result<Box<dyn RowFold>, CellError> {
        Ok(Box::new(StreamFold::<P>::from_cells(stream_id, row)?))
    }
}

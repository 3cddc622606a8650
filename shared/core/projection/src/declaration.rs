use cqrs::{EventDecodeError, EventEnvelope, StreamId, Timestamp};

use crate::TableRow;

/// A read model of one kind of stream, or of several kinds side by side: which events it reads, and how an event changes its
/// rows. Order by version, repeats, early events, rejected events, restore, verification and waiting for a version follow
/// from the declaration.
///
/// A stream has one row, and an event has none, one or several lines.
pub trait Projection: Send + Sync + 'static {
    /// The name, for instance `bank-accounts`. Never changed: the databases and the command line know the projection by it.
    const NAME: &'static str;
    /// The version of the rows' meaning. Raised when rows made by an older build would differ; `passbook prepare` and
    /// `health` then say that a build is due.
    const VERSION: u32;
    /// The types of aggregate whose events the projection reads.
    const AGGREGATE_TYPES: &'static [&'static str];
    /// The sums that rows and lines must agree on, if there are such sums.
    const TOTALS: Option<Totals> = None;

    /// An event, decoded.
    type Event;
    /// The row of a stream.
    type Row: TableRow;
    /// A line of an event; [`NoLine`](crate::NoLine) where there are none.
    type Line: TableRow;
    /// Why an event cannot follow on a row. The event is kept aside with this reason.
    type Error: std::error::Error;

    /// Decodes an event of one of the aggregate types.
    ///
    /// # Errors
    /// See [`EventDecodeError`]; the event is kept aside.
    fn decode(event: &EventEnvelope) -> Result<Self::Event, EventDecodeError>;

    /// The row after one more event, and the event's lines. The only place where an event becomes rows. Pure.
    ///
    /// # Errors
    /// When no stream with this row can have had this event; the event is kept aside.
    fn after(
        row: Option<&Self::Row>,
        at: EventPlace,
        event: &Self::Event,
    ) -> Result<Projected<Self::Row, Self::Line>, Self::Error>;

    /// Why no command can have raised this event on this row, though the row takes it. `verify` names it as damage.
    fn objection(_row: &Self::Row, _event: &Self::Event) -> Option<&'static str> {
        None
    }

    /// Whether this event says that the stream's personal data has been erased.
    fn is_erasure(_event: &Self::Event) -> bool {
        false
    }
}

/// The place of an event in its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventPlace {
    /// The event's stream.
    pub stream_id: StreamId,
    /// The event's version, which is the row's version after it.
    pub version: u64,
    /// The time at which the event happened.
    pub occurred_at: Timestamp,
}

/// What one event makes.
#[derive(Debug, Clone, PartialEq)]
pub struct Projected<R, L> {
    /// The stream's row after the event.
    pub row: R,
    /// The event's lines, in order.
    pub lines: Vec<L>,
}

/// Sums that must be equal: of each group, the amounts of all rows, and the amounts of all lines with their signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// The column, in both tables, whose texts are the groups.
    pub group: &'static str,
    /// The row's column of amounts.
    pub row_amount: &'static str,
    /// The line's column of amounts, none below zero.
    pub line_amount: &'static str,
    /// The line's column that tells the direction.
    pub line_direction: &'static str,
    /// The texts in that column whose amounts are taken off.
    pub taken_off: &'static [&'static str],
}

use cqrs::{EventDecodeError, EventEnvelope, StreamId};

use crate::{CellError, Cells, EventPlace, Projection, TableRow as _};

/// Why an event was not folded into the row of its stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// The event is not the next one of its stream. Handling: keep it until the versions before it are there.
    #[error("version {found} follows on version {version}")]
    OutOfOrder {
        /// The version of the row.
        version: u64,
        /// The version of the event.
        found: u64,
    },
    /// The event cannot be read. Handling: see [`EventDecodeError`].
    #[error(transparent)]
    Undecodable(#[from] EventDecodeError),
    /// No stream with this row can have had this event. Handling: keep the event aside; a person must look.
    #[error("{reason}")]
    Impossible {
        /// The projection's reason.
        reason: String,
    },
}

/// The row of one stream as its events come, strictly in order. Every way from events to rows goes through here: delivery,
/// restore, verification, and the look at an earlier time.
#[derive(Debug)]
pub struct StreamFold<P: Projection> {
    stream_id: StreamId,
    row: Option<P::Row>,
    version: u64,
    is_erased: bool,
}

impl<P: Projection> StreamFold<P> {
    /// From the beginning of this stream.
    #[must_use]
    pub const fn new(stream_id: StreamId) -> Self {
        Self { stream_id, row: None, version: 0, is_erased: false }
    }

    /// The row so far; none before the first event.
    #[must_use]
    pub const fn row(&self) -> Option<&P::Row> {
        self.row.as_ref()
    }

    /// The row so far, taken out.
    #[must_use]
    pub fn into_row(self) -> Option<P::Row> {
        self.row
    }

    /// Folds the next event, and gives its lines.
    ///
    /// # Errors
    /// See [`FoldError`]; the fold is as it was.
    pub fn apply(&mut self, event: &EventEnvelope) -> Result<Vec<P::Line>, FoldError> {
        if event.version != self.version + 1 {
            return Err(FoldError::OutOfOrder { version: self.version, found: event.version });
        }
        let decoded = P::decode(event)?;
        self.take(event, &decoded)
    }

    fn take(&mut self, event: &EventEnvelope, decoded: &P::Event) -> Result<Vec<P::Line>, FoldError> {
        let place = EventPlace { stream_id: self.stream_id, version: event.version, occurred_at: event.occurred_at };
        let impossible = |reason: String| FoldError::Impossible { reason };
        let projected = P::after(self.row.as_ref(), place, decoded).map_err(|error| impossible(error.to_string()))?;
        if projected.lines.len() > 1 && !P::Line::TABLE.has_line_numbers() {
            return Err(impossible(format!("{} takes one line an event", P::Line::TABLE.name)));
        }
        self.is_erased |= P::is_erasure(decoded);
        self.row = Some(projected.row);
        self.version = event.version;
        Ok(projected.lines)
    }
}

/// A [`StreamFold`] of any projection, with rows as cells.
pub trait RowFold: Send {
    /// Folds the next event, and gives its lines.
    ///
    /// # Errors
    /// See [`FoldError`]; the fold is as it was.
    fn apply(&mut self, event: &EventEnvelope) -> Result<Vec<Cells>, FoldError>;

    /// As [`apply`](Self::apply), and refuses also an event to which the projection objects.
    ///
    /// # Errors
    /// See [`FoldError`]; the fold is as it was.
    fn apply_strictly(&mut self, event: &EventEnvelope) -> Result<Vec<Cells>, FoldError>;

    /// The row so far; none before the first event.
    fn row(&self) -> Option<Cells>;

    /// The version of the row; 0 before the first event.
    fn version(&self) -> u64;

    /// Whether an event since the fold began says that the personal data has been erased.
    fn is_erased(&self) -> bool;
}

impl<P: Projection> StreamFold<P> {
    /// From this row on; from the beginning of the stream where there is none.
    pub(crate) fn from_cells(stream_id: StreamId, row: Option<&Cells>) -> Result<Self, CellError> {
        let Some(cells) = row else { return Ok(Self::new(stream_id)) };
        Ok(Self { stream_id, row: Some(P::Row::read(cells)?), version: cells.version(), is_erased: false })
    }
}

impl<P: Projection> RowFold for StreamFold<P> {
    fn apply(&mut self, event: &EventEnvelope) -> Result<Vec<Cells>, FoldError> {
        Ok(cells_of(Self::apply(self, event)?))
    }

    fn apply_strictly(&mut self, event: &EventEnvelope) -> Result<Vec<Cells>, FoldError> {
        if event.version != self.version + 1 {
            return Err(FoldError::OutOfOrder { version: self.version, found: event.version });
        }
        let decoded = P::decode(event)?;
        if let Some(objection) = self.row.as_ref().and_then(|row| P::objection(row, &decoded)) {
            return Err(FoldError::Impossible { reason: objection.to_owned() });
        }
        Ok(cells_of(self.take(event, &decoded)?))
    }

    fn row(&self) -> Option<Cells> {
        self.row.as_ref().map(|row| Cells::new(P::Row::TABLE, row.cells()))
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn is_erased(&self) -> bool {
        self.is_erased
    }
}

fn cells_of<L: crate::TableRow>(lines: Vec<L>) -> Vec<Cells> {
    lines.iter().map(|line| Cells::new(L::TABLE, line.cells())).collect()
}

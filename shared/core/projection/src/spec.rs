//! Given, when, then for projections. The given events are also delivered repeatedly, in disorder, with an event that cannot
//! be applied, and with the mended form of that event; the rows must be the same each time.

use std::collections::HashMap;
use std::marker::PhantomData;

use cqrs::{DomainEvent, EventEnvelope, HandledBatch, StreamId, Timestamp};
use uuid::Uuid;

use crate::{Cells, Declared, Loaded, Projection, TableRow as _, plan_batch};

/// The events of a stream as a bus delivers them, from version 1 on. The event of version n happened n microseconds after the
/// beginning of 1970.
///
/// # Panics
/// With more events than a version counts.
#[must_use]
pub fn stream<E: DomainEvent>(aggregate_type: &str, stream_id: StreamId, events: &[E]) -> Vec<EventEnvelope> {
    let envelope = |(version, event): (u64, &E)| EventEnvelope {
        stream_id,
        aggregate_type: aggregate_type.to_owned(),
        version,
        event_id: Uuid::now_v7(),
        event_type: event.event_type().to_owned(),
        schema_version: event.schema_version(),
        data: event.to_data(),
        occurred_at: occurred_at(version),
        correlation_id: "a request".to_owned(),
        causation_id: "a request".to_owned(),
    };
    (1..).zip(events).map(envelope).collect()
}

/// The time at which the event of this version of a [`stream`] happened.
///
/// # Panics
/// Where the version is no time's number of microseconds.
#[must_use]
pub fn occurred_at(version: u64) -> Timestamp {
    let micros = i64::try_from(version).expect("a version of a test is small");
    Timestamp::from_unix_micros(micros).expect("a small number of microseconds is a time")
}

/// A read database in a few lines, with the tables of one projection: what a plan says is done to it.
pub struct MemoryRows<P> {
    loaded: Loaded,
    lines: Vec<Cells>,
    projection: PhantomData<fn() -> P>,
}

impl<P: Projection> Default for MemoryRows<P> {
    fn default() -> Self {
        Self { loaded: Loaded::default(), lines: Vec::new(), projection: PhantomData }
    }
}

impl<P: Projection> MemoryRows<P> {
    /// Applies a batch as a database does.
    ///
    /// # Panics
    /// When a row does not read back as it was written, or has another version or stream than its event.
    pub fn deliver(&mut self, batch: &[EventEnvelope]) -> HandledBatch {
        let plan = plan_batch(&Declared::<P>::NEW, &self.loaded, batch).expect("the rows read back");
        for row in plan.rows {
            let typed = P::Row::read(&row).expect("the row reads back");
            assert_eq!(typed.cells(), row.values(), "a row must read back as it was written");
            self.loaded.rows.insert(row.stream_id(), row);
        }
        self.loaded.early_events.retain(|early| !plan.drop_early.contains(&(early.stream_id, early.version)));
        self.loaded.early_events.extend(plan.keep_early);
        self.lines.extend(plan.lines);
        plan.outcome
    }

    /// The row of a stream.
    ///
    /// # Panics
    /// When the row does not read back.
    #[must_use]
    pub fn row(&self, stream_id: StreamId) -> Option<P::Row> {
        self.loaded.rows.get(&stream_id).map(|row| P::Row::read(row).expect("the row reads back"))
    }

    /// All lines: by stream, then by version, then by number.
    ///
    /// # Panics
    /// When a line does not read back.
    #[must_use]
    pub fn lines(&self) -> Vec<P::Line> {
        let mut lines = self.lines.clone();
        lines.sort_by_key(|line| (line.stream_id(), line.version(), line.line()));
        lines.iter().map(|line| P::Line::read(line).expect("the line reads back")).collect()
    }

    /// How many events wait for their turn.
    #[must_use]
    pub fn kept_early(&self) -> usize {
        self.loaded.early_events.len()
    }

    fn content(&self) -> (HashMap<StreamId, Cells>, Vec<P::Line>) {
        (self.loaded.rows.clone(), self.lines())
    }
}

/// Given these events of a stream.
pub struct ProjectionSpec<P> {
    given: Vec<EventEnvelope>,
    projection: PhantomData<fn() -> P>,
}

/// What became of the event of a `when`.
#[derive(Debug, Clone, PartialEq)]
pub enum Then<R, L> {
    /// The row after the event, and the event's lines.
    Applied {
        /// The row.
        row: R,
        /// The lines.
        lines: Vec<L>,
    },
    /// The event was rejected for this reason, and the row stayed as it was.
    Rejected {
        /// The reason.
        reason: String,
    },
}

impl<P: Projection> ProjectionSpec<P> {
    /// Given these events, in order.
    #[must_use]
    pub fn given(events: Vec<EventEnvelope>) -> Self {
        Self { given: events, projection: PhantomData }
    }

    /// When this event comes next, then what becomes of it.
    ///
    /// # Panics
    /// When a given event is rejected.
    #[must_use]
    pub fn when(&self, event: &EventEnvelope) -> Then<P::Row, P::Line> {
        let mut rows = MemoryRows::<P>::default();
        assert_eq!(rows.deliver(&self.given).rejected, [], "the given events are applied");
        let before = rows.content();
        let lines_before = before.1.len();
        let outcome = rows.deliver(std::slice::from_ref(event));
        if let Some(rejected) = outcome.rejected.into_iter().next() {
            assert_eq!(rows.content(), before, "a rejected event leaves the rows as they were");
            return Then::Rejected { reason: rejected.reason };
        }
        let row = rows.row(event.stream_id).expect("an applied event leaves a row");
        Then::Applied { row, lines: rows.lines().split_off(lines_before) }
    }

    /// Delivers the given events in several orders and with repeats. The rows must be the same as in order.
    ///
    /// # Panics
    /// When the rows differ.
    pub fn holds_in_any_order_and_with_repeats(&self) {
        let expected = self.in_order();
        let count = self.given.len();
        for (offset, step) in [(0, 1), (1, 1), (0, 2), (count / 2, 1), (count.saturating_sub(1), count.max(2) - 1)] {
            let mut rows = MemoryRows::<P>::default();
            for number in 0..count {
                let event = &self.given[(offset + number * step) % count];
                // Each event twice, alone and within a batch of both.
                rows.deliver(std::slice::from_ref(event));
                rows.deliver(&[event.clone(), event.clone()]);
            }
            rows.deliver(&self.given);
            assert_eq!(rows.content(), expected, "from place {offset} in steps of {step}");
            assert_eq!(rows.kept_early(), 0);
        }
        let mut rows = MemoryRows::<P>::default();
        for event in self.given.iter().rev() {
            rows.deliver(std::slice::from_ref(event));
        }
        assert_eq!(rows.content(), expected, "in reverse");
    }

    /// Poisons each given event in turn, so that it cannot be read, and delivers its mended form later, in the same batch and in
    /// another. The rows must stop before the poison, and then be the same as without it.
    ///
    /// # Panics
    /// When the rows differ.
    pub fn holds_with_each_event_poisoned_and_mended(&self) {
        let expected = self.in_order();
        for (place, mended) in self.given.iter().enumerate() {
            let mut poisoned = self.given.clone();
            poisoned[place].event_type = "NobodyKnowsThisEvent".to_owned();
            let mut rows = MemoryRows::<P>::default();
            let outcome = rows.deliver(&poisoned);
            assert_eq!(outcome.rejected.iter().map(|rejected| rejected.index).collect::<Vec<_>>(), [place]);
            let version = rows.row(mended.stream_id).map(|row| Cells::new(P::Row::TABLE, row.cells()).version());
            assert_eq!(version.unwrap_or(0), mended.version - 1, "the row stops before the poison");
            rows.deliver(std::slice::from_ref(mended));
            assert_eq!(rows.content(), expected, "mended at place {place}");
            for mended_at in [place, place + 1] {
                let mut both = poisoned.clone();
                both.insert(mended_at, mended.clone());
                let mut rows = MemoryRows::<P>::default();
                rows.deliver(&both);
                assert_eq!(rows.content(), expected, "mended in the same batch, at place {mended_at}");
            }
        }
    }

    fn in_order(&self) -> (HashMap<StreamId, Cells>, Vec<P::Line>) {
        let mut rows = MemoryRows::<P>::default();
        let outcome = rows.deliver(&self.given);
        assert_eq!(outcome.applied, self.given.len() as u64, "the given events are applied in order: {outcome:?}");
        rows.content()
    }
}

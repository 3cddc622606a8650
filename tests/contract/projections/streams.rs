//! Random streams as the event store holds them, and the rows that a read model must have of them.

use std::collections::BTreeMap;

use cqrs::{Commit, CommitDraft, EventEnvelope, RecordedEvent, StreamId};
use projection::spec::MemoryRows;
use projection::{Cells, LinePlace, NoLine, TableRow};

use super::read_models::ReadModel;
use crate::contract::Dice;
use crate::contract::commits::{StreamEnd, opened};

/// The commits of one stream, and their events as a bus delivers them.
#[derive(Debug, Clone)]
pub struct Stream {
    pub stream_id: StreamId,
    pub commits: Vec<Commit>,
    pub events: Vec<EventEnvelope>,
}

impl Stream {
    /// Events of one time are one commit.
    pub fn of(envelopes: &[EventEnvelope]) -> Self {
        let stream_id = envelopes[0].stream_id;
        let mut end = StreamEnd::of_empty(stream_id);
        let mut commits = Vec::new();
        for events in envelopes.chunk_by(|one, next| one.occurred_at == next.occurred_at) {
            let recorded = events.iter().map(|event| RecordedEvent {
                event_id: event.event_id,
                event_type: event.event_type.clone(),
                schema_version: event.schema_version,
                data: event.data.clone(),
                personal: None,
            });
            let draft = end.draft(recorded.collect());
            let (aggregate_type, occurred_at) = (events[0].aggregate_type.clone(), events[0].occurred_at);
            let commit = CommitDraft { aggregate_type, occurred_at, ..draft }.seal();
            end = StreamEnd::after(&commit);
            commits.push(commit);
        }
        let events = commits.iter().flat_map(|commit| opened(commit).envelopes().collect::<Vec<_>>()).collect();
        Self { stream_id, commits, events }
    }

    /// A random stream for a read model, of this number of events, or of the most that a stream may have.
    pub fn with_events<P: ReadModel>(dice: &mut Dice, number_of_events: usize) -> Self {
        Self::of(&P::random_stream(dice, number_of_events.min(P::MOST_EVENTS)))
    }

    /// So many random streams for a read model, of up to so many events each.
    pub fn random<P: ReadModel>(dice: &mut Dice, how_many: usize, most_events: usize) -> Vec<Self> {
        (0..how_many)
            .map(|_| {
                let number_of_events = dice.below(most_events.min(P::MOST_EVENTS)) + 1;
                Self::with_events::<P>(dice, number_of_events)
            })
            .collect()
    }

    pub fn last_version(&self) -> u64 {
        self.events.len() as u64
    }
}

/// The events of all these streams.
pub fn events_of(streams: &[Stream]) -> Vec<EventEnvelope> {
    streams.iter().flat_map(|stream| stream.events.clone()).collect()
}

/// The rows and the lines of these streams, by delivery in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    pub rows: BTreeMap<StreamId, Cells>,
    pub lines: BTreeMap<LinePlace, Cells>,
}

impl Expected {
    pub fn of<P: ReadModel>(streams: &[Stream]) -> Self {
        let mut memory = MemoryRows::<P>::default();
        for stream in streams {
            let outcome = memory.deliver(&stream.events);
            assert_eq!(outcome.applied, stream.last_version(), "{outcome:?}");
        }
        let row = |stream: &Stream| {
            let row = memory.row(stream.stream_id).expect("each stream has a row");
            (stream.stream_id, Cells::new(P::Row::TABLE, row.cells()))
        };
        let lines = memory.lines().into_iter().map(|line| {
            let cells = Cells::new(P::Line::TABLE, line.cells());
            (place_of(&cells), cells)
        });
        Self { rows: streams.iter().map(row).collect(), lines: lines.collect() }
    }
}

/// The place of a line in the order of a scan.
pub fn place_of(line: &Cells) -> LinePlace {
    LinePlace { stream_id: line.stream_id(), version: line.version(), line: line.line() }
}

/// Whether a read model has lines.
pub fn has_lines<P: ReadModel>() -> bool {
    P::Line::TABLE != NoLine::TABLE
}

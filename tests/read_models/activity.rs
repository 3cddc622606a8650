use std::convert::Infallible;

use bank::{AccountAggregate, AccountEvent};
use cqrs::{AggregateRoot as _, DomainEvent as _, EventDecodeError, EventEnvelope, StreamId, Timestamp};
use projection::{Cell, CellError, Cells, Column, EventPlace, NoLine, Projected, Projection, Table, TableRow, VERSION};

use crate::second_aggregate::{Case, CaseEvent};

/// The newest event of an account or of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// The account's or the case's stream.
    pub stream: StreamId,
    /// The type of aggregate.
    pub aggregate_type: String,
    /// The type of the newest event.
    pub event_type: String,
    /// The number of the stream's events.
    pub version: u64,
    /// The time of the newest event.
    pub updated_at: Timestamp,
}

impl TableRow for Activity {
    const TABLE: &'static Table = &Table {
        name: "activity",
        columns: &[
            Column::id("stream_id"),
            Column::text("aggregate_type", 64),
            Column::text("event_type", 64).changing(),
            Column::count(VERSION).changing(),
            Column::integer("updated_at_us").changing(),
        ],
    };

    fn cells(&self) -> Vec<Cell> {
        vec![
            self.stream.into(),
            self.aggregate_type.as_str().into(),
            self.event_type.as_str().into(),
            self.version.into(),
            self.updated_at.into(),
        ]
    }

    fn read(cells: &Cells) -> Result<Self, CellError> {
        Ok(Self {
            stream: cells.id("stream_id")?,
            aggregate_type: cells.text("aggregate_type")?.to_owned(),
            event_type: cells.text("event_type")?.to_owned(),
            version: cells.count(VERSION)?,
            updated_at: cells.time("updated_at_us")?,
        })
    }
}

/// An event of either type of aggregate.
pub enum ActivityEvent {
    /// Something happened to an account.
    Account(AccountEvent),
    /// Something happened to a case.
    Case(CaseEvent),
}

/// The activity of accounts and cases side by side.
pub struct ActivityProjection;

impl ActivityProjection {
    /// The tables, as a migration of SQLite makes them.
    pub const SQLITE_TABLES: &'static str = "
        CREATE TABLE activity (
            stream_id      TEXT    NOT NULL PRIMARY KEY,
            aggregate_type TEXT    NOT NULL,
            event_type     TEXT    NOT NULL,
            version        INTEGER NOT NULL,
            updated_at_us  INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;";
    /// The tables, as a migration of MySQL and MariaDB makes them.
    pub const MYSQL_TABLES: &'static str = "
        CREATE TABLE activity (
            stream_id      BINARY(16)      NOT NULL PRIMARY KEY,
            aggregate_type VARCHAR(64)     NOT NULL,
            event_type     VARCHAR(64)     NOT NULL,
            version        BIGINT UNSIGNED NOT NULL,
            updated_at_us  BIGINT          NOT NULL
        ) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;";
}

impl Projection for ActivityProjection {
    const NAME: &'static str = "activity";
    const VERSION: u32 = 1;
    const AGGREGATE_TYPES: &'static [&'static str] = &[AccountAggregate::AGGREGATE_TYPE, Case::AGGREGATE_TYPE];

    type Event = ActivityEvent;
    type Row = Activity;
    type Line = NoLine;
    // Any event can follow on any other: only its place and its type are in the row.
    type Error = Infallible;

    fn decode(event: &EventEnvelope) -> Result<ActivityEvent, EventDecodeError> {
        let EventEnvelope { event_type, schema_version, data, .. } = event;
        if event.aggregate_type == Case::AGGREGATE_TYPE {
            return Ok(ActivityEvent::Case(CaseEvent::from_data(event_type, *schema_version, data)?));
        }
        Ok(ActivityEvent::Account(AccountEvent::from_data(event_type, *schema_version, data)?))
    }

    fn after(
        _row: Option<&Activity>,
        at: EventPlace,
        event: &ActivityEvent,
    ) -> Result<Projected<Activity, NoLine>, Infallible> {
        let (aggregate_type, event_type) = match event {
            ActivityEvent::Account(event) => (AccountAggregate::AGGREGATE_TYPE, event.event_type()),
            ActivityEvent::Case(event) => (Case::AGGREGATE_TYPE, event.event_type()),
        };
        let row = Activity {
            stream: at.stream_id,
            aggregate_type: aggregate_type.to_owned(),
            event_type: event_type.to_owned(),
            version: at.version,
            updated_at: at.occurred_at,
        };
        Ok(Projected { row, lines: vec![] })
    }
}

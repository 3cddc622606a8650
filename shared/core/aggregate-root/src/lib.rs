//! What a domain implements to be event-sourced: [`AggregateRoot`] and [`DomainEvent`], with the [`Upcaster`]s of
//! its events' past forms, and the [`Timestamp`] that both sides of the system write times with.
//!
//! Pure on purpose: a domain crate that depends on this one knows no async, no database and no AWS.

mod aggregate_root; // what a domain decides with
mod domain_event; // what a domain says has happened
mod timestamp; // when it happened: microseconds, UTC
mod upcasting; // from a past stored form of an event to today's

pub use aggregate_root::AggregateRoot;
pub use domain_event::{DomainEvent, EventDecodeError};
pub use timestamp::{Timestamp, TimestampError};
pub use upcasting::{StoredForm, Upcaster, upcast};

//! The interface that a domain implements to be event-sourced: [`AggregateRoot`] and [`DomainEvent`]. It also has
//! the [`Upcaster`]s of events' past forms, and the [`Timestamp`] in which both sides of the system write times.
//!
//! The crate is pure on purpose. A domain crate that depends only on it knows no async, no database and no AWS.

mod aggregate_root; // the trait by which a domain decides
mod domain_event; // the trait of the events of a domain
mod timestamp; // the time of an event: microseconds, UTC
mod upcasting; // from a past stored form of an event to today's

pub use aggregate_root::AggregateRoot;
pub use domain_event::{DomainEvent, EventDecodeError};
pub use timestamp::{Timestamp, TimestampError};
pub use upcasting::{StoredForm, Upcaster, upcast};

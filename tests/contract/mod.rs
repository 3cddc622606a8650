//! One suite per port, run on each adapter.

mod event_store;
mod read_db;

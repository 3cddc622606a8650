//! Tests of the parts of `passbook verify`: it names every manipulation of a store, and finds none in a clean store.

mod account_store; // accounts in an event store, with their rows
mod forging; // commits as somebody would write them who wants not to be found
mod manipulations; // one manipulation after the other, each named
#[cfg(feature = "services")]
mod on_servers; // in MongoDB, with rows in MySQL
mod on_sqlite; // in a file
mod other_hashers; // every hash, by a program that is not ours
mod row_pages; // RowScan, on each adapter
mod transfers; // transfers between the accounts, one of whose parts is damaged

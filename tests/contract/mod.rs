//! One suite for each port, run on each adapter.
//!
//! A suite uses the port alone. An adapter only gives it an empty database to open. Each case is a test of its own on a
//! database of its own. Promises of one adapter alone stand beside its list of suites.

// --- the suites
mod commit_scan; // CommitScan
mod delivery; // a bus, between the event store and the read database
mod event_store; // EventStoreRepository
mod key_store; // KeyStore
mod personal_data; // PersonalData, on a key store and with what its keys are wrapped with
mod projections; // every read model that is declared, on every read database
mod read_db; // EventHandler, BankAccountRepository and ProjectionRegister
mod restore; // RestoreStore, with the work that goes through it
// --- the suites' data
mod account_history; // events of an account, and by other arithmetic what must become of them
mod commits; // commits, each chained to the one before
mod dice; // chance that is the same on every run
#[cfg(feature = "services")]
mod mysql_server; // a database on a server that speaks MySQL's protocol, and what its adapter promises on each
#[cfg(feature = "services")]
mod proxy; // a network that fails on purpose
// --- the adapters
#[cfg(feature = "services")]
mod on_kafka;
#[cfg(feature = "services")]
mod on_kms;
#[cfg(feature = "services")]
mod on_mariadb;
#[cfg(feature = "services")]
mod on_mongodb;
#[cfg(feature = "services")]
mod on_mysql;
#[cfg(feature = "services")]
mod on_servers; // MongoDB, Kafka and MySQL together
mod on_sqlite;

// These parts are also used by other modules' tests.
pub use account_history::AccountHistory;
pub use commits::opened;
#[cfg(feature = "services")]
pub use commits::{StreamEnd, counted};
pub use dice::Dice;
#[cfg(feature = "services")]
pub use mysql_server::OnServer;
#[cfg(feature = "services")]
pub use on_mongodb::OnMongodb;
#[cfg(feature = "services")]
pub use personal_data::{NAME as SEALED_NAME, PersonalDataUnderTest, sealed};
pub use read_db::record_projections;
#[cfg(feature = "services")]
pub use read_db::{ReadDb, ReadDbUnderTest, assert_rows};

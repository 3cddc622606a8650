//! The read database's side of a restore.

mod leases; // RestoreLeases
mod locked_stream; // one stream, rebuilt in its place
mod records; // the tables of the restores and of their ranges
mod register; // RestoreRegister
mod shadow; // the shadow tables, outside the gate and inside
mod shadow_database; // port: a database that makes, renames and drops tables
pub(crate) mod shadow_sql; // the texts about shadow tables
mod shadow_store; // ShadowStore

pub use shadow_database::ShadowDatabase;

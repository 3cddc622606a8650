//! The restore's worker: `restore-read-db`, itself, or a schedule -> **this function** -> the read database. Each
//! invocation works for its time, gives the lease back and triggers the next invocation.

mod restore_worker; // one invocation

pub use restore_worker::{RestoreWorker, WorkerReport};

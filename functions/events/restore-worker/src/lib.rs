//! The restore's worker: `restore-read-db`, itself, or a schedule -> **this function** -> the read database. Each invocation
//! does what it can in its time, gives the lease back and has the next one invoked.

mod restore_worker; // one invocation

pub use restore_worker::{RestoreWorker, WorkerReport};

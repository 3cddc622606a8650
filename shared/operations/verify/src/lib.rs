//! Verification: is every stored commit as it was written, and does the read database hold what the events make?
//!
//! [`Verifier`] reads both databases side by side in the order of streams, through [`OpenedCommitScan`](cqrs::OpenedCommitScan) and
//! [`RowScan`](projection::RowScan), and holds no more than a page of each, and some words of each account that
//! is not as it should be. `docs/commit-hash.md` gives the form that is hashed, for other programs.

mod chain_check; // hashes, versions and times of one stream
mod finding; // what can be wrong, and on which side
mod heads; // the ends of all streams as of some time, kept elsewhere
mod pages; // both databases, page by page
mod rows_check; // one stream's row and lines in one projection, against those that its events make
mod state_check; // the state that a commit keeps, against the state that the events make
mod stream_look; // one stream with its rows
mod verifier; // every stream once; again what was not as it should be; the wait for what is behind

pub use finding::{Damage, Finding, Side};
pub use heads::{Head, HeadsError, HeadsFile};
pub use state_check::{AnyAggregate, KnownAggregate, StateFold};
pub use verifier::{Mending, Outcome, VerifiedRows, Verifier, VerifyError, VerifyObserver};

//! Verification: is every stored commit as it was written, and does the read database hold what the events make?
//!
//! [`Verifier`] reads both databases side by side in the order of streams, through [`CommitScan`](cqrs::CommitScan) and
//! [`RowScan`](bank_read_model::RowScan), and holds no more than a page of each, and some words of each account that
//! is not as it should be. `docs/commit-hash.md` gives the form that is hashed, for other programs.

mod account_fold; // what an account's events make of its row, lines and state
mod chain_check; // hashes, versions and times of one stream
mod finding; // what can be wrong, and on which side
mod heads; // the ends of all streams as of some time, kept elsewhere
mod pages; // both databases, page by page
mod rows_check; // one account's row and lines against what its events make
mod stream_look; // one stream with its account
mod verifier; // every stream once; again what was not as it should be; the wait for what is behind

pub use finding::{Damage, Finding, Side};
pub use heads::{Head, HeadsError, HeadsFile};
pub use verifier::{Mending, Outcome, Verifier, VerifyError, VerifyObserver};

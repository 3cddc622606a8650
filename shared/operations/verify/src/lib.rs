//! Verification checks two things: that every stored commit is as it was written, and that the read database holds the
//! rows that the events give.
//!
//! [`Verifier`] reads both databases side by side in the order of streams, through
//! [`OpenedCommitScan`](cqrs::OpenedCommitScan) and [`RowScan`](projection::RowScan). It holds only a page of each, and
//! a few words for each account with a finding. `docs/commit-hash.md` gives the hashed form, for other programs.

mod chain_check; // hashes, versions and times of one stream
mod finding; // the kinds of damage, and their side
mod heads; // the ends of all streams at some time, kept elsewhere
mod joint_check; // holds entries of several streams against each other
mod pages; // both databases, page by page
mod rows_check; // compares one stream's row and lines in one projection with those that its events give
mod state_check; // compares the state that a commit keeps with the state that the events give
mod stream_check; // one stream with its rows
mod verifier; // reads every stream once, checks suspects again, and waits for streams that are behind

pub use finding::{Damage, Finding, Side};
pub use heads::{Head, HeadsError, HeadsFile};
pub use state_check::{AnyAggregate, KnownAggregate, StateFold};
pub use verifier::{Outcome, Repair, VerifiedRows, Verifier, VerifyError, VerifyObserver};

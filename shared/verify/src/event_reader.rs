use cqrs::{Commit, EventEnvelope};

/// The one place where a stored commit becomes the events that the read side was given. The hash is that of the commit
/// as it is stored; what is folded comes through here.
pub(crate) async fn events_of(commit: &Commit) -> Vec<EventEnvelope> {
    commit.envelopes().collect()
}

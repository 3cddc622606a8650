use crate::{Commit, EventEnvelope, Opening, QueryError};

/// A commit of which every personal part has been opened, or has been found erased.
///
/// The type is the proof. A sealed part reads as `null`, and so does an erased part, so a reader of the events could
/// not tell the two apart. Only an opened commit gives its events to the read side or to a bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedCommit {
    commit: Commit,
}

/// A commit whose personal data is damaged, so that it cannot be opened. Handling: a person must look. Its events go
/// nowhere meanwhile, because their personal data would look erased. The other commits go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the personal data of stream {} cannot be opened: {reason}", .commit.draft.stream_id)]
pub struct UnopenedCommit {
    /// The commit as it is stored. Its hash and its place can still be checked.
    pub commit: Box<Commit>,
    /// The reason why the personal data could not be opened, in a few words.
    pub reason: String,
}

impl Commit {
    /// The commit as an opened commit, or the unchanged commit if a personal part is still sealed.
    ///
    /// This is the only check of its kind. A commit without personal data is always opened.
    ///
    /// # Errors
    /// The commit itself, when it has a sealed part.
    #[expect(clippy::result_large_err, reason = "the commit is moved back to the caller, and the answer is as large")]
    pub fn into_opened(self) -> Result<OpenedCommit, Self> {
        let mut personal_parts = self.draft.events.iter().filter_map(|event| event.personal.as_ref());
        if personal_parts.any(|personal| personal.opening == Opening::Sealed) {
            return Err(self);
        }
        Ok(OpenedCommit { commit: self })
    }
}

impl OpenedCommit {
    /// The commit, for reading.
    #[must_use]
    pub const fn commit(&self) -> &Commit {
        &self.commit
    }

    /// The commit, without the proof that it is opened.
    #[must_use]
    pub fn into_commit(self) -> Commit {
        self.commit
    }

    /// The events as they travel to the read side. An erased personal member is `null`.
    pub fn envelopes(&self) -> impl Iterator<Item = EventEnvelope> + '_ {
        let draft = &self.commit.draft;
        (draft.first_version..).zip(&draft.events).map(|(version, event)| EventEnvelope {
            stream_id: draft.stream_id,
            aggregate_type: draft.aggregate_type.clone(),
            version,
            event_id: event.event_id,
            event_type: event.event_type.clone(),
            schema_version: event.schema_version,
            data: event.readable_data(),
            occurred_at: draft.occurred_at,
            correlation_id: draft.correlation_id.clone(),
            causation_id: draft.causation_id.clone(),
        })
    }
}

impl From<UnopenedCommit> for QueryError {
    fn from(unopened: UnopenedCommit) -> Self {
        Self::Corrupt { reason: unopened.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;
    use crate::{CommitDraft, RecordedEvent, RecordedState, SealedPersonalData, StreamId, Timestamp};

    fn commit_with(opening: Option<Opening>) -> Commit {
        let personal = opening.map(|opening| SealedPersonalData {
            members: vec!["name".to_owned()],
            ciphertext: "QUJD".to_owned(),
            opening,
        });
        let event = RecordedEvent {
            event_id: Uuid::from_u128(1),
            event_type: "Named".to_owned(),
            schema_version: 1,
            data: json!({}),
            personal,
        };
        let draft = CommitDraft {
            stream_id: StreamId(Uuid::from_u128(7)),
            aggregate_type: "person".to_owned(),
            first_version: 4,
            events: vec![event],
            occurred_at: Timestamp::now(),
            caller: "a caller".to_owned(),
            correlation_id: "a request".to_owned(),
            causation_id: "a request".to_owned(),
            idempotency: None,
            state: RecordedState { state_version: 1, data: Value::Null },
            previous_hash: None,
        };
        draft.seal()
    }

    #[test]
    fn given_a_sealed_part_when_opened_is_asked_for_then_the_commit_comes_back_unchanged() {
        let sealed = commit_with(Some(Opening::Sealed));
        assert_eq!(sealed.clone().into_opened(), Err(sealed));
    }

    #[test]
    fn given_no_sealed_part_when_opened_is_asked_for_then_the_events_can_be_read() {
        let name = json!({ "name": "Ann" }).as_object().expect("an object").clone();
        for (opening, expected) in [
            (None, json!({})),
            (Some(Opening::Opened(name)), json!({ "name": "Ann" })),
            (Some(Opening::Erased), json!({ "name": null })),
        ] {
            let opened = commit_with(opening).into_opened().expect("no sealed part");
            let read: Vec<(u64, Value)> = opened.envelopes().map(|event| (event.version, event.data)).collect();
            assert_eq!(read, [(4, expected)]);
        }
    }
}

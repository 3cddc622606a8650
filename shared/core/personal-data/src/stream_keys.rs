use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cqrs::{
    Commit, CommitDraft, Digest, OpenedCommit, Opening, PersonalData, PersonalDataError, RecordedEvent,
    SealedPersonalData, StreamId, UnopenedCommit,
};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde_json::{Map, Value};

use crate::data_key::{DataKey, NotOurs};
use crate::{KeyProtection, KeyProtectionError, KeyStore, StoredKey};

/// The number of keys that are unwrapped at once. With KMS each is a request.
const UNWRAPPED_AT_ONCE: usize = 16;

/// Personal data under a key for each stream.
///
/// No key is kept after its use. A kept key would go on opening erased data, in every process that has it, for as long as
/// it is kept. The only operations that need a key are an opening and the two queries that read the log.
pub struct StreamKeys {
    keys: Arc<dyn KeyStore>,
    protection: KeyProtection,
}

/// A stream's key, or the state without one.
enum Key {
    Usable(DataKey),
    Destroyed,
    /// The reason why the stored key does not unwrap.
    Damaged(String),
}

impl StreamKeys {
    /// Personal data with the keys of this store.
    pub fn new(keys: Arc<dyn KeyStore>, protection: KeyProtection) -> Self {
        Self { keys, protection }
    }

    async fn usable(&self, stream_id: StreamId, stored: StoredKey) -> Result<Key, PersonalDataError> {
        match stored {
            StoredKey::Destroyed => Ok(Key::Destroyed),
            StoredKey::Damaged { reason } => Ok(Key::Damaged(reason)),
            StoredKey::Wrapped(wrapped) => match self.protection.unwrap(stream_id, &wrapped).await {
                Ok(key) => Ok(Key::Usable(key)),
                Err(error) if error.is_of_the_key() => Ok(Key::Damaged(error.to_string())),
                Err(error) => Err(unavailable(error)),
            },
        }
    }

    /// The keys of those of these streams that the store knows.
    async fn keys_of(&self, stream_ids: &[StreamId]) -> Result<HashMap<StreamId, Key>, PersonalDataError> {
        let stored = self.keys.get_many(stream_ids).await?;
        stream::iter(stored)
            .map(|(stream_id, stored)| async move { Ok((stream_id, self.usable(stream_id, stored).await?)) })
            .buffer_unordered(UNWRAPPED_AT_ONCE)
            .try_collect()
            .await
    }
}

#[async_trait]
impl PersonalData for StreamKeys {
    async fn seal(&self, draft: &mut CommitDraft) -> Result<(), PersonalDataError> {
        let stream_id = draft.stream_id;
        let (new_key, key) = self.protection.generate(stream_id).await.map_err(unavailable)?;
        let stored = self.keys.create_or_get(stream_id, &new_key).await?;
        let key = match stored {
            StoredKey::Wrapped(stored) if stored == new_key => Key::Usable(key),
            // The stream already has a key.
            stored => self.usable(stream_id, stored).await?,
        };
        let key = match key {
            Key::Usable(key) => key,
            Key::Destroyed => return Err(PersonalDataError::Erased { stream_id }),
            Key::Damaged(reason) => return Err(PersonalDataError::Corrupt { stream_id, reason }),
        };
        for event in &mut draft.events {
            let place = place_of(stream_id, event);
            if let Some(personal) = &mut event.personal
                && let Opening::Opened(members) = &personal.opening
            {
                let plain = serde_json::to_vec(members).expect("an event's data is plain JSON");
                personal.ciphertext = STANDARD.encode(key.seal(&plain, &place));
            }
        }
        if let Some(idempotency) = &mut draft.idempotency {
            idempotency.request_fingerprint = key.keyed(&idempotency.request_fingerprint);
        }
        Ok(())
    }

    async fn open(&self, commits: Vec<Commit>) -> Result<Vec<Result<OpenedCommit, UnopenedCommit>>, PersonalDataError> {
        let commits: Vec<_> = commits.into_iter().map(Commit::into_opened).collect();
        let sealed = commits.iter().filter_map(|commit| commit.as_ref().err());
        let mut stream_ids: Vec<StreamId> = sealed.map(|commit| commit.draft.stream_id).collect();
        stream_ids.sort_unstable();
        stream_ids.dedup();
        let keys = if stream_ids.is_empty() { HashMap::new() } else { self.keys_of(&stream_ids).await? };
        Ok(commits
            .into_iter()
            .map(|commit| commit.or_else(|sealed| open_commit(keys.get(&sealed.draft.stream_id), sealed)))
            .collect())
    }

    async fn keyed_fingerprint(
        &self,
        stream_id: StreamId,
        request_fingerprint: &Digest,
    ) -> Result<Option<Digest>, PersonalDataError> {
        match self.keys_of(&[stream_id]).await?.remove(&stream_id) {
            Some(Key::Usable(key)) => Ok(Some(key.keyed(request_fingerprint))),
            Some(Key::Destroyed) => Ok(None),
            Some(Key::Damaged(reason)) => Err(PersonalDataError::Corrupt { stream_id, reason }),
            None => Err(PersonalDataError::Corrupt { stream_id, reason: NO_KEY.to_owned() }),
        }
    }
}

/// Erasing leaves a mark. Without a mark, the key is lost.
const NO_KEY: &str = "the key store has no key and no mark for the stream";

/// Opens a commit's personal parts with its stream's key.
fn open_commit(key: Option<&Key>, mut commit: Commit) -> Result<OpenedCommit, UnopenedCommit> {
    let stream_id = commit.draft.stream_id;
    let damage = commit.draft.events.iter_mut().find_map(|event| open_event(stream_id, key, event).err());
    // A damaged part is still sealed, and so the commit does not count as opened.
    commit
        .into_opened()
        .map_err(|commit| UnopenedCommit { commit: Box::new(commit), reason: damage.unwrap_or_default() })
}

/// Opens one event's personal part, where it is sealed.
fn open_event(stream_id: StreamId, key: Option<&Key>, event: &mut RecordedEvent) -> Result<(), String> {
    let place = place_of(stream_id, event);
    let Some(personal) = event.personal.as_mut().filter(|personal| personal.opening == Opening::Sealed) else {
        return Ok(());
    };
    personal.opening = match key {
        Some(Key::Usable(key)) => Opening::Opened(decrypt(key, personal, &place)?),
        Some(Key::Destroyed) => Opening::Erased,
        Some(Key::Damaged(reason)) => return Err(reason.clone()),
        None => return Err(NO_KEY.to_owned()),
    };
    Ok(())
}

fn decrypt(key: &DataKey, personal: &SealedPersonalData, place: &[u8]) -> Result<Map<String, Value>, &'static str> {
    let ciphertext = STANDARD.decode(&personal.ciphertext).map_err(|_| "the ciphertext is not base64")?;
    let plain =
        key.open(&ciphertext, place).map_err(|NotOurs| "it was not sealed for this event, or has been changed")?;
    let members: Map<String, Value> =
        serde_json::from_slice(&plain).map_err(|_| "the sealed text is not a JSON object")?;
    let is_named = |name| personal.members.iter().any(|member| member == name);
    if members.len() == personal.members.len() && members.keys().all(is_named) {
        Ok(members)
    } else {
        Err("the sealed members differ from the members that the event names")
    }
}

/// The place that a ciphertext is bound to: this event of this stream.
fn place_of(stream_id: StreamId, event: &RecordedEvent) -> Vec<u8> {
    [stream_id.0.as_bytes().as_slice(), event.event_id.as_bytes()].concat()
}

fn unavailable(error: KeyProtectionError) -> PersonalDataError {
    PersonalDataError::Unavailable { source: error.into() }
}

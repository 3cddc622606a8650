use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The personal part of an event: members of its data, encrypted under the key of its stream. The commit's hash covers
/// the ciphertext, so the hash stays correct when the key is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedPersonalData {
    /// The members' names, in clear.
    pub members: Vec<String>,
    /// The members as one JSON object, encrypted, in base64.
    pub ciphertext: String,
    /// This process's knowledge of the members. It is never stored.
    #[serde(skip)]
    pub opening: Opening,
}

/// A process's knowledge of an event's personal part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Opening {
    /// The members are not known: the process has not tried to open them.
    #[default]
    Sealed,
    /// The members cannot be opened any more, because their key has been destroyed.
    Erased,
    /// The members have been opened.
    Opened(Map<String, Value>),
}

impl SealedPersonalData {
    /// The members. A member that is not open is `null`.
    pub(crate) fn readable_members(&self) -> impl Iterator<Item = (String, Value)> + '_ {
        self.members.iter().map(|name| {
            let value = match &self.opening {
                Opening::Opened(members) => members.get(name).cloned().unwrap_or_default(),
                Opening::Sealed | Opening::Erased => Value::Null,
            };
            (name.clone(), value)
        })
    }
}

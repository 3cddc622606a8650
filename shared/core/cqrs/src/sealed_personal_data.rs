use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The personal part of an event: members of its data, encrypted under the key of its stream. The commit's hash covers
/// the ciphertext, so that it stays right when the key is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedPersonalData {
    /// The members' names, in clear.
    pub members: Vec<String>,
    /// A JSON object of the members, encrypted, in base64.
    pub ciphertext: String,
    /// What this process knows of the members; never stored.
    #[serde(skip)]
    pub opening: Opening,
}

/// What a process knows of an event's personal part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Opening {
    /// Nothing: nobody has tried to open it.
    #[default]
    Sealed,
    /// That nobody can open it any more: its key has been destroyed.
    Erased,
    /// The members.
    Opened(Map<String, Value>),
}

impl SealedPersonalData {
    /// The members that are open, and `null` for each other.
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

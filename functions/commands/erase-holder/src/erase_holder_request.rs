use serde::Deserialize;

/// The body, if there is one: an object without members.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EraseHolderRequest {}

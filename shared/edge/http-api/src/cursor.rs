use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The longest text that is decoded. It is longer than any cursor given out.
const MAX_LENGTH: usize = 512;

/// A page's position in the form for the client. It is opaque, and valid for one kind of list only.
pub trait Cursor: Serialize + DeserializeOwned {
    /// The name of the kind of list.
    const LIST: &'static str;

    /// The text for the client.
    fn encode(&self) -> String {
        let content = serde_json::to_vec(&(Self::LIST, self)).expect("a position is plain JSON");
        URL_SAFE_NO_PAD.encode(content)
    }

    /// The position from the client's text. `None` for a text that was never given out for this kind of list.
    fn decode(text: &str) -> Option<Self> {
        if text.len() > MAX_LENGTH {
            return None;
        }
        let content = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (list, position): (String, Self) = serde_json::from_slice(&content).ok()?;
        (list == Self::LIST).then_some(position)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Lines(u64);
    impl Cursor for Lines {
        const LIST: &'static str = "lines";
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Events(u64);
    impl Cursor for Events {
        const LIST: &'static str = "events";
    }

    #[test]
    fn a_cursor_comes_back_as_it_was_given_and_is_of_no_use_to_another_list() {
        let text = Lines(7).encode();
        assert_eq!(Lines::decode(&text), Some(Lines(7)));
        assert_eq!(Events::decode(&text), None);
    }

    #[test]
    fn a_broken_cursor_is_none() {
        let text = Lines(7).encode();
        for broken in ["", "!", "abc", &text[1..], &format!("{text}="), &text.to_lowercase(), &"A".repeat(10_000)] {
            assert_eq!(Lines::decode(broken), None, "{broken:.20}");
        }
    }
}

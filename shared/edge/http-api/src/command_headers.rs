use cqrs::Idempotency;
use percent_encoding::percent_decode_str;
use serde::Serialize;

use crate::entity_tag::parse_strong_version;
use crate::{Caller, Problem};

const MAX_KEY_LENGTH: usize = 255;

pub(crate) fn idempotency_key(text: &str) -> Result<&str, Problem> {
    let is_printable = |byte: u8| matches!(byte, b' '..=b'~');
    if (1..=MAX_KEY_LENGTH).contains(&text.len()) && text.bytes().all(is_printable) {
        Ok(text)
    } else {
        Err(Problem::malformed("Idempotency-Key must be 1 to 255 printable ASCII characters."))
    }
}

/// The key within its scope (caller and path), and the fingerprint that shows whether two requests are the same. The
/// fingerprint covers the parsed command, so a retry may differ in white space, field order or `1.5` for `1.50`. The
/// path counts in its decoded form, too: `%30` is `0` (RFC 3986, section 6.2.2.2), and API Gateway hands it on decoded.
pub(crate) fn idempotency<C: Serialize>(caller: &Caller, path: &str, key: &str, command: &C) -> Idempotency {
    let content = serde_json::to_vec(command).expect("a command is plain JSON");
    let path = percent_decode_str(path).decode_utf8_lossy();
    Idempotency::new(&caller.subject, &path, key, &content)
}

/// The version that `If-Match` names. `None` for `*`, which only requires that the resource exists.
pub(crate) fn expected_version(text: &str) -> Result<Option<u64>, Problem> {
    if text.trim() == "*" {
        return Ok(None);
    }
    parse_strong_version(text).map(Some).ok_or_else(|| {
        Problem::malformed("If-Match must be a version as an ETag gives it, such as \"3\" with its quotes.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_1_to_255_printable_ascii_characters() {
        for key in ["a", "~ !", &"k".repeat(255)] {
            assert!(idempotency_key(key).is_ok(), "{key}");
        }
        for key in ["", "a\tb", "ä", "a\u{7f}", &"k".repeat(256)] {
            assert!(idempotency_key(key).is_err(), "{key:?}");
        }
    }

    #[test]
    fn if_match_takes_one_strong_version_or_a_star() {
        for (text, expected) in [("\"3\"", Some(3)), ("\"0\"", Some(0)), (" \"12\" ", Some(12)), ("*", None)] {
            assert_eq!(expected_version(text).ok(), Some(expected), "{text}");
        }
        for text in [
            "3",
            "\"\"",
            "\"x\"",
            "W/\"3\"",
            "\"3\",\"4\"",
            "\"-1\"",
            "\"+1\"",
            "\"1.0\"",
            "\"99999999999999999999\"",
            "",
        ] {
            assert!(expected_version(text).is_err(), "{text}");
        }
    }
}

use mediatype::names::{APPLICATION, CHARSET, JSON};
use mediatype::{MediaType, ReadParams as _};
use serde::de::DeserializeOwned;
use serde::{Deserialize as _, Deserializer};

use crate::{Problem, ProblemCode};

/// Deserializes a text field (with `#[serde(default)]`). A missing text is `None`, so that it is reported together with
/// all wrong fields. `null` is not a text, and so malformed.
///
/// # Errors
/// When the value is not a text.
pub fn text_if_present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(Some)
}

pub(crate) fn parse<T: DeserializeOwned>(content_type: Option<&str>, body: &[u8]) -> Result<T, Problem> {
    if body.is_empty() {
        return Err(Problem::malformed("The request has no body."));
    }
    if !content_type.is_some_and(is_json) {
        return Err(Problem::new(ProblemCode::UNSUPPORTED_MEDIA_TYPE, "Content-Type must be application/json."));
    }
    // The check is needed because serde would also fill a struct from an array, by place.
    let first_byte = body.iter().find(|byte| !byte.is_ascii_whitespace());
    if first_byte != Some(&b'{') {
        return Err(Problem::malformed("The body is not a JSON object."));
    }
    serde_json::from_slice(body).map_err(|error| Problem::malformed(format!("The body is not as expected: {error}.")))
}

/// Whether the content type is JSON. JSON is UTF-8 (RFC 8259), so another charset is another media type.
fn is_json(content_type: &str) -> bool {
    MediaType::parse(content_type).is_ok_and(|media_type| {
        media_type.ty == APPLICATION
            && media_type.subty == JSON
            && media_type.suffix.is_none()
            && media_type.get_param(CHARSET).is_none_or(|charset| charset.unquoted_str().eq_ignore_ascii_case("utf-8"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_application_json_in_utf_8_is_json() {
        for content_type in [
            "application/json",
            "Application/JSON",
            "application/json; charset=utf-8",
            "application/json;charset=\"UTF-8\"",
        ] {
            assert!(is_json(content_type), "{content_type}");
        }
        for content_type in [
            "",
            "json",
            "text/json",
            "text/plain",
            "application/json; charset=latin1",
            "application/problem+json",
            "application/x-www-form-urlencoded",
            "application/json,application/json",
        ] {
            assert!(!is_json(content_type), "{content_type}");
        }
    }
}

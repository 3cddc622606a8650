use http::HeaderMap;
use uuid::Uuid;

/// The header that carries the id in requests and answers.
pub(crate) const HEADER: &str = "x-correlation-id";
/// The longest id. There is room for a UUID or for a trace id with a prefix. A longer text would fill every log line.
const MAX_LENGTH: usize = 128;

/// The id that goes through the logs, the events and the answer of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorrelationId(String);

impl CorrelationId {
    /// The id that the request brings, if it can be used unchanged, otherwise a new id. Only letters, digits and `.`,
    /// `_`, `-` are allowed, because the id goes into logs and headers.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        headers
            .get(HEADER)
            .and_then(|value| value.to_str().ok())
            .filter(|text| (1..=MAX_LENGTH).contains(&text.len()) && text.bytes().all(is_plain))
            .map_or_else(|| Self(Uuid::now_v7().to_string()), |text| Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_id_is_taken_over_and_any_other_replaced() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(HEADER, text.parse().expect("a header value"));
            CorrelationId::of(&headers).0
        };
        for text in ["1-67.a_b", "0192f0c1-7a5b-7c3d-8e9f-0a1b2c3d4e5f", &"x".repeat(128)] {
            assert_eq!(of(text), text);
        }
        for text in ["", "a b", "a=b", "a\tb", "ä", &"x".repeat(129)] {
            assert!(Uuid::try_parse(&of(text)).is_ok(), "{text:?}");
        }
    }
}

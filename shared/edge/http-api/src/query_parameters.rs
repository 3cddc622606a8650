use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

use crate::{Cursor, Problem};

const DEFAULT_LIMIT: u32 = 50;
const MAX_LIMIT: u32 = 200;

/// The number of items that a page may have: 1 to 200.
pub type PageLimit = u32;

/// The query parameters of a request. Each is known, and none comes twice.
#[derive(Debug)]
pub struct QueryParameters {
    values: BTreeMap<String, String>,
}

impl QueryParameters {
    pub(crate) fn parse(query: &str, known: &[&'static str]) -> Result<Self, Problem> {
        let mut values = BTreeMap::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (Some(name), Some(value)) = (decode(name), decode(value)) else {
                return Err(Problem::malformed("The query string is not UTF-8."));
            };
            if !known.contains(&name.as_str()) {
                return Err(Problem::malformed(format!("There is no query parameter {name:?} here.")));
            }
            if values.insert(name.clone(), value).is_some() {
                return Err(Problem::malformed(format!("The query parameter {name:?} comes more than once.")));
            }
        }
        Ok(Self { values })
    }

    /// A parameter's value, parsed.
    ///
    /// # Errors
    /// `malformed_request` with the parser's message.
    pub fn get<T, E: std::fmt::Display>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Problem> {
        self.values
            .get(name)
            .map(|text| {
                parse(text).map_err(|error| Problem::malformed(format!("The query parameter {name:?} {error}.")))
            })
            .transpose()
    }

    /// `limit`: 1 to 200, and 50 when it is missing.
    ///
    /// # Errors
    /// `malformed_request` for any other value.
    pub fn limit(&self) -> Result<PageLimit, Problem> {
        let parse = |text: &str| {
            let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
            let limit = text.parse().ok().filter(|limit| is_plain && (1..=MAX_LIMIT).contains(limit));
            limit.ok_or("must be a whole number from 1 to 200")
        };
        Ok(self.get("limit", parse)?.unwrap_or(DEFAULT_LIMIT))
    }

    /// `cursor`, as this list wrote it.
    ///
    /// # Errors
    /// `malformed_request` for any other text.
    pub fn cursor<C: Cursor>(&self) -> Result<Option<C>, Problem> {
        self.get("cursor", |text| C::decode(text).ok_or("must be an unchanged next_cursor of this list"))
    }
}

/// Decodes a text in the form of a web form (`application/x-www-form-urlencoded`). `None` if the result is not UTF-8.
fn decode(text: &str) -> Option<String> {
    let text = text.replace('+', " ");
    percent_decode_str(&text).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(query: &str) -> Option<String> {
        let parameters = QueryParameters::parse(query, &["holder", "limit"]).ok()?;
        Some(parameters.values.get("holder").cloned().unwrap_or_default())
    }

    #[test]
    fn a_parameter_is_decoded_as_a_form_writes_it() {
        for (query, value) in [
            ("holder=Ann+Lee", "Ann Lee"),
            ("holder=Ann%20Lee&limit=5", "Ann Lee"),
            ("&holder=a%2Bb%26c%3Dd&", "a+b&c=d"),
            ("holder=a=b", "a=b"),
            ("%68older=%C3%A9", "é"),
            // The text holds the replacement character itself. A decoder that replaces faults would also produce it.
            ("holder=%EF%BF%BD", "\u{fffd}"),
            ("holder=100%", "100%"),
            ("holder", ""),
            ("", ""),
        ] {
            assert_eq!(holder(query).as_deref(), Some(value), "{query}");
        }
    }

    #[test]
    fn a_parameter_that_is_unknown_repeated_or_not_utf_8_is_refused() {
        for query in [
            "colour=red",
            "Holder=a",
            "=a",
            "holder=a&holder=a",
            "holder=a&%68older=b",
            "holder=%FF",
            "%FF=a",
            "limit[]=5",
        ] {
            assert_eq!(holder(query), None, "{query}");
        }
    }
}

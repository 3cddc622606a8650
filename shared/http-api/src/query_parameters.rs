use std::collections::BTreeMap;

use crate::{Cursor, Problem};

const DEFAULT_LIMIT: u32 = 50;
const MAX_LIMIT: u32 = 200;

/// How many items a page may have: 1 to 200.
pub type PageLimit = u32;

/// The query parameters of a request: each known, and there once.
#[derive(Debug)]
pub struct QueryParameters {
    values: BTreeMap<String, String>,
}

impl QueryParameters {
    pub(crate) fn parse(query: &str, known: &[&'static str]) -> Result<Self, Problem> {
        let mut values = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            // What does not decode to UTF-8 comes out with replacement characters.
            if value.contains('\u{fffd}') {
                return Err(Problem::malformed(format!("The query parameter {name:?} is not UTF-8.")));
            }
            if !known.contains(&name.as_ref()) {
                return Err(Problem::malformed(format!("There is no query parameter {name:?} here.")));
            }
            if values.insert(name.clone().into_owned(), value.into_owned()).is_some() {
                return Err(Problem::malformed(format!("The query parameter {name:?} comes more than once.")));
            }
        }
        Ok(Self { values })
    }

    /// A parameter's value, parsed.
    ///
    /// # Errors
    /// `malformed_request` with the parser's own word for it.
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

    /// `limit`: 1 to 200, 50 when it is not there.
    ///
    /// # Errors
    /// `malformed_request` for anything else.
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
    /// `malformed_request` for anything else.
    pub fn cursor<C: Cursor>(&self) -> Result<Option<C>, Problem> {
        self.get("cursor", |text| C::decode(text).ok_or("must be a next_cursor of this list, as it was given"))
    }
}

use http::HeaderValue;

use crate::Problem;

/// The entity tag of a version: the number in quotes (RFC 9110, section 8.8.3).
#[must_use]
pub fn version_entity_tag(version: u64) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{version}\"")).expect("digits in quotes are a header value")
}

/// The version of a strong entity tag, if the tag is one of this API.
pub(crate) fn parse_strong_version(text: &str) -> Option<u64> {
    let digits = text.trim().strip_prefix('"')?.strip_suffix('"')?;
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}

/// Whether a list of entity tags contains this version's tag (RFC 9110, section 13.1.2). Weak tags count too, and `*`
/// contains every tag.
pub(crate) fn matches_version(header: &str, version: u64) -> Result<bool, Problem> {
    if header.trim() == "*" {
        return Ok(true);
    }
    let malformed = || Problem::malformed("If-None-Match must be a list of entity tags, or *.");
    let ours = version.to_string();
    let mut is_matched = false;
    let mut rest = header.trim();
    loop {
        let (tag, after) = split_entity_tag(rest).ok_or_else(malformed)?;
        // Tags are compared as texts: "03" is a different tag from "3".
        is_matched |= tag == ours;
        match after.trim_start() {
            "" => return Ok(is_matched),
            more => rest = more.strip_prefix(',').ok_or_else(malformed)?.trim_start(),
        }
    }
}

/// The text between the quotes of a list's first tag, and the text after the tag. A tag may hold commas, but no quotes
/// (RFC 9110, section 8.8.3).
fn split_entity_tag(list: &str) -> Option<(&str, &str)> {
    list.strip_prefix("W/").unwrap_or(list).strip_prefix('"')?.split_once('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_none_match_takes_lists_weak_tags_and_a_star() {
        for (header, expected) in [
            ("\"3\"", true),
            ("W/\"3\"", true),
            ("\"1\", W/\"3\"", true),
            ("*", true),
            ("\"4\"", false),
            ("\"abc\"", false),
            ("\"33\"", false),
            ("\"03\"", false),
            ("\"a,b\"", false),
            ("\"a,b\" , \"3\"", true),
            ("\"\"", false),
        ] {
            assert_eq!(matches_version(header, 3).ok(), Some(expected), "{header}");
        }
        for header in ["3", "", "\"3", "\"3\",,\"4\"", "\"3\",", "\"3\";\"4\"", "\"3\"4\"", "w/\"3\"", "W/", "*,\"3\""]
        {
            assert!(matches_version(header, 3).is_err(), "{header}");
        }
    }
}

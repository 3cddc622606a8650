use http::HeaderValue;

use crate::Problem;

/// The entity tag of a version: the number in quotes (RFC 9110, section 8.8.3).
#[must_use]
pub fn version_entity_tag(version: u64) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{version}\"")).expect("digits in quotes are a header value")
}

/// The version of a strong entity tag, if it is one of ours.
pub(crate) fn parse_strong_version(text: &str) -> Option<u64> {
    let digits = text.trim().strip_prefix('"')?.strip_suffix('"')?;
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}

/// Whether a list of entity tags, weak ones too, or `*`, has this version's.
pub(crate) fn matches_version(header: &str, version: u64) -> Result<bool, Problem> {
    if header.trim() == "*" {
        return Ok(true);
    }
    let mut found = false;
    for tag in header.split(',').map(str::trim) {
        let opaque = tag.strip_prefix("W/").unwrap_or(tag);
        let is_quoted = opaque.len() >= 2 && opaque.starts_with('"') && opaque.ends_with('"');
        if !is_quoted {
            return Err(Problem::malformed("If-None-Match must be a list of entity tags, or *."));
        }
        found |= parse_strong_version(opaque) == Some(version);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_none_match_takes_lists_weak_tags_and_a_star() {
        for (header, found) in [
            ("\"3\"", true),
            ("W/\"3\"", true),
            ("\"1\", W/\"3\"", true),
            ("*", true),
            ("\"4\"", false),
            ("\"abc\"", false),
            ("\"33\"", false),
        ] {
            assert_eq!(matches_version(header, 3).ok(), Some(found), "{header}");
        }
        for header in ["3", "", "\"3", "\"3\",,\"4\"", "w/\"3\""] {
            assert!(matches_version(header, 3).is_err(), "{header}");
        }
    }
}

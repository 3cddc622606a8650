use std::str::FromStr as _;

use headers_accept::Accept;
use http::{HeaderMap, header};
use mediatype::names::{_STAR, CHARSET, Q};
use mediatype::{MediaType, MediaTypeBuf, ReadParams as _};

use crate::{Problem, ProblemCode};

/// Refuses a request whose `Accept` leaves out the media type of the answer (RFC 9110, section 12.5.1).
///
/// # Panics
/// When `offered` is not a media type.
///
/// # Errors
/// `not_acceptable`; `malformed_request` for an `Accept` that is not visible ASCII.
pub fn require_acceptable(headers: &HeaderMap, offered: &'static str) -> Result<(), Problem> {
    let media_type = MediaType::parse(offered).expect("a constant");
    let mut values = Vec::new();
    for value in headers.get_all(header::ACCEPT) {
        values.push(value.to_str().map_err(|_| Problem::malformed("The header accept is not visible ASCII."))?);
    }
    if leaves_room_for(&values.join(","), &media_type) {
        Ok(())
    } else {
        Err(Problem::new(ProblemCode::NOT_ACCEPTABLE, format!("Accept leaves out {offered}.")))
    }
}

fn leaves_room_for(accept: &str, offered: &MediaType<'_>) -> bool {
    // An unreadable header counts as no wish: some clients send a header that only browsers understand.
    let Ok(accept) = Accept::from_str(accept) else {
        return true;
    };
    let mut ranges = accept.media_types().peekable();
    if ranges.peek().is_none() {
        return true;
    }
    // The ranges come most specific first. The most specific range that covers a media type decides.
    ranges.find(|range| covers(range, offered)).is_some_and(|range| !is_ruled_out(range))
}

fn covers(range: &MediaTypeBuf, offered: &MediaType<'_>) -> bool {
    let covers_type = range.ty() == offered.ty
        && (range.subty() == _STAR || (range.subty() == offered.subty && range.suffix() == offered.suffix));
    // Answers are in UTF-8 whether or not the client asks for it.
    let asks_for_nothing_more = range
        .params()
        .all(|(name, value)| name == Q || (name == CHARSET && value.unquoted_str().eq_ignore_ascii_case("utf-8")));
    (range.ty() == _STAR || covers_type) && asks_for_nothing_more
}

/// Whether the client excludes this range, by a weight of `0`, `0.0`, `0.00` or `0.000`.
fn is_ruled_out(range: &MediaTypeBuf) -> bool {
    range.get_param(Q).is_some_and(|weight| {
        let weight = weight.as_str();
        weight.starts_with('0') && weight.bytes().all(|byte| matches!(byte, b'0' | b'.'))
    })
}

#[cfg(test)]
mod tests {
    use mediatype::names::{APPLICATION, JSON};

    use super::*;

    #[test]
    fn the_most_specific_range_has_the_word() {
        let json = MediaType::new(APPLICATION, JSON);
        for accept in [
            "application/json",
            "Application/JSON",
            "application/*",
            "*/*",
            "text/html, */*;q=0.1",
            "*/*;q=0, application/json;q=0.001",
            "application/*;q=0, application/json",
            "application/json; charset=utf-8",
            "application/json;charset=\"UTF-8\"",
            "",
            " , ",
            "json",
            "text/html, *; q=.2",
        ] {
            assert!(leaves_room_for(accept, &json), "{accept}");
        }
        for accept in [
            "text/html",
            "application/json;q=0",
            "application/json;q=0.000, */*",
            "*/*;q=0",
            "application/*;q=0, */*",
            "application/problem+json",
            "application/json; charset=latin1",
            "application/json; profile=other",
        ] {
            assert!(!leaves_room_for(accept, &json), "{accept}");
        }
    }
}

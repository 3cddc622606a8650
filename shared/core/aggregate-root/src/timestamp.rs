use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A point in time in UTC, in whole microseconds. Microseconds are the finest unit that MySQL's `DATETIME(6)`, the
/// HTTP contract and every database here share. It is written as RFC 3339 with exactly six decimals, so that the
/// texts sort as the times do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    unix_micros: i64,
}

/// The text is not an RFC 3339 time, or the time is outside the years 0001 to 9999. Handling: the client's mistake;
/// name the field and refuse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be an RFC 3339 time between the years 0001 and 9999")]
pub struct TimestampError;

/// 0001-01-01T00:00:00Z, as `date -u -d 0001-01-01 +%s` gives it.
const MIN_UNIX_MICROS: i64 = -62_135_596_800_000_000;
/// 9999-12-31T23:59:59.999999Z: the last time with a year of four digits.
const MAX_UNIX_MICROS: i64 = 253_402_300_799_999_999;

impl Timestamp {
    /// The machine's clock, cut to microseconds.
    #[must_use]
    pub fn now() -> Self {
        // A clock outside the years 0001 to 9999 is broken. The epoch shows that plainly.
        Self::from_offset_date_time(OffsetDateTime::now_utc()).unwrap_or(Self { unix_micros: 0 })
    }

    /// From microseconds since 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// [`TimestampError`] outside the years 0001 to 9999.
    pub fn from_unix_micros(unix_micros: i64) -> Result<Self, TimestampError> {
        if (MIN_UNIX_MICROS..=MAX_UNIX_MICROS).contains(&unix_micros) {
            Ok(Self { unix_micros })
        } else {
            Err(TimestampError)
        }
    }

    fn from_offset_date_time(time: OffsetDateTime) -> Result<Self, TimestampError> {
        let unix_micros = time.unix_timestamp_nanos().div_euclid(1_000);
        Self::from_unix_micros(unix_micros.try_into().map_err(|_| TimestampError)?)
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn unix_micros(self) -> i64 {
        self.unix_micros
    }

    /// Milliseconds since 1970-01-01T00:00:00Z, rounded down.
    #[must_use]
    pub const fn unix_millis(self) -> i64 {
        self.unix_micros.div_euclid(1_000)
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    /// Reads RFC 3339 and converts another offset than Z. Digits finer than microseconds are cut off.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // RFC 3339 lets an application choose another separator. This project accepts only T.
        if !matches!(text.as_bytes().get(10), Some(b'T' | b't')) {
            return Err(TimestampError);
        }
        Self::from_offset_date_time(OffsetDateTime::parse(text, &Rfc3339).map_err(|_| TimestampError)?)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time =
            OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.unix_micros) * 1_000).map_err(|_| fmt::Error)?;
        let (year, month, day) = time.to_calendar_date();
        let (hour, minute, second, micros) = time.to_hms_micro();
        let month = u8::from(month);
        write!(formatter, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_with_exactly_six_decimals_and_read_back() {
        for (text, written) in [
            ("2026-11-24T13:06:22Z", "2026-11-24T13:06:22.000000Z"),
            ("2026-11-24T13:06:22.5Z", "2026-11-24T13:06:22.500000Z"),
            ("2026-11-24t15:06:22.123456789+02:00", "2026-11-24T13:06:22.123456Z"),
            ("1969-12-31T23:59:59.9999999Z", "1969-12-31T23:59:59.999999Z"),
            ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000000Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"),
        ] {
            let timestamp: Timestamp = text.parse().expect(text);
            assert_eq!(timestamp.to_string(), written);
            assert_eq!(written.parse(), Ok(timestamp));
        }
    }

    #[test]
    fn what_is_not_rfc_3339_is_refused() {
        for text in [
            "",
            "now",
            "2026-11-24",
            "2026-11-24T13:06:22",
            "2026-11-24 13:06:22Z",
            "2026-11-24T13:06Z",
            "2026-13-24T13:06:22Z",
            "2026-02-30T13:06:22Z",
            "2026-11-24T25:06:22Z",
            "1764000000",
            "+002026-11-24T13:06:22Z",
            "2026-11-24T13:06:22Z[UTC]",
            "2026-11-24T13:06:22,5Z",
            "２０２６-11-24T13:06:22Z",
            "10000-01-01T00:00:00Z",
            "0000-12-31T23:59:59Z",
        ] {
            assert_eq!(text.parse::<Timestamp>(), Err(TimestampError), "{text}");
        }
    }
}

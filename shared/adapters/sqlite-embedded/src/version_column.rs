/// The version as a signed integer, the only kind that SQLite has. No stream comes near the limit. Beyond the limit, a
/// search finds nothing.
pub(crate) fn version_to_column(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}

/// SQLite's integers are signed. No stream comes near the limit, and past it nothing is found.
pub(crate) fn version_to_column(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}

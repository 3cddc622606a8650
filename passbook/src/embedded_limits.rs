use std::time::Duration;

use restore::RestoreLimits;

/// The limits of a restore on the embedded stack. Its pages are short (some tens of milliseconds), with a pause after
/// each, so that the bus can work in between.
pub(crate) const EMBEDDED_LIMITS: RestoreLimits = RestoreLimits {
    readers: 4,
    page_commits: 1_000,
    range_commits: 50_000,
    pause_between_pages: Duration::from_millis(5),
    lease: Duration::from_secs(15),
    is_forced: false,
};

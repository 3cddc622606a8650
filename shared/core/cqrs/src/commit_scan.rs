use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{Commit, ReadError, StreamId};

/// A commit's place in the order of a scan: by stream, and within one by version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CommitPlace {
    /// Its stream.
    pub stream_id: StreamId,
    /// The version that it starts at.
    pub first_version: u64,
}

/// Neighbouring streams, in the order of their ids.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamRange {
    /// The first stream in it; none where it reaches back to the very first.
    pub from: Option<StreamId>,
    /// The first stream behind it; none where it reaches to the very last.
    pub before: Option<StreamId>,
}

/// What a scan found in one place.
#[derive(Debug)]
pub struct ScannedCommit {
    /// Where.
    pub place: CommitPlace,
    /// The commit, or why it cannot be read: one that is damaged must not hide those behind it.
    pub commit: Result<Commit, ReadError>,
    /// What the store holds beside the commit, so that no hash covers it, and what does not fit the commit: a last
    /// version that is not its events', a member that nobody writes. Each in a few words; none in a sound store.
    pub misfits: Vec<String>,
}

/// How much an event store holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EventStoreSize {
    /// Commits, those included that have no place in a scan.
    pub commits: u64,
    /// Events, as the commits' versions say.
    pub events: u64,
}

/// Port: reads all of an event store, stream after stream, in pages: for who rebuilds or verifies what was made of it.
/// Its adapters pass one suite of contract tests.
///
/// A scan is no snapshot. A commit that is appended meanwhile may be seen or not; whatever was there when the scan
/// began is seen once and in its place.
#[async_trait]
pub trait CommitScan: Send + Sync {
    /// Up to `limit` commits of this range, those behind `after` where it is given. Fewer than `limit`, which is at
    /// least 1, only at the range's end.
    async fn scan(
        &self,
        range: StreamRange,
        after: Option<CommitPlace>,
        limit: u32,
    ) -> Result<Vec<ScannedCommit>, ReadError>;

    /// Up to so many ranges that hold about as much each, do not overlap, and together leave nothing out; in order.
    async fn split(&self, parts: u32) -> Result<Vec<StreamRange>, ReadError>;

    /// How much there is. Reads all of it, so it takes its time.
    async fn size(&self) -> Result<EventStoreSize, ReadError>;

    /// Whether there is a commit of any of these types of aggregate. A store in which such a commit is not found in time answers that
    /// there is one.
    async fn has_commit_of(&self, aggregate_types: &[&str]) -> Result<bool, ReadError>;

    /// What lies among the commits and has no place in the order, since its stream's id or its version is none: up to
    /// `limit` of it, each in a few words. Only damage from outside can make one.
    async fn misplaced(&self, limit: u32) -> Result<Vec<String>, ReadError>;
}

impl StreamRange {
    /// This one stream alone.
    #[must_use]
    pub fn of_stream(stream_id: StreamId) -> Self {
        let next = stream_id.0.as_u128().checked_add(1).map(|id| StreamId(uuid::Uuid::from_u128(id)));
        Self { from: Some(stream_id), before: next }
    }

    /// The ranges between these streams, each of which begins one.
    #[must_use]
    pub fn between(mut first_streams: Vec<StreamId>) -> Vec<Self> {
        first_streams.sort_unstable();
        first_streams.dedup();
        let begins = std::iter::once(None).chain(first_streams.iter().copied().map(Some));
        let ends = first_streams.iter().copied().map(Some).chain(std::iter::once(None));
        begins.zip(ends).map(|(from, before)| Self { from, before }).collect()
    }

    /// The ranges that these streams, taken evenly from all that there is, cut it into: up to so many.
    #[must_use]
    pub fn from_samples(mut samples: Vec<StreamId>, parts: u32) -> Vec<Self> {
        let parts = usize::try_from(parts).unwrap_or(usize::MAX).max(1);
        samples.sort_unstable();
        let cuts = (1..parts).filter_map(|part| samples.get(part * samples.len() / parts).copied()).collect();
        Self::between(cuts)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn stream(number: u128) -> StreamId {
        StreamId(Uuid::from_u128(number))
    }

    #[test]
    fn ranges_leave_nothing_out_and_do_not_overlap() {
        for samples in [vec![], vec![stream(5)], vec![stream(5); 9], (1..=100).map(stream).rev().collect()] {
            for parts in [0, 1, 2, 3, 7, 1_000] {
                let ranges = StreamRange::from_samples(samples.clone(), parts);
                assert!(ranges.len() <= parts.max(1) as usize, "{ranges:?}");
                assert_eq!(ranges.first().and_then(|range| range.from), None);
                assert_eq!(ranges.last().and_then(|range| range.before), None);
                for neighbours in ranges.windows(2) {
                    assert_eq!(neighbours[0].before, neighbours[1].from);
                    assert!(neighbours[0].from < neighbours[0].before, "{ranges:?}");
                }
            }
        }
    }

    #[test]
    fn many_samples_make_ranges_of_about_the_same_size() {
        let ranges = StreamRange::from_samples((0..100).map(stream).collect(), 4);
        let firsts: Vec<_> = ranges.iter().filter_map(|range| range.from).collect();
        assert_eq!(firsts, [stream(25), stream(50), stream(75)]);
    }

    #[test]
    fn the_last_of_all_ids_has_a_range_too() {
        assert_eq!(StreamRange::of_stream(StreamId(Uuid::max())).before, None);
        assert_eq!(StreamRange::of_stream(stream(7)), StreamRange { from: Some(stream(7)), before: Some(stream(8)) });
    }
}

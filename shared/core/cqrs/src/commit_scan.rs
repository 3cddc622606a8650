use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{Commit, ReadError, StreamId};

/// A commit's place in the order of a scan: by stream, and within a stream by version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CommitPlace {
    /// The commit's stream.
    pub stream_id: StreamId,
    /// The version of the commit's first event.
    pub first_version: u64,
}

/// Neighbouring streams, in the order of their ids.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamRange {
    /// The first stream of the range; `None` if the range starts with the very first stream.
    pub from: Option<StreamId>,
    /// The first stream after the range; `None` if the range ends with the very last stream.
    pub before: Option<StreamId>,
}

/// The entry that a scan found in one place.
#[derive(Debug)]
pub struct ScannedCommit {
    /// The commit's place.
    pub place: CommitPlace,
    /// The commit, or the reason why it cannot be read. A damaged commit must not hide the commits after it.
    pub commit: Result<Commit, ReadError>,
    /// Faults of the stored entry that no hash covers, each in a few words. Examples are a last version that differs
    /// from that of the events, or a member that no program writes. A sound store has none.
    pub misfits: Vec<String>,
}

/// The number of commits and events in an event store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EventStoreSize {
    /// The number of commits, including those that have no place in a scan.
    pub commits: u64,
    /// The number of events, according to the commits' versions.
    pub events: u64,
}

/// Port: reads all of an event store, stream after stream, in pages. A restore and a verification read through it. Its
/// adapters pass one suite of contract tests.
///
/// A scan is not a snapshot. A commit that is appended meanwhile may be seen or not. Each commit that was there when
/// the scan began is seen once and in its place.
#[async_trait]
pub trait CommitScan: Send + Sync {
    /// Up to `limit` commits of this range. They come after the place `after`, if it is given. `limit` is at least 1.
    /// Fewer commits are given only at the range's end.
    async fn scan(
        &self,
        range: StreamRange,
        after: Option<CommitPlace>,
        limit: u32,
    ) -> Result<Vec<ScannedCommit>, ReadError>;

    /// Up to `parts` ranges, in order, that hold about the same number of commits each. They do not overlap, and
    /// together they cover all streams.
    async fn split(&self, parts: u32) -> Result<Vec<StreamRange>, ReadError>;

    /// The size of the store. This reads the whole store, so it takes time.
    async fn size(&self) -> Result<EventStoreSize, ReadError>;

    /// Whether there is a commit of any of these types of aggregate. If the store finds no such commit in time, it
    /// answers that there is one.
    async fn has_commit_of(&self, aggregate_types: &[&str]) -> Result<bool, ReadError>;

    /// Entries among the commits that have no place in the order, because their stream's id or version is unreadable.
    /// The answer names up to `limit` of them, each in a few words. Only damage from outside can cause such an entry.
    async fn misplaced(&self, limit: u32) -> Result<Vec<String>, ReadError>;
}

impl StreamRange {
    /// The range of this one stream.
    #[must_use]
    pub fn of_stream(stream_id: StreamId) -> Self {
        let next = stream_id.0.as_u128().checked_add(1).map(|id| StreamId(uuid::Uuid::from_u128(id)));
        Self { from: Some(stream_id), before: next }
    }

    /// The ranges between these streams. Each stream begins a range.
    #[must_use]
    pub fn between(mut first_streams: Vec<StreamId>) -> Vec<Self> {
        first_streams.sort_unstable();
        first_streams.dedup();
        let begins = std::iter::once(None).chain(first_streams.iter().copied().map(Some));
        let ends = first_streams.iter().copied().map(Some).chain(std::iter::once(None));
        begins.zip(ends).map(|(from, before)| Self { from, before }).collect()
    }

    /// The ranges that result from cutting the store at these streams. The streams are samples, taken evenly from the
    /// whole store. There are at most `parts` ranges.
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

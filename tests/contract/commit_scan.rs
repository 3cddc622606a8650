use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use cqrs::{Commit, CommitPlace, CommitScan, EventStoreRepository, EventStoreSize, StreamId, StreamRange};
use uuid::Uuid;

use super::commits::StreamEnd;
use super::dice::Dice;

/// The subject of this suite: one store of an adapter, empty at first.
#[async_trait]
pub trait ScanUnderTest: Send + Sync {
    /// Opens the store for a writer that appends, and for a reader that scans.
    async fn open_both(&self) -> (Arc<dyn EventStoreRepository>, Arc<dyn CommitScan>);
}

/// Makes one test of each case, on the store that the expression gives.
macro_rules! commit_scan_suite {
    ($new_store:expr) => {
        $crate::contract::commit_scan::commit_scan_suite! { $new_store;
            a_scan_in_pages_of_any_size_gives_every_commit_once_and_in_order
            a_range_holds_its_streams_and_no_others
            a_store_is_split_into_ranges_that_leave_nothing_out
            an_empty_store_has_nothing_to_scan
        }
    };
    ($new_store:expr; $($case:ident)*) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            $crate::contract::commit_scan::$case(&$new_store).await;
        }
    )* };
}
pub(crate) use commit_scan_suite;

/// Some 60 streams of 1 to 12 commits of 1 to 3 events, with ids from the whole range, appended in turns.
async fn fill(store: &dyn EventStoreRepository) -> BTreeMap<CommitPlace, Commit> {
    let mut dice = Dice::seeded(7);
    let edges = [Uuid::nil(), Uuid::max(), Uuid::from_u128(1), Uuid::from_u128(u128::MAX - 1)];
    let ids = edges.into_iter().chain((0..28).map(|_| Uuid::now_v7())).chain((0..28).map(|_| Uuid::new_v4()));
    let mut ends: Vec<StreamEnd> = ids.map(|id| StreamEnd::of_empty(StreamId(id))).collect();
    let mut commits = BTreeMap::new();
    for round in 0..12 {
        for end in &mut ends {
            if round == 0 || dice.once_in(2) {
                let commit = end.push(u64::try_from(dice.amount_up_to(3)).expect("small"));
                store.append(&commit).await.expect("appends");
                commits.insert(place(&commit), commit);
            }
        }
    }
    commits
}

fn place(commit: &Commit) -> CommitPlace {
    CommitPlace { stream_id: commit.draft.stream_id, first_version: commit.draft.first_version }
}

async fn scanned(scan: &dyn CommitScan, range: StreamRange, page_size: u32) -> Vec<Commit> {
    let mut commits: Vec<Commit> = Vec::new();
    loop {
        let page = scan.scan(range, commits.last().map(place), page_size).await.expect("scans");
        let is_last = page.len() < page_size as usize;
        for found in page {
            let commit = found.commit.expect("undamaged");
            assert_eq!(place(&commit), found.place);
            commits.push(commit);
        }
        if is_last {
            return commits;
        }
    }
}

pub async fn a_scan_in_pages_of_any_size_gives_every_commit_once_and_in_order(under_test: &dyn ScanUnderTest) {
    let (store, scan) = under_test.open_both().await;
    let expected: Vec<Commit> = fill(&*store).await.into_values().collect();
    for page_size in [1, 2, 97, 10_000] {
        let found = scanned(&*scan, StreamRange::default(), page_size).await;
        assert!(found == expected, "pages of {page_size}: {} of {}", found.len(), expected.len());
    }
    let events = expected.iter().map(|commit| commit.draft.events.len() as u64).sum();
    assert_eq!(scan.size().await.expect("counts"), EventStoreSize { commits: expected.len() as u64, events });
    assert_eq!(scan.misplaced(10).await.expect("looks"), Vec::<String>::new());
}

pub async fn a_range_holds_its_streams_and_no_others(under_test: &dyn ScanUnderTest) {
    let (store, scan) = under_test.open_both().await;
    let commits = fill(&*store).await;
    let streams: Vec<StreamId> = commits.keys().map(|place| place.stream_id).collect();
    for stream_id in [streams[0], streams[streams.len() / 2], streams[streams.len() - 1]] {
        let expected: Vec<Commit> =
            commits.values().filter(|commit| commit.draft.stream_id == stream_id).cloned().collect();
        assert_eq!(scanned(&*scan, StreamRange::of_stream(stream_id), 5).await, expected);
    }
    let (from, before) = (streams[streams.len() / 3], streams[streams.len() / 2]);
    let expected: Vec<Commit> =
        commits.values().filter(|commit| (from..before).contains(&commit.draft.stream_id)).cloned().collect();
    assert!(!expected.is_empty());
    assert_eq!(scanned(&*scan, StreamRange { from: Some(from), before: Some(before) }, 5).await, expected);
    assert_eq!(scanned(&*scan, StreamRange::of_stream(StreamId(Uuid::new_v4())), 5).await, []);
}

pub async fn a_store_is_split_into_ranges_that_leave_nothing_out(under_test: &dyn ScanUnderTest) {
    let (store, scan) = under_test.open_both().await;
    let expected: Vec<Commit> = fill(&*store).await.into_values().collect();
    for parts in [1, 4] {
        let ranges = scan.split(parts).await.expect("splits");
        assert!(ranges.len() <= parts as usize && !ranges.is_empty(), "{ranges:?}");
        let mut found = Vec::new();
        for range in ranges {
            found.extend(scanned(&*scan, range, 50).await);
        }
        assert!(found == expected, "{parts} parts: {} of {}", found.len(), expected.len());
    }
    assert!(scan.split(4).await.expect("splits").len() > 1, "nothing to read side by side");
}

pub async fn an_empty_store_has_nothing_to_scan(under_test: &dyn ScanUnderTest) {
    let (_, scan) = under_test.open_both().await;
    assert_eq!(scanned(&*scan, StreamRange::default(), 10).await, []);
    assert_eq!(scan.split(8).await.expect("splits"), [StreamRange::default()]);
    assert_eq!(scan.size().await.expect("counts"), EventStoreSize::default());
}

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use cqrs::{AppendError, Commit, CommitDraft, EventStoreRepository, RecordedEvent, RunOutcome, StreamId, Timestamp};
use futures::future::join_all;
use serde_json::json;
use uuid::Uuid;

use super::commits::{StreamEnd, counted, idempotency, recorded};

/// The subject of this suite: one store of an adapter, empty at first.
#[async_trait]
pub trait EventStoreUnderTest: Send + Sync {
    /// Opens the store, as a further process would.
    async fn open(&self) -> Arc<dyn EventStoreRepository>;

    /// Ends all processes that have the store open.
    async fn close_all(&self);
}

/// Makes one test of each case, on the store that the expression gives.
macro_rules! event_store_suite {
    ($new_store:expr) => {
        $crate::contract::event_store::event_store_suite! { $new_store;
            a_commit_is_given_back_as_it_was_appended
            a_commit_of_200_events_and_100_kb_is_given_back_as_it_was_appended
            what_was_appended_is_there_after_every_process_has_ended
            of_32_writers_of_one_version_exactly_one_gets_in
            of_32_writers_of_one_idempotency_key_exactly_one_gets_in
            of_32_tries_of_one_request_exactly_one_gets_in
            a_stream_takes_an_idempotency_key_once
            two_streams_may_take_the_same_idempotency_key
            a_commit_that_did_not_get_in_leaves_nothing_behind
            a_commit_is_found_by_its_idempotency_key_and_in_its_own_stream_only
            commits_from_the_first_version_are_the_whole_stream_in_order
            commits_from_within_a_commit_begin_with_that_commit
            commits_from_beyond_the_end_are_none
            no_more_commits_are_given_than_asked_for
            pages_over_1500_commits_hold_each_of_them_once_and_in_order
            a_stream_that_nobody_wrote_to_has_no_commits
            writers_of_200_streams_at_once_lose_nothing
            two_processes_at_once_lose_nothing_and_see_each_others_commits
            runs_of_many_streams_are_stored_together_and_in_order
            of_runs_with_a_taken_version_and_a_taken_key_only_those_two_end_early
            a_run_that_was_refused_at_its_first_commit_leaves_no_gap_behind
            commits_of_several_streams_are_stored_together
            of_commits_together_none_is_stored_if_one_version_is_taken
            of_commits_together_none_is_stored_if_one_idempotency_key_is_taken
            of_32_writers_of_overlapping_streams_each_stores_all_or_nothing
            commits_together_cross_many_times_and_none_waits_for_ever
            a_store_that_is_there_answers_a_ping
        }
    };
    ($new_store:expr; $($case:ident)*) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            $crate::contract::event_store::$case(&$new_store).await;
        }
    )* };
}
pub(crate) use event_store_suite;

pub async fn a_commit_is_given_back_as_it_was_appended(under_test: &dyn EventStoreUnderTest) {
    let store = under_test.open().await;
    let plain = StreamEnd::of_new_stream().draft(counted(1));
    let second = StreamEnd::after(&appended(&*store, &StreamEnd::of_new_stream().draft(counted(3))).await);
    for draft in [
        plain.clone(),
        CommitDraft { idempotency: Some(idempotency("a key")), ..new_stream(&plain) },
        CommitDraft { events: counted(7), ..new_stream(&plain) },
        second.draft(counted(2)),
        CommitDraft { occurred_at: "0001-01-01T00:00:00Z".parse().expect("a time"), ..new_stream(&plain) },
        CommitDraft { occurred_at: "1969-12-31T23:59:59.999999Z".parse().expect("a time"), ..new_stream(&plain) },
        CommitDraft { occurred_at: "9999-12-31T23:59:59.999999Z".parse().expect("a time"), ..new_stream(&plain) },
        CommitDraft { occurred_at: Timestamp::now(), ..new_stream(&plain) },
        CommitDraft {
            // The text has two ways to write é, an emoji of several code points, and text from right to left. It also
            // has each kind of quote, a text that looks like the end of a string, and the one character that C cannot
            // hold.
            caller: "Ann L\u{e9}e, Ann Le\u{301}e, 李安, 👩‍👩‍👧, עברית, 'a' \"b\" `c` \\ %s ? $1 \0 end".to_owned(),
            correlation_id: String::new(),
            causation_id: " blanks stay ".to_owned(),
            ..new_stream(&plain)
        },
        CommitDraft { events: vec![recorded(any_json()), recorded(json!(null))], ..new_stream(&plain) },
        CommitDraft { state: cqrs::RecordedState { state_version: u32::MAX, data: any_json() }, ..new_stream(&plain) },
    ] {
        let commit = appended(&*store, &draft).await;
        assert_eq!(last(&*store, commit.draft.stream_id).await.as_ref(), Some(&commit));
        let from = commits_from(&*store, commit.draft.stream_id, draft.first_version, 10).await;
        assert_eq!(from, std::slice::from_ref(&commit));
        if let Some(idempotency) = draft.idempotency {
            let found = store.commit_by_idempotency_key(commit.draft.stream_id, &idempotency.key).await;
            assert_eq!(found.expect("reads"), Some(commit.clone()));
        }
        // The commit that comes back must be exactly the hashed commit, and not only a similar one.
        let read = last(&*store, commit.draft.stream_id).await.expect("a commit");
        assert_eq!(read.draft.hash(), read.hash);
    }
}

pub async fn a_commit_of_200_events_and_100_kb_is_given_back_as_it_was_appended(under_test: &dyn EventStoreUnderTest) {
    let store = under_test.open().await;
    let events: Vec<RecordedEvent> =
        (0..200).map(|number| recorded(json!({ "number": number, "text": "é".repeat(256) }))).collect();
    let mut end = StreamEnd::of_new_stream();
    let commit = appended(&*store, &end.draft(events)).await;
    assert!(serde_json::to_string(&commit).expect("JSON").len() > 100_000);
    assert_eq!(last(&*store, end.stream_id).await.as_ref(), Some(&commit));
    end = StreamEnd::after(&commit);
    let next = end.push(1);
    assert_eq!(next.draft.first_version, 201);
    store.append(&next).await.expect("the next version is free");
    assert_eq!(commits_from(&*store, end.stream_id, 200, 10).await, [commit, next]);
}

pub async fn what_was_appended_is_there_after_every_process_has_ended(under_test: &dyn EventStoreUnderTest) {
    let store = under_test.open().await;
    let mut end = StreamEnd::of_new_stream();
    let keyed = CommitDraft { idempotency: Some(idempotency("a key")), ..end.draft(counted(2)) };
    let mut commits = vec![appended(&*store, &keyed).await];
    end = StreamEnd::after(&commits[0]);
    for _ in 0..20 {
        commits.push(end.push(1));
        store.append(commits.last().expect("just pushed")).await.expect("appends");
    }
    drop(store);
    under_test.close_all().await;

    let store = under_test.open().await;
    assert_eq!(commits_from(&*store, end.stream_id, 1, 100).await, commits);
    // The guards against a second use of a version and of a key still work, too.
    let again = store.append(&commits[20]).await;
    assert!(matches!(again, Err(AppendError::VersionTaken { .. })), "{again:?}");
    let key_again = CommitDraft { idempotency: keyed.idempotency, ..end.draft(counted(1)) };
    assert_key_taken(&store.append(&key_again.seal()).await, end.stream_id);
    store.append(&end.push(1)).await.expect("the next version is free");
}

pub async fn of_32_writers_of_one_version_exactly_one_gets_in(under_test: &dyn EventStoreUnderTest) {
    let store = under_test.open().await;
    let mut end = StreamEnd::of_new_stream();
    // A stream's first version and a later version may have different guards.
    for _ in 0..3 {
        let rivals: Vec<Commit> = (0..32).map(|_| end.draft(counted(1)).seal()).collect();
        let results = append_at_once(&store, &rivals).await;
        let winner = only_winner(&rivals, &results);
        for result in results.iter().filter(|result| result.is_err()) {
            match result {
                Err(AppendError::VersionTaken { stream_id, first_version }) => {
                    assert_eq!((*stream_id, *first_version), (end.stream_id, winner.draft.first_version));
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(last(&*store, end.stream_id).await.as_ref(), Some(winner));
        end = StreamEnd::after(winner);
    }
    assert_eq!(commits_from(&*store, end.stream_id, 1, 100).await.len(), 3);
}

pub async fn of_32_writers_of_one_idempotency_key_exactly_one_gets_in(under_test: &dyn EventStoreUnderTest) {
    let store = under_test.open().await;
    // Each has a version of its own, so that only the key can refuse it.
    let mut end = StreamEnd::of_new_stream();
    let mut rivals = Vec::new();
    for _ in 0..32 {
        let rival = CommitDraft { idempotency: Some(idempotency("a key")), ..end.draft(counted(1)) }.seal();
        end = StreamEnd::after(&rival);
        rivals.push(rival);
    }
    let results = append_at_once(&store, &rivals).await;
    let winner = only_winner(&rivals, &results);
    for result in results.iter().filter(|result| result.is_err()) {
        assert_key_taken(result, end.stream_id);
    }
    assert_eq!(commits_from(&*store, end.stream_id, 1, 100).await, std::slice::from_ref(winner));
}

pub async fn of_32_tries_of_one_request_exactly_one_gets_in(under_test: &dyn EventStoreUnderTest) {
    let store = under_test.open().await;
    let end = StreamEnd::of_new_stream();
    let tries: Vec<Commit> = (0..32)
        .map(|_| CommitDraft { idempotency: Some(idempotency("a key")), ..end.draft(counted(1)) }.seal())
        .collect();
    let results = append_at_once(&store, &tries).await;
    let winner = only_winner(&tries, &results);
    // Both the version and the key are taken, and either error may be given.
    let is_either = |result: &Result<(), AppendError>| {
        matches!(result, Err(AppendError::VersionTaken { .. } | AppendError::IdempotencyKeyTaken { .. }))
    };
    assert_eq!(results.iter().filter(|result| is_either(result)).count(), 31, "{results:?}");
    let key = idempotency("a key").key;
    let found = store.commit_by_idempotency_key(end.stream_id, &key).await.expect("reads");
    assert_eq!(found.as_ref(), Some(winner));
}

pub async fn a_stream_takes_an_idempotency_key_once(under_test: &dyn EventStoreUnderTest) {
    let store = under_test.open().await;
    let first = CommitDraft { idempotency: Some(idempotency("a key")), ..StreamEnd::of_new_stream().draft(counted(1)) };
    let mut end = StreamEnd::after(&appended(&*store, &first).await);
    for _ in 0..5 {
        store.append(&end.push(1)).await.expect("without a key there is nothing to take");
    }
    let same_key = CommitDraft { idempotency: first.idempotency, ..end.draft(counted(1)) };
    assert_key_taken(&store.append(&same_key.seal()).await, end.stream_id);
    // The key decides, and not the request that came with it.
    let mut other_request = idempotency("another key");
    other_request.key = idempotency("a key").key;
    let same_key = CommitDraft { idempotency: Some(other_request), ..end.draft(counted(1)) };
    assert_key_taken(&store.append(&same_key.seal()).await, end.stream_id);
    let another_key = CommitDraft { idempotency: Some(idempotency("another key")), ..end.draft(counted(1)) };
    appended(&*store, &another_key).await;
}

pub async fn two_streams_may_take_the_same_idempotency_key(under_test: &dyn EventStoreUnderTest) {
    let store = under_test.open().await;
    let key = idempotency("a key");
    for _ in 0..3 {
        let draft = CommitDraft { idempotency: Some(key), ..StreamEnd::of_new_stream().draft(counted(1)) };
        let commit = appended(&*store, &draft).await;
        let found = store.commit_by_idempotency_key(draft.stream_id, &key.key).await.expect("reads");
        assert_eq!(found, Some(commit));
    }
}

pub async fn a_commit_that_did_not_get_in_leaves_nothing_behind(under_test: &dyn EventStoreUnderTest) {
    let store = under_test.open().await;
    let founding = StreamEnd::of_new_stream();
    let first = CommitDraft { idempotency: Some(idempotency("a key")), ..founding.draft(counted(1)) };
    let first = appended(&*store, &first).await;
    let end = StreamEnd::after(&first);

    let late = CommitDraft { idempotency: Some(idempotency("a late key")), ..founding.draft(counted(4)) }.seal();
    let result = store.append(&late).await;
    assert!(matches!(result, Err(AppendError::VersionTaken { .. })), "{result:?}");
    let repeated = CommitDraft { idempotency: first.draft.idempotency, ..end.draft(counted(4)) }.seal();
    assert_key_taken(&store.append(&repeated).await, end.stream_id);

    assert_eq!(commits_from(&*store, end.stream_id, 1, 100).await, [first]);
    let late_key = idempotency("a late key").key;
    assert_eq!(store.commit_by_idempotency_key(end.stream_id, &late_key).await.expect("reads"), None);
    // A refusal takes neither the refused version nor the refused key.
    let next = CommitDraft { idempotency: Some(idempotency("a late key")), ..end.draft(counted(1)) };
    appended(&*store, &next).await;
}

pub async fn a_commit_is_found_by_its_idempotency_key_and_in_its_own_stream_only(under_test: &dyn EventStoreUnderTest) {
    let store = under_test.open().await;
    let mut end = StreamEnd::of_new_stream();
    let mut keyed = Vec::new();
    for number in 0..5 {
        let draft = CommitDraft { idempotency: Some(idempotency(&format!("key {number}"))), ..end.draft(counted(2)) };
        keyed.push(appended(&*store, &draft).await);
        end = StreamEnd::after(&keyed[number]);
        store.append(&end.push(1)).await.expect("appends");
    }
    let other = appended(&*store, &StreamEnd::of_new_stream().draft(counted(1))).await;
    for commit in &keyed {
        let key = commit.draft.idempotency.expect("a key").key;
        let find = |stream_id| store.commit_by_idempotency_key(stream_id, &key);
        assert_eq!(find(end.stream_id).await.expect("reads").as_ref(), Some(commit));
        assert_eq!(find(other.draft.stream_id).await.expect("reads"), None);
        assert_eq!(find(StreamId(Uuid::now_v7())).await.expect("reads"), None);
    }
    let nobodys_key = idempotency("nobody's key").key;
    assert_eq!(store.commit_by_idempotency_key(end.stream_id, &nobodys_key).await.expect("reads"), None);
}

pub async fn commits_from_the_first_version_are_the_whole_stream_in_order(under_test: &dyn EventStoreUnderTest) {
    let store = under_test.open().await;
    let (mut end, mut other) = (StreamEnd::of_new_stream(), StreamEnd::of_new_stream());
    let mut commits = Vec::new();
    // There are more than 10, so that an order of versions as texts would show.
    for number in 0..25 {
        commits.push(end.push(1 + number % 3));
        store.append(commits.last().expect("just pushed")).await.expect("appends");
        store.append(&other.push(1)).await.expect("appends");
    }
    assert_eq!(commits_from(&*store, end.stream_id, 1, 100).await, commits);
    assert_eq!(commits_from(&*store, end.stream_id, 0, 100).await, commits);
}

pub async fn commits_from_within_a_commit_begin_with_that_commit(under_test: &dyn EventStoreUnderTest) {
    let store = under_test.open().await;
    let mut end = StreamEnd::of_new_stream();
    let mut commits = Vec::new();
    for number_of_events in [3, 1, 12, 2] {
        commits.push(end.push(number_of_events));
        store.append(commits.last().expect("just pushed")).await.expect("appends");
    }
    for from_version in 1..=18 {
        let holds_it = |commit: &&Commit| commit.last_version() >= from_version;
        let expected: Vec<Commit> = commits.iter().filter(holds_it).cloned().collect();
        assert_eq!(commits_from(&*store, end.stream_id, from_version, 100).await, expected, "from {from_version}");
        assert_eq!(commits_from(&*store, end.stream_id, from_version, 1).await, expected[..1], "from {from_version}");
    }
}

pub async fn commits_from_beyond_the_end_are_none(under_test: &dyn EventStoreUnderTest) {
    let store = under_test.open().await;
    let mut end = StreamEnd::of_new_stream();
    store.append(&end.push(3)).await.expect("appends");
    store.append(&end.push(2)).await.expect("appends");
    for from_version in [6, 7, 1_000_000, u64::MAX] {
        assert_eq!(commits_from(&*store, end.stream_id, from_version, 100).await, [], "from {from_version}");
    }
}

pub async fn no_more_commits_are_given_than_asked_for(under_test: &dyn EventStoreUnderTest) {
    let store = under_test.open().await;
    let mut end = StreamEnd::of_new_stream();
    let commits: Vec<Commit> = (0..10).map(|_| end.push(2)).collect();
    for commit in &commits {
        store.append(commit).await.expect("appends");
    }
    // The limit counts commits, not events. A limit of 0 is allowed, and does not mean "no limit".
    for limit in [0, 1, 2, 9, 10] {
        let expected = &commits[..usize::try_from(limit).expect("small")];
        assert_eq!(commits_from(&*store, end.stream_id, 1, limit).await, expected, "limit {limit}");
    }
    assert_eq!(commits_from(&*store, end.stream_id, 1, u32::MAX).await, commits);
    assert_eq!(commits_from(&*store, end.stream_id, 6, 3).await, commits[2..5]);
}

pub async fn pages_over_1500_commits_hold_each_of_them_once_and_in_order(under_test: &dyn EventStoreUnderTest) {
    let store = under_test.open().await;
    let mut end = StreamEnd::of_new_stream();
    let commits: Vec<Commit> = (0..1_500).map(|number| end.push(1 + number % 3)).collect();
    for commit in &commits {
        store.append(commit).await.expect("appends");
    }
    for page_size in [500, 499] {
        let mut read: Vec<Commit> = Vec::new();
        loop {
            let from_version = read.last().map_or(1, |commit| commit.last_version() + 1);
            let page = commits_from(&*store, end.stream_id, from_version, page_size).await;
            if page.is_empty() {
                break;
            }
            assert_eq!(page[0].draft.first_version, from_version);
            read.extend(page);
        }
        assert!(read == commits, "pages of {page_size}: {} commits read", read.len());
    }
    assert_eq!(last(&*store, end.stream_id).await.as_ref(), commits.last());
}

pub async fn a_stream_that_nobody_wrote_to_has_no_commits(under_test: &dyn EventStoreUnderTest) {
    let store = under_test.open().await;
    // The case runs once in an empty store, and once beside another stream.
    for _ in 0..2 {
        for stream_id in [StreamId(Uuid::now_v7()), StreamId(Uuid::nil()), StreamId(Uuid::max())] {
            assert_eq!(last(&*store, stream_id).await, None);
            assert_eq!(commits_from(&*store, stream_id, 1, 100).await, []);
            let found = store.commit_by_idempotency_key(stream_id, &idempotency("a key").key).await;
            assert_eq!(found.expect("reads"), None);
        }
        store.append(&StreamEnd::of_new_stream().push(1)).await.expect("appends");
    }
}

pub async fn writers_of_200_streams_at_once_lose_nothing(under_test: &dyn EventStoreUnderTest) {
    const WRITERS: usize = 3;
    const COMMITS_PER_WRITER: usize = 2;
    let store = under_test.open().await;
    let streams: Vec<StreamId> = (0..200).map(|_| StreamId(Uuid::now_v7())).collect();
    let writers = streams.iter().flat_map(|stream_id| (0..WRITERS).map(move |writer| (*stream_id, writer)));
    join_all(writers.map(|(stream_id, writer)| {
        let store = Arc::clone(&store);
        spawned(
            async move { keep_appending(&*store, stream_id, &format!("writer {writer}"), COMMITS_PER_WRITER).await },
        )
    }))
    .await;
    for stream_id in streams {
        let writers: Vec<String> =
            whole_chain(&*store, stream_id).await.into_iter().map(|commit| commit.caller).collect();
        assert_eq!(writers.len(), WRITERS * COMMITS_PER_WRITER);
        for writer in 0..WRITERS {
            let its_own = writers.iter().filter(|name| **name == format!("writer {writer}")).count();
            assert_eq!(its_own, COMMITS_PER_WRITER);
        }
    }
}

pub async fn two_processes_at_once_lose_nothing_and_see_each_others_commits(under_test: &dyn EventStoreUnderTest) {
    let stores = [under_test.open().await, under_test.open().await];
    let shared = StreamId(Uuid::now_v7());
    let own = [StreamId(Uuid::now_v7()), StreamId(Uuid::now_v7())];
    join_all(stores.iter().zip(own).map(|(store, own)| {
        let store = Arc::clone(store);
        spawned(async move {
            for _ in 0..20 {
                keep_appending(&*store, shared, &own.to_string(), 1).await;
                keep_appending(&*store, own, &own.to_string(), 1).await;
            }
        })
    }))
    .await;
    for store in &stores {
        let in_shared = whole_chain(&**store, shared).await;
        assert_eq!(in_shared.len(), 40);
        for stream_id in own {
            assert_eq!(in_shared.iter().filter(|commit| commit.caller == stream_id.to_string()).count(), 20);
            assert_eq!(whole_chain(&**store, stream_id).await.len(), 20);
        }
    }
    // A commit of one process is visible to the other at once.
    let [one, other] = stores;
    let commit = appended(&*one, &StreamEnd::of_new_stream().draft(counted(1))).await;
    assert_eq!(last(&*other, commit.draft.stream_id).await, Some(commit));
}

pub async fn runs_of_many_streams_are_stored_together_and_in_order(under_test: &dyn EventStoreUnderTest) {
    let store = under_test.open().await;
    let runs: Vec<Vec<Commit>> = (1..=20).map(run_of).collect();
    let outcomes = append_runs(&*store, &runs).await;
    assert_eq!(outcomes.len(), runs.len());
    for (run, outcome) in runs.iter().zip(outcomes) {
        assert!(outcome.stopped_by.is_none(), "{outcome:?}");
        assert_eq!(outcome.stored_commits, run.len());
        assert_eq!(commits_from(&*store, run[0].draft.stream_id, 1, 100).await, *run);
    }
    assert!(append_runs(&*store, &[]).await.is_empty());
}

pub async fn of_runs_with_a_taken_version_and_a_taken_key_only_those_two_end_early(
    under_test: &dyn EventStoreUnderTest,
) {
    let store = under_test.open().await;
    let mut runs: Vec<Vec<Commit>> = (1..=9).map(|_| run_of(5)).collect();
    // Another writer was first with the third commit of one run.
    let taken = CommitDraft { caller: "another writer".to_owned(), ..runs[2][2].draft.clone() }.seal();
    store.append(&runs[2][0]).await.expect("appends");
    store.append(&runs[2][1]).await.expect("appends");
    store.append(&taken).await.expect("appends");
    runs[2].drain(..2);
    // The fourth commit of another run has the key of its first commit.
    let key = Some(idempotency("a key"));
    let keyed = CommitDraft { idempotency: key, ..runs[6][0].draft.clone() }.seal();
    runs[6] = vec![keyed.clone()];
    let mut end = StreamEnd::after(&keyed);
    runs[6].extend([end.push(1), end.push(1)]);
    let repeated = CommitDraft { idempotency: key, ..end.draft(counted(1)) }.seal();
    end = StreamEnd::after(&repeated);
    runs[6].extend([repeated, end.push(1)]);

    let outcomes = append_runs(&*store, &runs).await;
    for (place, (run, outcome)) in runs.iter().zip(&outcomes).enumerate() {
        let stream_id = run[0].draft.stream_id;
        let stored = commits_from(&*store, stream_id, 1, 100).await;
        match place {
            2 => {
                assert_eq!(outcome.stored_commits, 0);
                let is_taken = matches!(outcome.stopped_by, Some(AppendError::VersionTaken { first_version: 5, .. }));
                assert!(is_taken, "{outcome:?}");
                assert_eq!(stored.last(), Some(&taken), "nothing follows the commit of the other writer");
            }
            6 => {
                assert_eq!(outcome.stored_commits, 3);
                let is_taken = matches!(outcome.stopped_by, Some(AppendError::IdempotencyKeyTaken { .. }));
                assert!(is_taken, "{outcome:?}");
                assert_eq!(stored, run[..3]);
            }
            _ => {
                assert!(outcome.stopped_by.is_none(), "{outcome:?}");
                assert_eq!((outcome.stored_commits, &stored), (5, run));
            }
        }
    }
}

pub async fn a_run_that_was_refused_at_its_first_commit_leaves_no_gap_behind(under_test: &dyn EventStoreUnderTest) {
    let store = under_test.open().await;
    let run = run_of(3);
    store.append(&run[0]).await.expect("appends");
    let outcomes = append_runs(&*store, std::slice::from_ref(&run)).await;
    assert!(matches!(outcomes[..], [RunOutcome { stored_commits: 0, stopped_by: Some(_) }]), "{outcomes:?}");
    assert_eq!(commits_from(&*store, run[0].draft.stream_id, 1, 100).await, run[..1]);
}

/// The first commits of a new stream.
fn run_of(commits: usize) -> Vec<Commit> {
    let mut end = StreamEnd::of_new_stream();
    (0..commits).map(|_| end.push(2)).collect()
}

async fn append_runs(store: &dyn EventStoreRepository, runs: &[Vec<Commit>]) -> Vec<RunOutcome> {
    let runs: Vec<Vec<&Commit>> = runs.iter().map(|run| run.iter().collect()).collect();
    store.append_runs(&runs).await
}

pub async fn commits_of_several_streams_are_stored_together(under_test: &dyn EventStoreUnderTest) {
    let store = under_test.open().await;
    let mut old = StreamEnd::of_new_stream();
    store.append(&old.push(2)).await.expect("appends");
    let (mut one, mut other) = (StreamEnd::of_new_stream(), StreamEnd::of_new_stream());
    let keyed = CommitDraft { idempotency: Some(idempotency("a key")), ..one.draft(counted(1)) }.seal();
    one = StreamEnd::after(&keyed);
    let commits = [keyed, old.push(3), other.push(1)];
    store.append_together(&commits).await.expect("appends");
    for commit in &commits {
        assert_eq!(last(&*store, commit.draft.stream_id).await.as_ref(), Some(commit));
    }
    let key = idempotency("a key").key;
    let found = store.commit_by_idempotency_key(one.stream_id, &key).await.expect("reads");
    assert_eq!(found.as_ref(), Some(&commits[0]));
    // One stream is a case of several, and each stream goes on as it would alone.
    store.append_together(&[one.push(1)]).await.expect("appends");
    store.append(&old.push(1)).await.expect("appends");
    assert_eq!(whole_chain(&*store, one.stream_id).await.len(), 2);
    assert_eq!(whole_chain(&*store, old.stream_id).await.len(), 3);
}

pub async fn of_commits_together_none_is_stored_if_one_version_is_taken(under_test: &dyn EventStoreUnderTest) {
    let store = under_test.open().await;
    // The taken version is in the first, the second and the third commit in turn.
    for place in 0..3 {
        let mut ends = [StreamEnd::of_new_stream(), StreamEnd::of_new_stream(), StreamEnd::of_new_stream()];
        let late = ends.clone().map(|mut end| end.push(1));
        let winner = ends[place].push(2);
        store.append(&winner).await.expect("appends");
        let result = store.append_together(&late).await;
        assert!(
            matches!(result, Err(AppendError::VersionTaken { stream_id, first_version: 1 })
                if stream_id == winner.draft.stream_id),
            "{place}: {result:?}"
        );
        for (number, commit) in late.iter().enumerate() {
            let stored = last(&*store, commit.draft.stream_id).await;
            assert_eq!(stored, (number == place).then(|| winner.clone()), "{place}");
        }
        // The versions of the others are free.
        let others: Vec<Commit> =
            late.into_iter().filter(|commit| commit.draft.stream_id != winner.draft.stream_id).collect();
        store.append_together(&others).await.expect("appends");
    }
}

pub async fn of_commits_together_none_is_stored_if_one_idempotency_key_is_taken(under_test: &dyn EventStoreUnderTest) {
    let store = under_test.open().await;
    let end = StreamEnd::of_new_stream();
    let first = CommitDraft { idempotency: Some(idempotency("a key")), ..end.draft(counted(1)) };
    let end = StreamEnd::after(&appended(&*store, &first).await);
    let repeated = CommitDraft { idempotency: Some(idempotency("a key")), ..end.draft(counted(1)) }.seal();
    let mut other = StreamEnd::of_new_stream();
    let beside = other.push(1);
    for commits in [[repeated.clone(), beside.clone()], [beside.clone(), repeated]] {
        assert_key_taken(&store.append_together(&commits).await, end.stream_id);
        assert_eq!(last(&*store, beside.draft.stream_id).await, None);
    }
    store.append(&beside).await.expect("its version is free");
}

pub async fn of_32_writers_of_overlapping_streams_each_stores_all_or_nothing(under_test: &dyn EventStoreUnderTest) {
    let store = under_test.open().await;
    let shared: Vec<StreamEnd> = (0..3).map(|_| StreamEnd::of_new_stream()).collect();
    // Each writer has two of the three streams, in either order, and one stream of its own.
    let writes: Vec<Vec<Commit>> = (0..32)
        .map(|writer| {
            let mut commits: Vec<Commit> =
                [writer % 3, (writer + 1 + writer % 2) % 3].map(|place| shared[place].clone().push(1)).to_vec();
            commits.push(StreamEnd::of_new_stream().push(1));
            commits
        })
        .collect();
    let results = join_all(writes.iter().cloned().map(|commits| {
        let store = Arc::clone(&store);
        spawned(async move { store.append_together(&commits).await })
    }))
    .await;
    let mut winners = 0;
    for (commits, result) in writes.iter().zip(&results) {
        match result {
            Ok(()) => winners += 1,
            Err(AppendError::VersionTaken { stream_id, first_version: 1 }) => {
                assert!(commits[..2].iter().any(|commit| commit.draft.stream_id == *stream_id));
            }
            Err(error) => panic!("{error:?}"),
        }
        for commit in commits {
            let is_stored = last(&*store, commit.draft.stream_id).await.as_ref() == Some(commit);
            assert_eq!(is_stored, result.is_ok(), "{result:?}");
        }
    }
    // Any two of the writers share a stream.
    assert_eq!(winners, 1);
}

pub async fn commits_together_cross_many_times_and_none_waits_for_ever(under_test: &dyn EventStoreUnderTest) {
    const TIMES: usize = 200;
    let store = under_test.open().await;
    let streams = [StreamId(Uuid::now_v7()), StreamId(Uuid::now_v7())];
    let writers = [[0, 1], [1, 0]].map(|order| {
        let store = Arc::clone(&store);
        spawned(async move {
            let mut done = 0;
            while done < TIMES {
                let mut commits = Vec::new();
                for place in order {
                    let stream_id = streams[place];
                    let newest = last(&*store, stream_id).await;
                    let mut end = newest.as_ref().map_or(StreamEnd::of_empty(stream_id), StreamEnd::after);
                    commits.push(end.push(1));
                }
                match store.append_together(&commits).await {
                    Ok(()) => done += 1,
                    Err(AppendError::VersionTaken { .. }) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
        })
    });
    let both = tokio::time::timeout(std::time::Duration::from_secs(120), join_all(writers)).await;
    assert!(both.is_ok(), "the writers wait for each other");
    for stream_id in streams {
        let newest = last(&*store, stream_id).await.expect("a commit");
        assert_eq!(newest.last_version(), 2 * TIMES as u64);
    }
}

pub async fn a_store_that_is_there_answers_a_ping(under_test: &dyn EventStoreUnderTest) {
    let store = under_test.open().await;
    store.ping().await.expect("answers while it is empty");
    store.append(&StreamEnd::of_new_stream().push(1)).await.expect("appends");
    store.ping().await.expect("answers");
}

/// The same draft for another stream.
fn new_stream(draft: &CommitDraft) -> CommitDraft {
    CommitDraft { stream_id: StreamId(Uuid::now_v7()), ..draft.clone() }
}

/// Every kind of JSON that a commit may hold. Numbers end at 2^53 - 1, because beyond that not every reader of JSON is
/// exact.
fn any_json() -> serde_json::Value {
    json!({
        "integers": [0, 1, -1, 9_007_199_254_740_991_i64, -9_007_199_254_740_991_i64],
        "texts": ["", " ", "0", "null", "1.50", "é", "\u{1f600}", "\u{0}", "\\u0000", "\"", "2026-11-24T13:06:22Z"],
        "others": [true, false, null, [], {}, [[], [{}]]],
        "names": { "": 1, "a.b": 2, "$set": 3, "_id": 4, "é": 5, "a\"b": 6, "A": 7, "a": 8 },
    })
}

async fn appended(store: &dyn EventStoreRepository, draft: &CommitDraft) -> Commit {
    let commit = draft.clone().seal();
    store.append(&commit).await.expect("appends");
    commit
}

async fn last(store: &dyn EventStoreRepository, stream_id: StreamId) -> Option<Commit> {
    store.last_commit(stream_id).await.expect("reads")
}

async fn commits_from(
    store: &dyn EventStoreRepository,
    stream_id: StreamId,
    from_version: u64,
    limit: u32,
) -> Vec<Commit> {
    store.commits_from(stream_id, from_version, limit).await.expect("reads")
}

/// Appends all of them, with as much concurrency as the machine has.
async fn append_at_once(store: &Arc<dyn EventStoreRepository>, commits: &[Commit]) -> Vec<Result<(), AppendError>> {
    join_all(commits.iter().cloned().map(|commit| {
        let store = Arc::clone(store);
        spawned(async move { store.append(&commit).await })
    }))
    .await
}

async fn spawned<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    tokio::spawn(work).await.expect("does not panic")
}

/// The only commit that was stored.
fn only_winner<'a>(commits: &'a [Commit], results: &[Result<(), AppendError>]) -> &'a Commit {
    let winners: Vec<&Commit> =
        commits.iter().zip(results).filter(|(_, result)| result.is_ok()).map(|(commit, _)| commit).collect();
    assert_eq!(winners.len(), 1, "{results:?}");
    winners[0]
}

#[track_caller]
fn assert_key_taken(result: &Result<(), AppendError>, expected: StreamId) {
    match result {
        Err(AppendError::IdempotencyKeyTaken { stream_id }) => assert_eq!(*stream_id, expected),
        other => panic!("{other:?}"),
    }
}

/// Appends this number of commits, and decides again whenever another writer was first.
async fn keep_appending(store: &dyn EventStoreRepository, stream_id: StreamId, caller: &str, how_many: usize) {
    let mut done = 0;
    while done < how_many {
        let end = last(store, stream_id).await.as_ref().map_or(StreamEnd::of_empty(stream_id), StreamEnd::after);
        let draft = CommitDraft { caller: caller.to_owned(), ..end.draft(counted(1)) };
        match store.append(&draft.seal()).await {
            Ok(()) => done += 1,
            Err(AppendError::VersionTaken { .. }) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
}

/// The drafts of a stream from its first. It asserts that none is missing, and that each follows the one before it.
async fn whole_chain(store: &dyn EventStoreRepository, stream_id: StreamId) -> Vec<CommitDraft> {
    let commits = commits_from(store, stream_id, 1, 1_000).await;
    let mut end = StreamEnd::of_empty(stream_id);
    let mut hashes = BTreeSet::new();
    for commit in &commits {
        let expected = end.draft(Vec::new());
        assert_eq!(commit.draft.first_version, expected.first_version);
        assert_eq!(commit.draft.previous_hash, expected.previous_hash);
        assert_eq!(commit.draft.hash(), commit.hash);
        assert!(hashes.insert(commit.hash.to_string()), "the same commit twice");
        end = StreamEnd::after(commit);
    }
    commits.into_iter().map(|commit| commit.draft).collect()
}

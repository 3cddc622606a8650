use std::collections::BTreeMap;

use async_trait::async_trait;
use bank::AccountAggregate;
use cqrs::{Commit, CommitPlace, Digest, StreamId};
use uuid::Uuid;
use verify::{Damage, Finding, HeadsFile};

use super::account_store::AccountStore;
use super::forging::{FIELDS, edited, rewritten};
use crate::contract::Dice;

/// The event store as a writer uses it that ignores the port.
#[async_trait]
pub trait Tampering: Send + Sync {
    /// Removes a commit.
    async fn remove(&self, place: CommitPlace);

    /// Inserts a commit in an empty place. In the log it gets the position of the store's own commit of that place.
    async fn put(&self, commit: &Commit);
}

/// A manipulation, and the place where it must be found.
struct Manipulation {
    name: String,
    /// The removed commits.
    removed: Vec<CommitPlace>,
    /// The commits inserted after the removal.
    put: Vec<Commit>,
    stream_id: StreamId,
    /// The version, if only one is possible.
    version: Option<u64>,
    /// Whether the manipulation is found only with the earlier heads.
    by_heads: bool,
}

const KINDS: usize = 20;

/// Does 200 manipulations, each alone and then undone.
pub async fn each_of_200_manipulations_is_named(store: &AccountStore, tampering: &dyn Tampering) {
    store.expect_clean("before").await;
    let commits = store.commits().await;
    let heads = tempfile::NamedTempFile::new().expect("a file");
    let (reports, outcome) = store.verify(None).await;
    assert_eq!((outcome.commits, outcome.streams), (commits.len() as u64, outcome.projected));
    let lines: Vec<String> =
        reports.heads.iter().map(|head| serde_json::to_string(head).expect("plain JSON") + "\n").collect();
    std::fs::write(heads.path(), lines.concat()).expect("written");
    let originals: BTreeMap<CommitPlace, Commit> =
        commits.iter().map(|commit| (place(commit), commit.clone())).collect();
    let mut dice = Dice::seeded(2_026);
    for round in 0..200 {
        let manipulation = manipulation(round, &commits, &mut dice);
        for place in &manipulation.removed {
            tampering.remove(*place).await;
        }
        for commit in &manipulation.put {
            tampering.put(commit).await;
        }
        let earlier_heads = manipulation.by_heads.then(|| HeadsFile::open(heads.path()).expect("there"));
        let (reports, _) = store.verify(earlier_heads).await;
        expect_named(round, &manipulation, &reports.findings);
        for commit in &manipulation.put {
            tampering.remove(place(commit)).await;
        }
        for place in &manipulation.removed {
            tampering.put(&originals[place]).await;
        }
    }
    store.expect_clean("after all was undone").await;
    let (reports, _) = store.verify(Some(HeadsFile::open(heads.path()).expect("there"))).await;
    assert_eq!(reports.findings, [], "against the heads");
}

fn expect_named(round: usize, manipulation: &Manipulation, findings: &[Finding]) {
    let Manipulation { name, stream_id, version, by_heads, .. } = manipulation;
    let is_named = findings
        .iter()
        .any(|finding| finding.stream_id == Some(*stream_id) && (version.is_none() || finding.version == *version));
    assert!(is_named, "{round}: {name} in {stream_id} at {version:?} is not among {findings:#?}");
    if *by_heads {
        let has_head =
            |finding: &Finding| matches!(finding.damage, Damage::HeadDiffers { .. } | Damage::HeadMissing { .. });
        assert!(findings.iter().any(has_head), "{round}: {name}: {findings:#?}");
    }
}

fn place(commit: &Commit) -> CommitPlace {
    CommitPlace { stream_id: commit.draft.stream_id, first_version: commit.draft.first_version }
}

fn manipulation(round: usize, commits: &[Commit], dice: &mut Dice) -> Manipulation {
    let streams: Vec<&[Commit]> = commits.chunk_by(|one, next| one.draft.stream_id == next.draft.stream_id).collect();
    let stream = streams[dice.below(streams.len())];
    let other = streams.iter().find(|other| other[0].draft.stream_id != stream[0].draft.stream_id).expect("another");
    let (first, last) = (&stream[0], &stream[stream.len() - 1]);
    // The commit is neither the first nor the last.
    let middle = 1 + dice.below(stream.len() - 2);
    let any = dice.below(stream.len());
    let done = |name: &str, removed: Vec<&Commit>, put: Vec<Commit>, version: Option<u64>| Manipulation {
        name: name.to_owned(),
        stream_id: first.draft.stream_id,
        removed: removed.into_iter().map(place).collect(),
        put,
        version,
        by_heads: false,
    };
    let version_of = |commit: &Commit| Some(commit.draft.first_version);
    match round % KINDS {
        // This kind comes most often, because there are many fields.
        0..6 => {
            let field = FIELDS[(round / KINDS * 6 + round % KINDS) % FIELDS.len()];
            let commit = &stream[any];
            let put = Commit { draft: edited(&commit.draft, field, dice), hash: commit.hash };
            done(&format!("edited {field}"), vec![commit], vec![put], version_of(commit))
        }
        6..8 => {
            let field = FIELDS[(round / KINDS * 2 + round % KINDS) % FIELDS.len()];
            let commit = &stream[middle];
            let put = edited(&commit.draft, field, dice).seal();
            let name = format!("edited {field}, its own hash computed anew");
            let next_version = put.last_version() + 1;
            let found_at = if put.draft.events.len() == commit.draft.events.len() { Some(next_version) } else { None };
            done(&name, vec![commit], vec![put], found_at)
        }
        8 => {
            let commit = &stream[any];
            let put = Commit { hash: Digest::of(b"another"), draft: commit.draft.clone() };
            done("edited the hash", vec![commit], vec![put], version_of(commit))
        }
        9 => {
            // The edited event and all later ones look as if they had been written so.
            let mut forged = stream.to_vec();
            forged[any].draft = edited(&forged[any].draft, "amount_minor", dice);
            let put = rewritten::<AccountAggregate>(&forged).split_off(any);
            let name = "edited an amount, everything behind it computed anew";
            done(name, stream[any..].iter().collect(), put, None)
        }
        10 => {
            let field = dice.pick(&["caller", "correlation_id", "causation_id", "event_id", "idempotency"]);
            let mut forged = stream.to_vec();
            forged[any].draft = edited(&forged[any].draft, field, dice);
            let put = rewritten::<AccountAggregate>(&forged).split_off(any);
            let name = format!("edited {field}, everything behind it computed anew");
            Manipulation { by_heads: true, ..done(&name, stream[any..].iter().collect(), put, None) }
        }
        11 => done("took the first out", vec![first], vec![], version_of(&stream[1])),
        12 => done("took one out", vec![&stream[middle]], vec![], version_of(&stream[middle + 1])),
        13 => done("took the last out", vec![last], vec![], None),
        14 => done("took a whole stream out", stream.iter().collect(), vec![], None),
        15 => {
            let (one, two) = (&stream[middle], &stream[if middle == 1 { 2 } else { 1 }]);
            let in_place_of = |commit: &Commit, of: &Commit| {
                let mut swapped = commit.clone();
                swapped.draft.first_version = of.draft.first_version;
                swapped
            };
            let put = vec![in_place_of(one, two), in_place_of(two, one)];
            done("swapped two", vec![one, two], put, version_of(one))
        }
        16 => {
            let mut moved = stream[middle].clone();
            moved.draft.stream_id = other[0].draft.stream_id;
            moved.draft.first_version = last_of(other) + 1;
            let removed = if dice.once_in(2) { vec![&stream[middle]] } else { vec![] };
            let version = version_of(&moved);
            let to_stream = moved.draft.stream_id;
            let name = "moved or copied one to the end of another stream";
            Manipulation { stream_id: to_stream, ..done(name, removed, vec![moved], version) }
        }
        17 => {
            let to_stream = StreamId(Uuid::now_v7());
            let copied = stream.iter().map(|commit| {
                let mut copy = commit.clone();
                copy.draft.stream_id = to_stream;
                copy
            });
            let copied = copied.collect();
            Manipulation { stream_id: to_stream, ..done("copied a stream", vec![], copied, Some(1)) }
        }
        18 => {
            let mut forged = stream.to_vec();
            let mut one_more = forged[middle].clone();
            one_more.draft.idempotency = None;
            forged.push(one_more);
            let put = rewritten::<AccountAggregate>(&forged).split_off(stream.len());
            done("put a forged one at the end", vec![], put, None)
        }
        19 => {
            let mut forged = stream.to_vec();
            let mut one_more = forged[middle].clone();
            one_more.draft.idempotency = None;
            forged.insert(middle, one_more);
            let put = rewritten::<AccountAggregate>(&forged).split_off(middle);
            let name = "put a forged one in between, everything behind it computed anew";
            done(name, stream[middle..].iter().collect(), put, None)
        }
        _ => unreachable!("below the number of kinds"),
    }
}

fn last_of(stream: &[Commit]) -> u64 {
    stream.last().expect("never empty").last_version()
}

use std::collections::BTreeSet;

use bank::{AccountAggregate, AccountId, TransferAggregate, TransferId};
use cqrs::{AggregateRoot, Commit, CommitPlace, EventHandler, StreamId};
use serde_json::json;
use verify::{Damage, Finding, Side};

use super::account_store::AccountStore;
use super::forging::rewritten;
use super::manipulations::Tampering;

/// Transfers between the accounts of a store. The first has been reversed, and the second is the newest event of both
/// accounts.
#[derive(Debug, Clone, Copy)]
pub struct Transfers {
    from: AccountId,
    to: AccountId,
    reversed: TransferId,
    newest: TransferId,
}

impl Transfers {
    /// Adds some transfers to the store, and projects them.
    pub async fn add_to(store: &AccountStore, projector: &dyn EventHandler) -> Self {
        let streams: BTreeSet<StreamId> = store.commits().await.iter().map(|commit| commit.draft.stream_id).collect();
        let accounts: Vec<AccountId> =
            streams.into_iter().map(|stream_id| AccountId::try_from(stream_id.0).expect("an account")).collect();
        let (from, to) = (accounts[0], accounts[1]);
        for pair in accounts.windows(2) {
            store.transfer(pair[1], pair[0], 5, false).await;
        }
        let reversed = store.transfer(from, to, 70, true).await;
        let newest = store.transfer(from, to, 40, false).await;
        store.project(projector).await;
        Self { from, to, reversed, newest }
    }

    fn out_of_from(&self) -> String {
        format!("transfer {} out of {}", self.newest, self.from)
    }

    fn facts(&self) -> String {
        format!("0.40 EUR into {}", self.to)
    }
}

async fn stream_of(store: &AccountStore, stream_id: StreamId) -> Vec<Commit> {
    store.commits().await.into_iter().filter(|commit| commit.draft.stream_id == stream_id).collect()
}

fn place(commit: &Commit) -> CommitPlace {
    CommitPlace { stream_id: commit.draft.stream_id, first_version: commit.draft.first_version }
}

/// The findings of a verification while the stream's last commit is another commit, or is not there.
async fn findings_with(
    store: &AccountStore,
    tampering: &dyn Tampering,
    original: &Commit,
    other: Option<&Commit>,
) -> Vec<Finding> {
    tampering.remove(place(original)).await;
    if let Some(other) = other {
        tampering.put(other).await;
    }
    let (reports, _) = store.verify(None).await;
    if other.is_some() {
        tampering.remove(place(original)).await;
    }
    tampering.put(original).await;
    store.expect_clean("after the damage was undone").await;
    reports.findings
}

/// The stream's commits with another amount in the last commit. Its state and hashes are as its own writer would have
/// written them, so that nothing within the stream shows the damage.
fn with_another_amount<A: AggregateRoot>(stream: &[Commit]) -> Commit {
    let mut forged = stream.to_vec();
    let last = forged.last_mut().expect("a commit");
    last.draft.events[0].data["amount_minor"] = json!(41);
    rewritten::<A>(&forged).pop().expect("a commit")
}

fn in_event_store(stream_id: StreamId, version: Option<u64>, damage: Damage) -> Finding {
    Finding { stream_id: Some(stream_id), version, projection: None, side: Side::EventStore, damage }
}

/// Damages each part of a transfer in the event store, in a way that no check within one stream can see.
pub async fn each_damaged_part_of_a_transfer_is_named(
    store: &AccountStore,
    tampering: &dyn Tampering,
    transfers: Transfers,
) {
    store.expect_clean("before").await;
    let (entry, agreed) = (transfers.out_of_from(), transfers.facts());
    let other = agreed.replace("0.40", "0.41");
    let accounts = [(transfers.from, "the money out"), (transfers.to, "the money in")];
    for (account_id, part) in accounts {
        let stream_id = StreamId(account_id.as_uuid());
        let stream = stream_of(store, stream_id).await;
        let leg = stream.last().expect("a commit");
        let forged = with_another_amount::<AccountAggregate>(&stream);
        let findings = findings_with(store, tampering, leg, Some(&forged)).await;
        let (expected, found) = (agreed.clone(), other.clone());
        let damage = Damage::PartDiffers { entry: entry.clone(), part, expected, found };
        let named = in_event_store(stream_id, Some(leg.draft.first_version), damage);
        assert!(findings.contains(&named), "{named:?} is not among {findings:#?}");

        let findings = findings_with(store, tampering, leg, None).await;
        let damage = Damage::PartMissing { entry: entry.clone(), part, expected: agreed.clone() };
        let named = in_event_store(stream_id, None, damage);
        assert!(findings.contains(&named), "{named:?} is not among {findings:#?}");
    }
    let stream_id = StreamId(transfers.newest.as_uuid());
    let stream = stream_of(store, stream_id).await;
    let forged = with_another_amount::<TransferAggregate>(&stream);
    let findings = findings_with(store, tampering, &stream[0], Some(&forged)).await;
    let (expected, found) = (agreed.clone(), other);
    let damage = Damage::PartDiffers { entry: entry.clone(), part: "the transfer", expected, found };
    let named = in_event_store(stream_id, Some(1), damage);
    assert!(findings.contains(&named), "{named:?} is not among {findings:#?}");

    let findings = findings_with(store, tampering, &stream[0], None).await;
    let damage = Damage::PartMissing { entry, part: "the transfer", expected: agreed };
    let named = in_event_store(stream_id, None, damage);
    assert!(findings.contains(&named), "{named:?} is not among {findings:#?}");

    // The reversal has parts of its own.
    let stream_id = StreamId(transfers.reversed.as_uuid());
    let stream = stream_of(store, stream_id).await;
    let findings = findings_with(store, tampering, &stream[1], None).await;
    let named = findings.iter().any(|finding| {
        matches!(&finding.damage, Damage::PartMissing { entry, part: "the transfer", .. }
            if *entry == format!("transfer {} out of {}", transfers.reversed, transfers.to))
    });
    assert!(named, "{findings:#?}");
}

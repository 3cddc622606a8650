//! The stored forms of the events of accounts and transfers, past and present. Each type and version has a file, which is compared byte by byte.
//!
//! Events are stored for ever, so an existing file is never changed. `FORMS.sha256` (`sha256sum --check`) makes sure of that,
//! and lines are only added to it. This file says how a form is read today. The form's own file does not, because that changes
//! with each later version.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use bank::{AccountEvent, AccountKind, HolderName, Money, TransferEvent, TransferLeg, TransferParty};
use cqrs::{Digest, DomainEvent, EventDecodeError};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::harness::workspace_folder;

/// One event of a file.
#[derive(Deserialize)]
struct StoredEvent {
    event_type: String,
    schema_version: u32,
    data: Value,
}

/// The account of an event of a transfer, the other account, and the transfer.
const ACCOUNT_ID: &str = "019cadd4-c179-752e-9a6a-3a456513270e";
const COUNTERPARTY_ID: &str = "019cb36d-d33e-724e-84ef-8aa392276658";
const TRANSFER_ID: &str = "019cc218-4a3a-7d0e-8b51-0d6a8c1f2e39";

/// The files of one kind of aggregate, with today's form of the events in each.
type Files<E> = Vec<(&'static str, Vec<E>)>;

/// Every file of a transfer's events. A new version of a type is a new file and a line here.
fn files_of_transfers() -> Files<TransferEvent> {
    vec![
        ("TransferMade.v1", vec![made(12_550, "EUR", Some("rent")), made(1, "KWD", None)]),
        ("TransferReversed.v1", vec![reversed(Some("sent twice")), reversed(None)]),
    ]
}

/// The variant after this one, or the first. A variant that is missing here does not compile.
fn next_of_a_transfer(before: Option<&TransferEvent>) -> Option<TransferEvent> {
    match before {
        None => Some(made(12_550, "EUR", None)),
        Some(TransferEvent::TransferMade { .. }) => Some(reversed(None)),
        Some(TransferEvent::TransferReversed { .. }) => None,
    }
}

fn made(amount_minor: i64, currency: &str, reference: Option<&str>) -> TransferEvent {
    let party = |account_id: &str, owner: &str, version| TransferParty {
        account_id: account_id.parse().expect("an id"),
        owner: owner.to_owned(),
        version,
    };
    TransferEvent::TransferMade {
        from: party(ACCOUNT_ID, "ann", 2),
        to: party(COUNTERPARTY_ID, "bob", 7),
        amount: money(amount_minor, currency),
        reference: reference.map(|text| text.parse().expect("a reference")),
    }
}

fn reversed(reason: Option<&str>) -> TransferEvent {
    let reason = reason.map(|text| text.parse().expect("a reason"));
    TransferEvent::TransferReversed { from_version: 9, to_version: 11, reason }
}

fn leg(amount_minor: i64, currency: &str, reference: Option<&str>) -> TransferLeg {
    TransferLeg {
        transfer_id: TRANSFER_ID.parse().expect("an id"),
        counterparty: COUNTERPARTY_ID.parse().expect("an id"),
        amount: money(amount_minor, currency),
        reference: reference.map(|text| text.parse().expect("a reference")),
    }
}

/// Every file of an account's events. A new version of a type is a new file and a line here.
fn files_of_accounts() -> Files<AccountEvent> {
    let legs = || [leg(12_550, "EUR", Some("rent")), leg(1, "KWD", None)];
    vec![
        (
            "AccountOpened.v1",
            vec![
                opened("Zoë Lee", AccountKind::Savings, 12_550, "EUR"),
                opened("李安", AccountKind::Checking, 0, "JPY"),
            ],
        ),
        (
            "AccountOpened.v2",
            vec![
                opened("Zoë Lee", AccountKind::Savings, 12_550, "EUR"),
                opened_by(HolderName::Erased, AccountKind::Checking, 0, "JPY"),
            ],
        ),
        ("FundsMoved.v1", vec![deposited(12_550, "EUR", None), withdrawn(1, "KWD", None)]),
        (
            "FundsMoved.v2",
            vec![
                deposited(12_550, "EUR", Some("rent")),
                withdrawn(12_550, "EUR", Some("rent")),
                deposited(1, "KWD", None),
            ],
        ),
        (
            "FundsDeposited.v1",
            vec![deposited(12_550, "EUR", Some("rent")), deposited(1_000_000_000_000_000, "JPY", None)],
        ),
        ("FundsWithdrawn.v1", vec![withdrawn(12_550, "EUR", Some("rent")), withdrawn(1, "KWD", None)]),
        ("TransferSent.v1", legs().map(AccountEvent::TransferSent).to_vec()),
        ("TransferReceived.v1", legs().map(AccountEvent::TransferReceived).to_vec()),
        ("ReversalSent.v1", legs().map(AccountEvent::ReversalSent).to_vec()),
        ("ReversalReceived.v1", legs().map(AccountEvent::ReversalReceived).to_vec()),
        ("AccountClosed.v1", vec![closed(Some("moved away")), closed(None)]),
        ("AccountHolderErased.v1", vec![AccountEvent::AccountHolderErased]),
    ]
}

/// The variant after this one, or the first. A variant that is missing here does not compile.
fn next_of_an_account(before: Option<&AccountEvent>) -> Option<AccountEvent> {
    let leg = || leg(12_550, "EUR", None);
    match before {
        None => Some(opened("Zoë Lee", AccountKind::Savings, 12_550, "EUR")),
        Some(AccountEvent::AccountOpened { .. }) => Some(deposited(12_550, "EUR", None)),
        Some(AccountEvent::FundsDeposited { .. }) => Some(withdrawn(12_550, "EUR", None)),
        Some(AccountEvent::FundsWithdrawn { .. }) => Some(AccountEvent::TransferSent(leg())),
        Some(AccountEvent::TransferSent(_)) => Some(AccountEvent::TransferReceived(leg())),
        Some(AccountEvent::TransferReceived(_)) => Some(AccountEvent::ReversalSent(leg())),
        Some(AccountEvent::ReversalSent(_)) => Some(AccountEvent::ReversalReceived(leg())),
        Some(AccountEvent::ReversalReceived(_)) => Some(closed(None)),
        Some(AccountEvent::AccountClosed { .. }) => Some(AccountEvent::AccountHolderErased),
        Some(AccountEvent::AccountHolderErased) => None,
    }
}

fn opened(holder: &str, kind: AccountKind, opening_minor: i64, currency: &str) -> AccountEvent {
    opened_by(holder.parse().expect("a holder"), kind, opening_minor, currency)
}

/// The data is the stored data. The holder has been taken out of it and encrypted, and is put back when it is read.
fn opened_by(holder: HolderName, kind: AccountKind, opening_minor: i64, currency: &str) -> AccountEvent {
    AccountEvent::AccountOpened {
        owner: "ann".to_owned(),
        holder,
        kind,
        opening_balance: money(opening_minor, currency),
    }
}

fn deposited(amount_minor: i64, currency: &str, reference: Option<&str>) -> AccountEvent {
    let reference = reference.map(|text| text.parse().expect("a reference"));
    AccountEvent::FundsDeposited { amount: money(amount_minor, currency), reference }
}

fn withdrawn(amount_minor: i64, currency: &str, reference: Option<&str>) -> AccountEvent {
    let reference = reference.map(|text| text.parse().expect("a reference"));
    AccountEvent::FundsWithdrawn { amount: money(amount_minor, currency), reference }
}

fn closed(reason: Option<&str>) -> AccountEvent {
    AccountEvent::AccountClosed { reason: reason.map(|text| text.parse().expect("a reason")) }
}

fn money(amount_minor: i64, currency: &str) -> Money {
    Money::new(amount_minor, currency.parse().expect("an active code")).expect("within the limit")
}

fn folder() -> PathBuf {
    workspace_folder().join("tests/event_forms")
}

fn text_of(file: &str) -> String {
    let path = folder().join(format!("{file}.json"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn stored_events(file: &str) -> Vec<StoredEvent> {
    serde_json::from_str(&text_of(file)).expect("a list of stored events")
}

/// The name of the file with the form in which this event is written.
fn file_of(event: &impl DomainEvent) -> String {
    format!("{}.v{}", event.event_type(), event.schema_version())
}

fn as_a_file<E: DomainEvent>(events: &[E]) -> String {
    let stored = |event: &E| json!({"event_type": event.event_type(), "schema_version": event.schema_version(), "data": event.to_data()});
    let stored: Vec<Value> = events.iter().map(stored).collect();
    serde_json::to_string_pretty(&stored).expect("plain JSON") + "\n"
}

/// The versions of each type that have a file.
fn versions_by_type<E>(files: &Files<E>) -> BTreeMap<&'static str, BTreeSet<u32>> {
    let mut versions: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
    for (file, _) in files {
        let (event_type, version) = file.split_once(".v").expect("a type and a version");
        versions.entry(event_type).or_default().insert(version.parse().expect("a version"));
    }
    versions
}

#[test]
fn every_form_that_was_ever_stored_is_read_as_what_it_is_today() {
    every_form_is_read(files_of_accounts());
    every_form_is_read(files_of_transfers());
}

fn every_form_is_read<E: DomainEvent>(files: Files<E>) {
    for (file, is_now) in files {
        let stored = stored_events(file);
        assert_eq!(stored.len(), is_now.len(), "{file}");
        for (event, is_now) in stored.iter().zip(is_now) {
            assert_eq!(format!("{}.v{}", event.event_type, event.schema_version), file);
            assert_eq!(E::from_data(&event.event_type, event.schema_version, &event.data), Ok(is_now));
        }
    }
}

#[test]
fn every_event_is_written_letter_by_letter_in_the_form_of_its_types_newest_file() {
    every_variant_is_written(files_of_accounts(), next_of_an_account);
    every_variant_is_written(files_of_transfers(), next_of_a_transfer);
}

fn every_variant_is_written<E: DomainEvent>(files: Files<E>, next_variant: fn(Option<&E>) -> Option<E>) {
    let versions = versions_by_type(&files);
    let files: BTreeMap<&str, Vec<E>> = files.into_iter().collect();
    for variant in std::iter::successors(next_variant(None), |variant| next_variant(Some(variant))) {
        let file = file_of(&variant);
        let events = files.get(file.as_str()).unwrap_or_else(|| panic!("there is no file {file}"));
        assert_eq!(as_a_file(events), text_of(&file), "{file}: a changed form needs a new schema version");
        assert_eq!(versions[variant.event_type()].last(), Some(&variant.schema_version()), "{file} is not the newest");
    }
}

#[test]
fn no_version_of_any_type_is_without_a_file_and_the_one_after_the_newest_is_not_guessed_at() {
    no_version_is_without_a_file(&files_of_accounts());
    no_version_is_without_a_file(&files_of_transfers());
}

fn no_version_is_without_a_file<E: DomainEvent>(files: &Files<E>) {
    for (event_type, versions) in versions_by_type(files) {
        let newest = *versions.last().expect("one at least");
        assert_eq!(versions, (1..=newest).collect(), "{event_type}");
        // This also holds for a type that is not written any more.
        let read = E::from_data(event_type, newest + 1, &json!({}));
        let unknown =
            EventDecodeError::UnknownVersion { event_type: event_type.to_owned(), schema_version: newest + 1 };
        assert_eq!(read, Err(unknown));
    }
}

#[test]
fn no_file_is_ever_changed_and_none_is_left_out_here() {
    let files = files_of_accounts().into_iter().map(|(file, _)| file);
    let files: Vec<&str> = files.chain(files_of_transfers().into_iter().map(|(file, _)| file)).collect();
    let listed: String = {
        let mut names: Vec<String> = files.iter().map(|file| format!("{file}.json")).collect();
        names.sort();
        let line = |name: &String| {
            let content = std::fs::read(folder().join(name)).expect("a file");
            format!("{}  {name}\n", Digest::of(&content))
        };
        names.iter().map(line).collect()
    };
    let committed = std::fs::read_to_string(folder().join("FORMS.sha256")).expect("a file");
    assert_eq!(listed, committed, "a form that was stored is stored for ever; a new one is a new file, and a line");
    let in_folder = std::fs::read_dir(folder()).expect("a folder").filter(|entry| {
        let path = entry.as_ref().expect("an entry").path();
        path.extension().is_some_and(|extension| extension == "json")
    });
    assert_eq!(in_folder.count(), files.len(), "a file of the folder is left out");
}

use std::sync::Arc;

use async_trait::async_trait;
use bank_read_model::PROJECTIONS;
use cqrs::{Commit, CommitPlace, EventStoreRepository as _};
use mongo_stores::MongoEventStore;
use mongodb::Collection;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, DateTime, Document, doc};
use mysql_read_db::MySqlProjector;
use verify::{Damage, Side};

use super::account_store::{AccountStore, Keys};
use super::manipulations::{Tampering, each_of_200_manipulations_is_named};
use super::row_pages::pages_of_any_size_give_every_row_and_line_once_and_in_order;
use super::transfers::{Transfers, each_damaged_part_of_a_transfer_is_named};
use crate::contract::{OnMongodb, OnServer};

struct OnServers {
    event_store: Arc<MongoEventStore>,
    commits: Collection<Document>,
    store: AccountStore,
    // This field is dropped last, and the databases with it.
    _mongodb: OnMongodb,
    mysql: OnServer,
}

impl OnServers {
    async fn filled(accounts: usize) -> Self {
        let (mongodb, mysql) = (OnMongodb::new(), OnServer::new("READ_DB_URL").await);
        let event_store = Arc::new(mongodb.open().await);
        let read_db = mysql_read_db::connect(&mysql.url()).expect("a URL");
        let store = AccountStore {
            event_store: event_store.clone(),
            scan: event_store.clone(),
            rows: Arc::new(read_db.clone()),
            keys: Keys::in_a_new_file().await,
        };
        store.fill(&MySqlProjector::new(read_db, PROJECTIONS), accounts).await;
        let database = mongodb.database().await;
        // A user with write access may also switch the validator off.
        database.run_command(doc! { "collMod": "commits", "validator": {} }).await.expect("changes it");
        Self { event_store, commits: database.collection("commits"), store, _mongodb: mongodb, mysql }
    }
}

fn id_of(place: CommitPlace) -> Document {
    let bytes = place.stream_id.0.as_bytes().to_vec();
    let stream_id = Bson::Binary(Binary { subtype: BinarySubtype::Uuid, bytes });
    let first_version = i64::try_from(place.first_version).expect("a version");
    doc! { "stream_id": stream_id, "first_version": first_version }
}

#[async_trait]
impl Tampering for OnServers {
    async fn remove(&self, place: CommitPlace) {
        let removed = self.commits.delete_one(doc! { "_id": id_of(place) }).await.expect("deletes");
        assert_eq!(removed.deleted_count, 1, "{place:?}");
    }

    async fn put(&self, commit: &Commit) {
        self.event_store.append(commit).await.expect("appends");
    }
}

#[tokio::test]
async fn each_of_200_manipulations_of_a_collection_is_named_and_none_in_a_clean_one() {
    let on_servers = OnServers::filled(12).await;
    each_of_200_manipulations_is_named(&on_servers.store, &on_servers).await;
}

#[tokio::test]
async fn each_damaged_part_of_a_transfer_in_a_collection_is_named() {
    let on_servers = OnServers::filled(5).await;
    let read_db = mysql_read_db::connect(&on_servers.mysql.url()).expect("a URL");
    let projector = MySqlProjector::new(read_db, PROJECTIONS);
    let transfers = Transfers::add_to(&on_servers.store, &projector).await;
    each_damaged_part_of_a_transfer_is_named(&on_servers.store, &on_servers, transfers).await;
}

/// Each member is changed, as any writer could do it; also members that no hash covers.
#[tokio::test]
async fn an_edit_of_any_member_of_a_document_is_named() {
    let on_servers = OnServers::filled(3).await;
    let commits = on_servers.store.commits().await;
    let target = &commits[2];
    let place = CommitPlace { stream_id: target.draft.stream_id, first_version: target.draft.first_version };
    let filter = doc! { "_id": id_of(place) };
    let original = on_servers.commits.find_one(filter.clone()).await.expect("reads").expect("it is there");
    for edit in [
        doc! { "$set": { "last_version": 77_i64 } },
        doc! { "$set": { "occurred_at": DateTime::from_millis(0) } },
        doc! { "$set": { "occurred_at_us": 5_i64 } },
        doc! { "$set": { "aggregate_type": "case" } },
        doc! { "$set": { "caller": "bob" } },
        doc! { "$set": { "caller": 1 } },
        doc! { "$set": { "correlation_id": "" } },
        doc! { "$set": { "causation_id": "" } },
        doc! { "$set": { "idempotency": { "key": "0".repeat(64), "request_fingerprint": "1".repeat(64) } } },
        doc! { "$set": { "idempotency": null } },
        doc! { "$set": { "events": [] } },
        doc! { "$set": { "events.0.data.amount_minor": 1_000_000_i64 } },
        doc! { "$set": { "events.0.data.amount_minor": 1.5 } },
        doc! { "$set": { "events.0.data.more": true } },
        doc! { "$set": { "events.0.more": true } },
        doc! { "$set": { "events.0.data_json": "{}" } },
        doc! { "$unset": { "events.0.event_id": true } },
        doc! { "$set": { "events.0.event_type": "AccountClosed" } },
        doc! { "$set": { "events.0.schema_version": 9_i64 } },
        doc! { "$set": { "state.state_version": 9_i64 } },
        doc! { "$set": { "state.data.opened.balance_minor": 1_i64 } },
        doc! { "$unset": { "state": true } },
        doc! { "$set": { "previous_hash": "0".repeat(64) } },
        doc! { "$unset": { "previous_hash": true } },
        doc! { "$set": { "hash": "0".repeat(64) } },
        doc! { "$set": { "hash": target.hash.to_string().to_uppercase() } },
        doc! { "$set": { "a note": "seen" } },
    ] {
        on_servers.commits.update_one(filter.clone(), edit.clone()).await.expect("edits");
        let (reports, _) = on_servers.store.verify(None).await;
        let is_named = reports.findings.iter().any(|finding| {
            finding.side == Side::EventStore
                && (finding.stream_id, finding.version) == (Some(place.stream_id), Some(place.first_version))
        });
        assert!(is_named, "{edit}: {:#?}", reports.findings);
        on_servers.commits.replace_one(filter.clone(), &original).await.expect("replaces");
    }
    on_servers.store.expect_clean("after all was undone").await;
    // The mark of a commit that is not yet on the bus is not part of the commit.
    let unmark = doc! { "$unset": { "undelivered": true } };
    on_servers.commits.update_one(filter, unmark).await.expect("edits");
    on_servers.store.expect_clean("without the mark").await;
}

#[tokio::test]
async fn a_document_that_has_no_place_in_any_stream_is_named() {
    let on_servers = OnServers::filled(2).await;
    on_servers.commits.insert_one(doc! { "_id": 5, "note": "a commit, they said" }).await.expect("inserts");
    let (reports, _) = on_servers.store.verify(None).await;
    assert!(matches!(&reports.findings[..], [only] if matches!(only.damage, Damage::Misplaced { .. })), "{reports:?}");
}

#[tokio::test]
async fn a_server_is_read_in_pages_of_any_size() {
    for variable in ["READ_DB_URL", "MARIADB_URL"] {
        let on_server = OnServer::new(variable).await;
        let read_db = mysql_read_db::connect(&on_server.url()).expect("a URL");
        let projector = MySqlProjector::new(read_db.clone(), PROJECTIONS);
        pages_of_any_size_give_every_row_and_line_once_and_in_order(&projector, &read_db).await;
    }
}

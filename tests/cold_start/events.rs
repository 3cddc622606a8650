use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cloud_events::{from_record, to_record};
use cqrs::StreamId;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::lambda_runtime::{RECIPIENT_S_KEY, answer, event_fixture, headers_of};

/// The account of the events of `tests/events/`.
const ACCOUNT_ID: &str = "00000000-0000-7bf2-9077-2490115542b8";
/// The transfer that the events of `tests/events/` make and reverse.
const TRANSFER_ID: &str = "00000000-0000-75d2-b232-d37fc8398e58";

/// The events of `tests/events/`, for another account in each round and under other keys. So each function does its work each
/// time, and does not repeat an answer.
pub struct RoundOfEvents {
    key: String,
    account_id: String,
    transfer_id: String,
}

impl RoundOfEvents {
    /// All functions, in an order in which each has work to do.
    pub const ORDER: [&str; 21] = [
        "open-account",
        "deposit-funds",
        "account-projector",
        "get-account",
        "list-accounts",
        "list-transactions",
        "get-transfer",
        "list-transfers",
        "transfer-funds",
        "reverse-transfer",
        "withdraw-funds",
        "close-account",
        "erase-holder",
        "list-account-events",
        "get-account-as-of",
        "event-relay",
        "health",
        "restore-read-db",
        "restore-worker",
        "get-restore",
        "api-description",
    ];

    /// The events of a round. Round 0 has the events unchanged.
    pub fn of(round: usize) -> Self {
        let key = if round == 0 { "fixture".to_owned() } else { format!("fixture-{round}") };
        Self { key, account_id: ACCOUNT_ID.to_owned(), transfer_id: TRANSFER_ID.to_owned() }
    }

    /// The event that opens the account which every round's transfer goes to.
    pub fn opening_of_the_recipient() -> Value {
        let mut event = event_fixture("open-account");
        event["headers"]["idempotency-key"] = json!(RECIPIENT_S_KEY);
        event
    }

    pub fn event(&self, function: &str) -> Value {
        let text = event_fixture(function).to_string().replace(ACCOUNT_ID, &self.account_id);
        let text = text.replace(TRANSFER_ID, &self.transfer_id);
        let mut event: Value = serde_json::from_str(&text).expect("JSON");
        if let Some(key) = event.pointer_mut("/headers/idempotency-key") {
            *key = json!(self.key);
        }
        for record in event.get_mut("records").and_then(Value::as_object_mut).into_iter().flat_map(|of| of.values_mut())
        {
            record.as_array_mut().expect("records").iter_mut().for_each(|record| self.readdress(record));
        }
        event
    }

    /// Changes a record of the account to the form that the producer would have written for this round's account. The record
    /// of a transfer stays.
    fn readdress(&self, record: &mut Value) {
        let headers = headers_of(record);
        let header = |name: &str| headers.iter().find(|(header, _)| header == name).map(|(_, bytes)| bytes.as_slice());
        let value = STANDARD.decode(record["value"].as_str().expect("text")).expect("base64");
        let mut event = from_record(header, &value).expect("an event");
        if event.aggregate_type != "account" {
            return;
        }
        event.stream_id = StreamId(Uuid::try_parse(&self.account_id).expect("an id"));
        event.event_id = Uuid::now_v7();
        let written = to_record(&event);
        record["key"] = json!(STANDARD.encode(written.key));
        record["headers"] = written.headers.iter().map(|(name, text)| json!({ *name: text.as_bytes() })).collect();
    }

    /// Checks an answer, which must be a success. An opening gives the account of this round.
    pub fn take(&mut self, function: &str, answered: &Value) {
        let body = || {
            let (status, body) = answer(answered);
            assert!((200..300).contains(&status), "{function}: {answered}");
            body
        };
        match function {
            "open-account" => self.account_id = body()["account_id"].as_str().expect("an id").to_owned(),
            "transfer-funds" => self.transfer_id = body()["transfer_id"].as_str().expect("an id").to_owned(),
            "account-projector" => assert_eq!(answered, &json!({"batchItemFailures": []})),
            "event-relay" => assert_eq!(answered["failed"], json!(0), "{answered}"),
            "restore-worker" => assert_eq!(answered["outcome"], json!("succeeded"), "{answered}"),
            _ => drop(body()),
        }
    }
}

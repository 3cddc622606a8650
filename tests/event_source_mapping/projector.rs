use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use account_projector::AccountProjectorFunction;
use async_trait::async_trait;
use cqrs::EventEnvelope;
use local_aws::EventFunction;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::contract::{OnServer, ReadDb, ReadDbUnderTest as _};

/// The projector, which fails on command and remembers its input.
pub struct Projector {
    function: AccountProjectorFunction,
    fails: Mutex<Fails>,
    /// Each batch: its records by partition and offset.
    pub batches: Mutex<Vec<Vec<(i32, i64)>>>,
    /// The lengths of the events, in bytes.
    pub lengths: Mutex<Vec<usize>>,
    answers_never: Notify,
}

/// The effect on a batch.
#[derive(Debug, Clone, Default)]
pub enum Fails {
    #[default]
    Never,
    /// For this number of further batches, the function fails.
    Times(usize),
    /// It panics over the record with this event.
    PanicsOver(EventEnvelope),
    /// It reports the record with this event, and applies the others.
    Reports(EventEnvelope),
    /// It applies the batch and never answers.
    FallsSilent,
}

impl Projector {
    pub async fn on(on_server: &OnServer, fails: Fails) -> (Arc<Self>, ReadDb) {
        let read_db = on_server.open().await;
        let projector = Self {
            function: AccountProjectorFunction::new(read_db.event_handler.clone()),
            fails: Mutex::new(fails),
            batches: Mutex::default(),
            lengths: Mutex::default(),
            answers_never: Notify::new(),
        };
        (Arc::new(projector), read_db)
    }

    pub fn fails(&self, fails: Fails) {
        *self.fails.lock().expect("no panic") = fails;
    }

    pub fn number_of_batches(&self) -> usize {
        self.batches.lock().expect("no panic").len()
    }

    /// The number of deliveries of each record.
    pub fn deliveries(&self) -> BTreeMap<(i32, i64), usize> {
        let mut deliveries = BTreeMap::new();
        for record in self.batches.lock().expect("no panic").iter().flatten() {
            *deliveries.entry(*record).or_default() += 1;
        }
        deliveries
    }

    /// Asserts that each partition's records came in their order, apart from repeats.
    pub fn assert_in_order(&self) {
        let mut next: BTreeMap<i32, i64> = BTreeMap::new();
        for (partition, offset) in self.batches.lock().expect("no panic").iter().flatten() {
            let next = next.entry(*partition).or_default();
            assert!(offset <= next, "{partition}:{offset} overtook {next}");
            *next = (*next).max(offset + 1);
        }
    }
}

#[async_trait]
impl EventFunction for Projector {
    async fn invoke(&self, mut event: Value) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        self.batches.lock().expect("no panic").push(records(&event));
        self.lengths.lock().expect("no panic").push(event.to_string().len());
        let fails = {
            let mut fails = self.fails.lock().expect("no panic");
            let now = fails.clone();
            if let Fails::Times(left) = &mut *fails {
                *left = left.saturating_sub(1);
            }
            now
        };
        let mut reported = Vec::new();
        match &fails {
            Fails::Times(1..) => return Err("told to fail".into()),
            Fails::PanicsOver(poison) if !take_out(&mut event, poison).is_empty() => panic!("told to panic"),
            Fails::Reports(poison) => reported = take_out(&mut event, poison),
            _ => {}
        }
        let mut answer = serde_json::to_value(self.function.project(serde_json::from_value(event)?).await?)?;
        let failures = answer["batchItemFailures"].as_array_mut().expect("a list");
        failures.extend(reported.into_iter().map(|identifier| json!({ "itemIdentifier": identifier })));
        if matches!(fails, Fails::FallsSilent) {
            self.answers_never.notified().await;
        }
        Ok(answer)
    }
}

fn records(event: &Value) -> Vec<(i32, i64)> {
    let listed = event["records"].as_object().expect("an object").values();
    let records = listed.flat_map(|records| records.as_array().expect("a list"));
    records
        .map(|record| {
            let number = |name: &str| record[name].as_i64().expect("a number");
            (i32::try_from(number("partition")).expect("small"), number("offset"))
        })
        .collect()
}

/// Removes the records with this event, and answers them.
fn take_out(batch: &mut Value, event: &EventEnvelope) -> Vec<Value> {
    let id = json!({"ce_id": event.event_id.to_string().as_bytes()});
    let mut taken = Vec::new();
    for (name, records) in batch["records"].as_object_mut().expect("an object") {
        records.as_array_mut().expect("a list").retain(|record| {
            let is_it = record["headers"].as_array().expect("a list").contains(&id);
            if is_it {
                taken.push(json!({"partition": name, "offset": record["offset"]}));
            }
            !is_it
        });
    }
    taken
}

use std::collections::{BTreeMap, BTreeSet};

use super::backlog::Backlog;
use super::batch_answer::{Failures, failures};
use super::record::Source;
use super::stop::{Abandoned, Stop};
use crate::{InvokeClient, InvokeError};

/// The offsets that an invocation delivers, by partition.
pub(crate) type Delivered = BTreeMap<i32, BTreeSet<i64>>;

/// Invokes the function with a batch and judges its answer.
pub(crate) struct BatchInvoker {
    pub client: InvokeClient,
    pub function_name: String,
    pub source: Source,
    pub max_payload_bytes: usize,
}

/// The result of an invocation.
pub(crate) enum Outcome {
    /// The function answered, and these records failed.
    Answered(Failures),
    /// The function failed, or its answer cannot be used.
    Erred,
    /// The function was not invoked. No record is the cause.
    NotInvoked,
}

impl BatchInvoker {
    /// The records that the next invocation takes from these partitions.
    pub(crate) fn next_of(&self, batch: &BTreeMap<i32, Backlog>) -> Delivered {
        let offsets = |backlog: &Backlog| backlog.next(self.max_payload_bytes).map(|record| record.offset).collect();
        batch.iter().map(|(partition, backlog)| (*partition, offsets(backlog))).collect()
    }

    /// Delivers the records that [`Self::next_of`] named.
    pub(crate) async fn invoke(
        &self,
        batch: &BTreeMap<i32, Backlog>,
        delivered: &Delivered,
        stop: &Stop,
    ) -> Result<Outcome, Abandoned> {
        let event = self.source.event(batch.values().flat_map(|backlog| backlog.next(self.max_payload_bytes)));
        // Texts, numbers and lists of them serialize.
        let event = serde_json::to_vec(&event).unwrap_or_default();
        let (bytes, records) = (event.len(), delivered.values().map(BTreeSet::len).sum::<usize>());
        let invocation = stop.within_grace(self.client.invoke(&self.function_name, event)).await;
        let invocation = invocation.inspect_err(|Abandoned| {
            tracing::warn!(records, "the invocation under way did not end in time; its records are delivered again");
        })?;
        tracing::debug!(records, bytes, partitions = batch.len(), "batch delivered");
        Ok(match invocation {
            Ok(invocation) => match failures(&invocation.payload, &self.source, delivered) {
                Ok(failed) => {
                    let failed_records = failed.values().map(BTreeSet::len).sum::<usize>();
                    if failed_records > 0 {
                        tracing::warn!(records, failed_records, "the function reports failed records");
                    }
                    Outcome::Answered(failed)
                }
                Err(error) => {
                    tracing::error!(records, %error, "the batch has failed");
                    Outcome::Erred
                }
            },
            Err(error @ (InvokeError::Function { .. } | InvokeError::TimedOut { .. })) => {
                tracing::error!(records, %error, "the batch has failed");
                Outcome::Erred
            }
            Err(error @ (InvokeError::Refused { .. } | InvokeError::Unreachable(_))) => {
                tracing::warn!(records, %error, causes = telemetry::causes(&error), "the function was not invoked");
                Outcome::NotInvoked
            }
        })
    }
}

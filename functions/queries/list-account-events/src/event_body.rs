use bank::AccountEvent;
use serde::Serialize;
use serde_json::{Value, json};

use crate::AuditedEvent;

/// An event in the form for the client. It differs from the stored form. Money is decimal text, as everywhere in the
/// HTTP contract. The owner is a caller's own name, and tellers are not told it.
#[derive(Serialize)]
pub(crate) struct EventBody {
    version: u64,
    r#type: &'static str,
    data: Value,
    occurred_at: String,
    event_id: String,
    correlation_id: String,
    hash: String,
    previous_hash: Option<String>,
}

impl From<AuditedEvent> for EventBody {
    fn from(audited: AuditedEvent) -> Self {
        Self {
            version: audited.version,
            r#type: cqrs::DomainEvent::event_type(&audited.event),
            data: data(&audited.event),
            occurred_at: audited.occurred_at.to_string(),
            event_id: audited.event_id.to_string(),
            correlation_id: audited.correlation_id,
            hash: audited.hash.to_string(),
            previous_hash: audited.previous_hash.map(|hash| hash.to_string()),
        }
    }
}

fn data(event: &AccountEvent) -> Value {
    match event {
        AccountEvent::AccountOpened { holder, kind, opening_balance, owner: _ } => json!({
            "holder": holder.as_str(),
            "kind": kind.as_str(),
            "currency": opening_balance.currency().code(),
            "opening_balance": opening_balance.to_string(),
        }),
        AccountEvent::FundsDeposited { amount, reference } | AccountEvent::FundsWithdrawn { amount, reference } => {
            json!({
                "amount": amount.to_string(),
                "currency": amount.currency().code(),
                "reference": reference.as_ref().map(bank::Reference::as_str),
            })
        }
        AccountEvent::TransferSent(leg)
        | AccountEvent::TransferReceived(leg)
        | AccountEvent::ReversalSent(leg)
        | AccountEvent::ReversalReceived(leg) => json!({
            "transfer_id": leg.transfer_id.to_string(),
            "counterparty": leg.counterparty.to_string(),
            "amount": leg.amount.to_string(),
            "currency": leg.amount.currency().code(),
            "reference": leg.reference.as_ref().map(bank::Reference::as_str),
        }),
        AccountEvent::AccountHolderErased => json!({}),
        AccountEvent::AccountClosed { reason } => json!({ "reason": reason.as_ref().map(bank::Reference::as_str) }),
    }
}

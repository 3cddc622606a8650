use bank_read_model::TransferEntity;
use serde::Serialize;

/// A transfer in the answers of queries. The owners of the accounts are not told to each other.
#[derive(Debug, Serialize)]
pub struct TransferBody {
    transfer_id: String,
    version: u64,
    status: &'static str,
    from: String,
    to: String,
    amount: String,
    currency: &'static str,
    reference: Option<String>,
    occurred_at: String,
    reversed_at: Option<String>,
    reversal_reason: Option<String>,
}

impl From<&TransferEntity> for TransferBody {
    fn from(transfer: &TransferEntity) -> Self {
        Self {
            transfer_id: transfer.transfer_id.to_string(),
            version: transfer.version,
            status: transfer.status.as_str(),
            from: transfer.from.to_string(),
            to: transfer.to.to_string(),
            amount: transfer.amount.to_string(),
            currency: transfer.amount.currency().code(),
            reference: transfer.reference.clone(),
            occurred_at: transfer.occurred_at.to_string(),
            reversed_at: transfer.reversed_at.map(|time| time.to_string()),
            reversal_reason: transfer.reversal_reason.clone(),
        }
    }
}

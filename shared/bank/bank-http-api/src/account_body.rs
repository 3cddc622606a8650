use bank_read_model::BankAccountEntity;
use serde::Serialize;

/// An account in the answers of queries.
#[derive(Debug, Serialize)]
pub struct AccountBody {
    account_id: String,
    holder: String,
    kind: &'static str,
    currency: &'static str,
    balance: String,
    status: &'static str,
    version: u64,
    opened_at: String,
    updated_at: String,
}

impl From<&BankAccountEntity> for AccountBody {
    fn from(account: &BankAccountEntity) -> Self {
        Self {
            account_id: account.account_id.to_string(),
            holder: account.holder.clone(),
            kind: account.kind.as_str(),
            currency: account.balance.currency().code(),
            balance: account.balance.to_string(),
            status: account.status.as_str(),
            version: account.version,
            opened_at: account.opened_at.to_string(),
            updated_at: account.updated_at.to_string(),
        }
    }
}

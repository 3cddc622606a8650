use bank::{AccountId, Actor};
use bank_read_model::{BankAccountEntity, BankAccountRepository, account_at_version};
use cqrs::{QueryEnvelope, QueryError, QueryHandler};

/// A query for one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetAccount {
    /// The caller.
    pub actor: Actor,
    /// The account's id.
    pub account_id: AccountId,
    /// The version that the read side must have reached.
    pub min_version: Option<u64>,
}

/// Handles [`GetAccount`].
pub struct GetAccountHandler {
    account_repository: BankAccountRepository,
}

impl GetAccountHandler {
    /// A handler on this read database.
    #[must_use]
    pub const fn new(account_repository: BankAccountRepository) -> Self {
        Self { account_repository }
    }
}

impl QueryHandler<GetAccount> for GetAccountHandler {
    type Answer = BankAccountEntity;

    async fn handle(&self, envelope: &QueryEnvelope<GetAccount>) -> Result<BankAccountEntity, QueryError> {
        let GetAccount { actor, account_id, min_version } = &envelope.query;
        account_at_version(&self.account_repository, *account_id, actor, *min_version).await
    }
}

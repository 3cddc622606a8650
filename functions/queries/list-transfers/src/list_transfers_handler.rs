use bank::Actor;
use bank_read_model::{
    BankAccountRepository, TransferEntity, TransferFilter, TransferPosition, TransferRepository, TransfersPage,
    account_at_version,
};
use cqrs::{QueryEnvelope, QueryError, QueryHandler};

/// A page of transfers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListTransfers {
    /// The caller.
    pub actor: Actor,
    /// The filter for the transfers. It names an account of the caller, unless the caller is a teller.
    pub filter: TransferFilter,
    /// The part of the list.
    pub page: TransfersPage,
}

/// The page, and the start of the next page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransfersAnswer {
    /// The transfers, newest first.
    pub transfers: Vec<TransferEntity>,
    /// The transfer after which the list continues; `None` at its end.
    pub next: Option<TransferPosition>,
}

/// Handles [`ListTransfers`].
pub struct ListTransfersHandler {
    account_repository: BankAccountRepository,
    transfer_repository: TransferRepository,
}

impl ListTransfersHandler {
    /// A handler on this read database.
    #[must_use]
    pub const fn new(account_repository: BankAccountRepository, transfer_repository: TransferRepository) -> Self {
        Self { account_repository, transfer_repository }
    }
}

impl QueryHandler<ListTransfers> for ListTransfersHandler {
    type Answer = TransfersAnswer;

    async fn handle(&self, envelope: &QueryEnvelope<ListTransfers>) -> Result<TransfersAnswer, QueryError> {
        let ListTransfers { actor, filter, page } = &envelope.query;
        match filter.account {
            Some(account_id) => {
                account_at_version(&self.account_repository, account_id, actor, None).await?;
            }
            None if actor.is_teller => {}
            // The request is refused before this. Without an account, a caller would see the transfers of all accounts.
            None => return Err(QueryError::NotFound),
        }
        // One more transfer than requested shows whether there is a next page.
        let one_more = TransfersPage { limit: page.limit + 1, ..*page };
        let mut transfers = self.transfer_repository.transfers(filter, one_more).await?;
        let page_size = page.limit as usize;
        let has_more = transfers.len() > page_size;
        transfers.truncate(page_size);
        let position =
            |last: &TransferEntity| TransferPosition { occurred_at: last.occurred_at, transfer_id: last.transfer_id };
        let next = transfers.last().filter(|_| has_more).map(position);
        Ok(TransfersAnswer { transfers, next })
    }
}

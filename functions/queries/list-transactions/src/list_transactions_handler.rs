use bank::{AccountId, Actor};
use bank_read_model::{BankAccountRepository, StatementFilter, StatementLine, StatementPage, account_at_version};
use cqrs::{QueryEnvelope, QueryError, QueryHandler};

/// A page of an account's statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListTransactions {
    /// The caller.
    pub actor: Actor,
    /// The account of the statement.
    pub account_id: AccountId,
    /// The filter for its lines.
    pub filter: StatementFilter,
    /// The part of the filtered lines.
    pub page: StatementPage,
    /// The version that the read side must have reached.
    pub min_version: Option<u64>,
}

/// The page, and the start of the next page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionsAnswer {
    /// The lines, newest first.
    pub lines: Vec<StatementLine>,
    /// The version before which the statement continues; `None` at its end.
    pub next_before_version: Option<u64>,
}

/// Handles [`ListTransactions`].
pub struct ListTransactionsHandler {
    account_repository: BankAccountRepository,
}

impl ListTransactionsHandler {
    /// A handler on this read database.
    #[must_use]
    pub const fn new(account_repository: BankAccountRepository) -> Self {
        Self { account_repository }
    }
}

impl QueryHandler<ListTransactions> for ListTransactionsHandler {
    type Answer = TransactionsAnswer;

    async fn handle(&self, envelope: &QueryEnvelope<ListTransactions>) -> Result<TransactionsAnswer, QueryError> {
        let ListTransactions { actor, account_id, filter, page, min_version } = &envelope.query;
        account_at_version(&self.account_repository, *account_id, actor, *min_version).await?;
        // One more line than requested shows whether there is a next page.
        let one_more = StatementPage { limit: page.limit + 1, ..*page };
        let mut lines = self.account_repository.statement(*account_id, *filter, one_more).await?;
        let page_size = page.limit as usize;
        let has_more = lines.len() > page_size;
        lines.truncate(page_size);
        let next_before_version = lines.last().filter(|_| has_more).map(|last| last.version);
        Ok(TransactionsAnswer { lines, next_before_version })
    }
}

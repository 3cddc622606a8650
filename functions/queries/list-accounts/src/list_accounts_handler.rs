use bank_read_model::{AccountFilter, AccountPosition, AccountsPage, BankAccountEntity, BankAccountRepository};
use cqrs::{QueryEnvelope, QueryError, QueryHandler};

/// A page of accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListAccounts {
    /// The filter for the accounts. Its owner is the caller, unless the caller is a teller.
    pub filter: AccountFilter,
    /// The part of the list.
    pub page: AccountsPage,
}

/// The page, and the start of the next page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountsAnswer {
    /// The accounts.
    pub accounts: Vec<BankAccountEntity>,
    /// The account after which the list continues; `None` at its end.
    pub next: Option<AccountPosition>,
}

/// Handles [`ListAccounts`].
pub struct ListAccountsHandler {
    account_repository: BankAccountRepository,
}

impl ListAccountsHandler {
    /// A handler on this read database.
    #[must_use]
    pub const fn new(account_repository: BankAccountRepository) -> Self {
        Self { account_repository }
    }
}

impl QueryHandler<ListAccounts> for ListAccountsHandler {
    type Answer = AccountsAnswer;

    async fn handle(&self, envelope: &QueryEnvelope<ListAccounts>) -> Result<AccountsAnswer, QueryError> {
        let ListAccounts { filter, page } = &envelope.query;
        // One more account than requested shows whether there is a next page.
        let one_more = AccountsPage { limit: page.limit + 1, ..*page };
        let mut accounts = self.account_repository.accounts(filter, one_more).await?;
        let page_size = page.limit as usize;
        let has_more = accounts.len() > page_size;
        accounts.truncate(page_size);
        let position =
            |last: &BankAccountEntity| AccountPosition { opened_at: last.opened_at, account_id: last.account_id };
        let next = accounts.last().filter(|_| has_more).map(position);
        Ok(AccountsAnswer { accounts, next })
    }
}

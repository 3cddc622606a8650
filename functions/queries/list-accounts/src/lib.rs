//! `GET /accounts`: a page of the accounts that the caller may see.

mod list_accounts_handler; // reads the page
mod list_accounts_request; // filters, limit and cursor, parsed

use async_trait::async_trait;
use bank_http_api::{AccountBody, account_query_problem, actor, scopes};
use bank_read_model::BankAccountRepository;
use cqrs::{QueryDispatcher, QueryEnvelope};
use http::StatusCode;
use http_api::{Answer, ApiRequest, Cursor as _, HttpFunction, Problem};
use serde::Serialize;

pub use list_accounts_handler::{AccountsAnswer, ListAccounts, ListAccountsHandler};
use list_accounts_request::{AccountsCursor, list_accounts};

/// The function behind `GET /accounts`.
pub struct ListAccountsFunction {
    dispatcher: QueryDispatcher<ListAccounts, AccountsAnswer>,
}

#[derive(Serialize)]
struct AccountsBody {
    accounts: Vec<AccountBody>,
    next_cursor: Option<String>,
}

impl ListAccountsFunction {
    /// The function on this read database.
    pub fn new(account_repository: BankAccountRepository) -> Self {
        Self { dispatcher: QueryDispatcher::new(ListAccountsHandler::new(account_repository)) }
    }
}

#[async_trait]
impl HttpFunction for ListAccountsFunction {
    async fn answer(&self, request: &ApiRequest) -> Result<Answer, Problem> {
        let caller = request.caller(scopes::ACCOUNTS_READ)?;
        let query = list_accounts(request, actor(&caller))?;
        let context = request.query_context(&caller);
        let page = self
            .dispatcher
            .dispatch(QueryEnvelope { query, context })
            .await
            .map_err(|error| account_query_problem(&error))?;
        let body = AccountsBody {
            accounts: page.accounts.iter().map(AccountBody::from).collect(),
            next_cursor: page.next.map(|position| AccountsCursor::from(position).encode()),
        };
        Ok(Answer::json(StatusCode::OK, &body))
    }
}

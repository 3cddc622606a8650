//! `GET /accounts/{id}/transactions`: a page of an account's statement.

mod list_transactions_handler; // reads the page, waits for a version if the request names it
mod list_transactions_request; // times, limit and cursor, parsed

use async_trait::async_trait;
use bank_http_api::{account_query_problem, actor, scopes};
use bank_read_model::{BankAccountRepository, StatementLine};
use cqrs::{QueryDispatcher, QueryEnvelope};
use http::StatusCode;
use http_api::{Answer, ApiRequest, Cursor as _, HttpFunction, Problem};
use serde::Serialize;

pub use list_transactions_handler::{ListTransactions, ListTransactionsHandler, TransactionsAnswer};
use list_transactions_request::{TransactionsCursor, list_transactions};

/// The function behind `GET /accounts/{id}/transactions`.
pub struct ListTransactionsFunction {
    dispatcher: QueryDispatcher<ListTransactions, TransactionsAnswer>,
}

#[derive(Serialize)]
struct TransactionsBody {
    transactions: Vec<TransactionBody>,
    next_cursor: Option<String>,
}

#[derive(Serialize)]
struct TransactionBody {
    version: u64,
    r#type: &'static str,
    amount: String,
    balance_after: String,
    reference: Option<String>,
    occurred_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    transfer_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    counterparty: Option<String>,
}

impl From<StatementLine> for TransactionBody {
    fn from(line: StatementLine) -> Self {
        Self {
            version: line.version,
            r#type: line.kind.as_str(),
            amount: line.amount.to_string(),
            balance_after: line.balance_after.to_string(),
            reference: line.reference,
            occurred_at: line.occurred_at.to_string(),
            transfer_id: line.transfer.map(|transfer| transfer.transfer_id.to_string()),
            counterparty: line.transfer.map(|transfer| transfer.counterparty.to_string()),
        }
    }
}

impl ListTransactionsFunction {
    /// The function on this read database.
    pub fn new(account_repository: BankAccountRepository) -> Self {
        Self { dispatcher: QueryDispatcher::new(ListTransactionsHandler::new(account_repository)) }
    }
}

#[async_trait]
impl HttpFunction for ListTransactionsFunction {
    async fn answer(&self, request: &ApiRequest) -> Result<Answer, Problem> {
        let caller = request.caller(scopes::ACCOUNTS_READ)?;
        let query = list_transactions(request, actor(&caller))?;
        let context = request.query_context(&caller);
        let page = self
            .dispatcher
            .dispatch(QueryEnvelope { query, context })
            .await
            .map_err(|error| account_query_problem(&error))?;
        let body = TransactionsBody {
            transactions: page.lines.into_iter().map(TransactionBody::from).collect(),
            next_cursor: page.next_before_version.map(|before_version| TransactionsCursor { before_version }.encode()),
        };
        Ok(Answer::json(StatusCode::OK, &body))
    }
}

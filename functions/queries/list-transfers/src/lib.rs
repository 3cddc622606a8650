//! `GET /transfers`: a page of an account's transfers, or for a teller a page of all transfers.

mod list_transfers_handler; // reads the page, if the caller may see the account
mod list_transfers_request; // filters, limit and cursor, parsed

use async_trait::async_trait;
use bank_http_api::{TransferBody, account_query_problem, actor, scopes};
use bank_read_model::{BankAccountRepository, TransferRepository};
use cqrs::{QueryDispatcher, QueryEnvelope};
use http::StatusCode;
use http_api::{Answer, ApiRequest, Cursor as _, HttpFunction, Problem};
use serde::Serialize;

pub use list_transfers_handler::{ListTransfers, ListTransfersHandler, TransfersAnswer};
use list_transfers_request::{TransfersCursor, list_transfers};

/// The function behind `GET /transfers`.
pub struct ListTransfersFunction {
    dispatcher: QueryDispatcher<ListTransfers, TransfersAnswer>,
}

#[derive(Serialize)]
struct TransfersBody {
    transfers: Vec<TransferBody>,
    next_cursor: Option<String>,
}

impl ListTransfersFunction {
    /// The function on this read database.
    pub fn new(account_repository: BankAccountRepository, transfer_repository: TransferRepository) -> Self {
        Self { dispatcher: QueryDispatcher::new(ListTransfersHandler::new(account_repository, transfer_repository)) }
    }
}

#[async_trait]
impl HttpFunction for ListTransfersFunction {
    async fn answer(&self, request: &ApiRequest) -> Result<Answer, Problem> {
        let caller = request.caller(scopes::ACCOUNTS_READ)?;
        let query = list_transfers(request, actor(&caller))?;
        let context = request.query_context(&caller);
        let page = self
            .dispatcher
            .dispatch(QueryEnvelope { query, context })
            .await
            // The only resource that may be missing is the account of the filter.
            .map_err(|error| account_query_problem(&error))?;
        let body = TransfersBody {
            transfers: page.transfers.iter().map(TransferBody::from).collect(),
            next_cursor: page.next.map(|position| TransfersCursor::from(position).encode()),
        };
        Ok(Answer::json(StatusCode::OK, &body))
    }
}

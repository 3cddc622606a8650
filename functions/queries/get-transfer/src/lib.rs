//! `GET /transfers/{id}`: one row of the read database.

mod get_transfer_handler; // reads the row, waits for a version if the request names it

use async_trait::async_trait;
use bank_http_api::{TransferBody, actor, scopes, transfer_id, transfer_query_problem};
use bank_read_model::{TransferEntity, TransferRepository};
use cqrs::{QueryDispatcher, QueryEnvelope};
use http::{StatusCode, header};
use http_api::{Answer, ApiRequest, HttpFunction, Problem, version_entity_tag};

pub use get_transfer_handler::{GetTransfer, GetTransferHandler};

/// The function behind `GET /transfers/{id}`.
pub struct GetTransferFunction {
    dispatcher: QueryDispatcher<GetTransfer, TransferEntity>,
}

impl GetTransferFunction {
    /// The function on this read database.
    pub fn new(transfer_repository: TransferRepository) -> Self {
        Self { dispatcher: QueryDispatcher::new(GetTransferHandler::new(transfer_repository)) }
    }
}

#[async_trait]
impl HttpFunction for GetTransferFunction {
    async fn answer(&self, request: &ApiRequest) -> Result<Answer, Problem> {
        let caller = request.caller(scopes::ACCOUNTS_READ)?;
        request.query(&[])?;
        let query = GetTransfer {
            actor: actor(&caller),
            transfer_id: transfer_id(request)?,
            min_version: request.min_version()?,
        };
        let context = request.query_context(&caller);
        let transfer = self
            .dispatcher
            .dispatch(QueryEnvelope { query, context })
            .await
            .map_err(|error| transfer_query_problem(&error))?;
        let answer = if request.has_version(transfer.version)? {
            Answer::empty(StatusCode::NOT_MODIFIED)
        } else {
            Answer::json(StatusCode::OK, &TransferBody::from(&transfer))
        };
        Ok(answer.with_header(header::ETAG, version_entity_tag(transfer.version)))
    }
}

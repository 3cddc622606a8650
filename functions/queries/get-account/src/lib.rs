//! `GET /accounts/{id}`: one row of the read database.

mod get_account_handler; // reads the row, waits for a version if the request names it

use async_trait::async_trait;
use bank_http_api::{AccountBody, account_id, account_query_problem, actor, scopes};
use bank_read_model::{BankAccountEntity, BankAccountRepository};
use cqrs::{QueryDispatcher, QueryEnvelope};
use http::{StatusCode, header};
use http_api::{Answer, ApiRequest, HttpFunction, Problem, version_entity_tag};

pub use get_account_handler::{GetAccount, GetAccountHandler};

/// The function behind `GET /accounts/{id}`.
pub struct GetAccountFunction {
    dispatcher: QueryDispatcher<GetAccount, BankAccountEntity>,
}

impl GetAccountFunction {
    /// The function on this read database.
    pub fn new(account_repository: BankAccountRepository) -> Self {
        Self { dispatcher: QueryDispatcher::new(GetAccountHandler::new(account_repository)) }
    }
}

#[async_trait]
impl HttpFunction for GetAccountFunction {
    async fn answer(&self, request: &ApiRequest) -> Result<Answer, Problem> {
        let caller = request.caller(scopes::ACCOUNTS_READ)?;
        request.query(&[])?;
        let query =
            GetAccount { actor: actor(&caller), account_id: account_id(request)?, min_version: request.min_version()? };
        let context = request.query_context(&caller);
        let account = self
            .dispatcher
            .dispatch(QueryEnvelope { query, context })
            .await
            .map_err(|error| account_query_problem(&error))?;
        let answer = if request.has_version(account.version)? {
            Answer::empty(StatusCode::NOT_MODIFIED)
        } else {
            Answer::json(StatusCode::OK, &AccountBody::from(&account))
        };
        Ok(answer.with_header(header::ETAG, version_entity_tag(account.version)))
    }
}

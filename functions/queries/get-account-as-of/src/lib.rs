//! `GET /accounts/{id}/as-of/{time}`: an account in its state at a time.

mod get_account_as_of_handler; // folds the events up to the time

use std::sync::Arc;

use async_trait::async_trait;
use bank_http_api::{AccountBody, account_id, account_query_problem, actor, scopes};
use bank_read_model::BankAccountEntity;
use cqrs::{EventStoreRepository, PersonalData, QueryDispatcher, QueryEnvelope};
use http::StatusCode;
use http_api::{Answer, ApiRequest, HttpFunction, Problem};

pub use get_account_as_of_handler::{GetAccountAsOf, GetAccountAsOfHandler};

/// The function behind `GET /accounts/{id}/as-of/{time}`.
pub struct GetAccountAsOfFunction {
    dispatcher: QueryDispatcher<GetAccountAsOf, BankAccountEntity>,
}

impl GetAccountAsOfFunction {
    /// The function on this event store. The second argument opens the events' personal data.
    pub fn new(event_store_repository: Arc<dyn EventStoreRepository>, personal_data: Arc<dyn PersonalData>) -> Self {
        Self { dispatcher: QueryDispatcher::new(GetAccountAsOfHandler::new(event_store_repository, personal_data)) }
    }
}

#[async_trait]
impl HttpFunction for GetAccountAsOfFunction {
    async fn answer(&self, request: &ApiRequest) -> Result<Answer, Problem> {
        let caller = request.caller(scopes::ACCOUNTS_READ)?;
        request.query(&[])?;
        let query = GetAccountAsOf {
            actor: actor(&caller),
            account_id: account_id(request)?,
            as_of: request.time_in_path("time")?,
        };
        let context = request.query_context(&caller);
        let account = self
            .dispatcher
            .dispatch(QueryEnvelope { query, context })
            .await
            .map_err(|error| account_query_problem(&error))?;
        Ok(Answer::json(StatusCode::OK, &AccountBody::from(&account)))
    }
}

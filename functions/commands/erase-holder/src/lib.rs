//! `POST /admin/accounts/{id}/erase`: turns the request into an [`EraseHolder`] command, and the command's outcome into the answer.

mod erase_holder_handler; // destroys the key, then loads, decides, saves
mod erase_holder_request; // the body, an object without members

use std::sync::Arc;

use async_trait::async_trait;
use bank::{AccountAggregate, EraseHolder};
use bank_http_api::{account_command_answer, account_command_problem, account_id};
use cqrs::{CommandDispatcher, CommandEnvelope, EventSourcingHandler};
use http::StatusCode;
use http_api::{Answer, ApiRequest, HttpFunction, Problem, Scope};
use personal_data::KeyStore;

pub use erase_holder_handler::EraseHolderHandler;
use erase_holder_request::EraseHolderRequest;

/// The function behind `POST /admin/accounts/{id}/erase`.
pub struct EraseHolderFunction {
    dispatcher: CommandDispatcher<EraseHolder, AccountAggregate>,
}

impl EraseHolderFunction {
    /// The function that works through this event sourcing handler and destroys these keys.
    pub fn new(event_sourcing_handler: EventSourcingHandler<AccountAggregate>, keys: Arc<dyn KeyStore>) -> Self {
        Self { dispatcher: CommandDispatcher::new(EraseHolderHandler::new(event_sourcing_handler, keys)) }
    }
}

#[async_trait]
impl HttpFunction for EraseHolderFunction {
    async fn answer(&self, request: &ApiRequest) -> Result<Answer, Problem> {
        let caller = request.caller(Scope::ADMIN)?;
        request.query(&[])?;
        let account_id = account_id(request)?;
        let EraseHolderRequest {} = request.json_if_any()?;
        let command = EraseHolder { account_id };
        let context = request.command_context(&caller, &command)?;
        match self.dispatcher.dispatch(CommandEnvelope { command, context }).await {
            Ok(outcome) => account_command_answer(StatusCode::OK, &outcome),
            Err(error) => Err(account_command_problem(&error)),
        }
    }
}

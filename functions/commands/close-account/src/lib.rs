//! `POST /accounts/{id}/close`: turns the request into a [`CloseAccount`] command, and the command's outcome into the answer.

mod close_account_handler; // loads, decides, saves
mod close_account_request; // parses the body

use async_trait::async_trait;
use bank::{AccountAggregate, CloseAccount};
use bank_http_api::{account_command_answer, account_command_problem, account_id, actor, scopes};
use cqrs::{CommandDispatcher, CommandEnvelope, EventSourcingHandler};
use http::StatusCode;
use http_api::{Answer, ApiRequest, HttpFunction, Problem};

pub use close_account_handler::CloseAccountHandler;
use close_account_request::CloseAccountRequest;

/// The function behind `POST /accounts/{id}/close`.
pub struct CloseAccountFunction {
    dispatcher: CommandDispatcher<CloseAccount, AccountAggregate>,
}

impl CloseAccountFunction {
    /// The function that works through this event sourcing handler.
    #[must_use]
    pub fn new(event_sourcing_handler: EventSourcingHandler<AccountAggregate>) -> Self {
        Self { dispatcher: CommandDispatcher::new(CloseAccountHandler::new(event_sourcing_handler)) }
    }
}

#[async_trait]
impl HttpFunction for CloseAccountFunction {
    async fn answer(&self, request: &ApiRequest) -> Result<Answer, Problem> {
        let caller = request.caller(scopes::ACCOUNTS_WRITE)?;
        request.query(&[])?;
        let account_id = account_id(request)?;
        let body: CloseAccountRequest = request.json_if_any()?;
        let command = body.into_command(actor(&caller), account_id)?;
        let context = request.command_context(&caller, &command)?;
        match self.dispatcher.dispatch(CommandEnvelope { command, context }).await {
            Ok(outcome) => account_command_answer(StatusCode::OK, &outcome),
            Err(error) => Err(account_command_problem(&error)),
        }
    }
}

//! `POST /accounts/{id}/withdrawals`: turns the request into a [`WithdrawFunds`] command, and the command's outcome into the answer.

mod withdraw_funds_handler; // loads, decides, saves
mod withdraw_funds_request; // the body becomes the command

use async_trait::async_trait;
use bank::{AccountAggregate, WithdrawFunds};
use bank_http_api::{account_command_answer, account_command_problem, account_id, actor, scopes};
use cqrs::{CommandDispatcher, CommandEnvelope, EventSourcingHandler};
use http::StatusCode;
use http_api::{Answer, ApiRequest, HttpFunction, Problem};

pub use withdraw_funds_handler::WithdrawFundsHandler;
use withdraw_funds_request::withdraw_funds;

/// The function behind `POST /accounts/{id}/withdrawals`.
pub struct WithdrawFundsFunction {
    dispatcher: CommandDispatcher<WithdrawFunds, AccountAggregate>,
}

impl WithdrawFundsFunction {
    /// The function that works through this event sourcing handler.
    #[must_use]
    pub fn new(event_sourcing_handler: EventSourcingHandler<AccountAggregate>) -> Self {
        Self { dispatcher: CommandDispatcher::new(WithdrawFundsHandler::new(event_sourcing_handler)) }
    }
}

#[async_trait]
impl HttpFunction for WithdrawFundsFunction {
    async fn answer(&self, request: &ApiRequest) -> Result<Answer, Problem> {
        let caller = request.caller(scopes::ACCOUNTS_WRITE)?;
        request.query(&[])?;
        let account_id = account_id(request)?;
        let command = withdraw_funds(request.json()?, actor(&caller), account_id)?;
        let context = request.command_context(&caller, &command)?;
        match self.dispatcher.dispatch(CommandEnvelope { command, context }).await {
            Ok(outcome) => account_command_answer(StatusCode::OK, &outcome),
            Err(error) => Err(account_command_problem(&error)),
        }
    }
}

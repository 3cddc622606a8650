//! `POST /accounts/{id}/deposits`: turns the request into a [`DepositFunds`] command, and the command's outcome into the answer.

mod deposit_funds_handler; // loads, decides, saves
mod deposit_funds_request; // the body becomes the command

use async_trait::async_trait;
use bank::{AccountAggregate, DepositFunds};
use bank_http_api::{account_command_answer, account_command_problem, account_id, actor, scopes};
use cqrs::{CommandDispatcher, CommandEnvelope, EventSourcingHandler};
use http::StatusCode;
use http_api::{Answer, ApiRequest, HttpFunction, Problem};

pub use deposit_funds_handler::DepositFundsHandler;
use deposit_funds_request::deposit_funds;

/// The function behind `POST /accounts/{id}/deposits`.
pub struct DepositFundsFunction {
    dispatcher: CommandDispatcher<DepositFunds, AccountAggregate>,
}

impl DepositFundsFunction {
    /// The function that works through this event sourcing handler.
    #[must_use]
    pub fn new(event_sourcing_handler: EventSourcingHandler<AccountAggregate>) -> Self {
        Self { dispatcher: CommandDispatcher::new(DepositFundsHandler::new(event_sourcing_handler)) }
    }
}

#[async_trait]
impl HttpFunction for DepositFundsFunction {
    async fn answer(&self, request: &ApiRequest) -> Result<Answer, Problem> {
        let caller = request.caller(scopes::ACCOUNTS_WRITE)?;
        request.query(&[])?;
        let account_id = account_id(request)?;
        let command = deposit_funds(request.json()?, actor(&caller), account_id)?;
        let context = request.command_context(&caller, &command)?;
        match self.dispatcher.dispatch(CommandEnvelope { command, context }).await {
            Ok(outcome) => account_command_answer(StatusCode::OK, &outcome),
            Err(error) => Err(account_command_problem(&error)),
        }
    }
}

//! `POST /transfers/{id}/reversal`: turns the request into a [`ReverseTransfer`] command, and the command's outcome into
//! the answer.

mod reverse_transfer_handler; // loads the transfer and both accounts, decides, saves
mod reverse_transfer_request; // parses the body

use account_commands::TransferOutcome;
use async_trait::async_trait;
use bank::{AccountAggregate, ReverseTransfer, TransferAggregate};
use bank_http_api::{actor, scopes, transfer_command_problem, transfer_id, transfer_reversed_answer};
use cqrs::{CommandDispatcher, CommandEnvelope, EventSourcingHandler, JointEventSourcingHandler};
use http_api::{Answer, ApiRequest, HttpFunction, Problem};

pub use reverse_transfer_handler::ReverseTransferHandler;
use reverse_transfer_request::ReverseTransferRequest;

/// The function behind `POST /transfers/{id}/reversal`.
pub struct ReverseTransferFunction {
    dispatcher: CommandDispatcher<ReverseTransfer, TransferAggregate, TransferOutcome>,
}

impl ReverseTransferFunction {
    /// The function that works through this event sourcing handler of the accounts.
    #[must_use]
    pub fn new(accounts: EventSourcingHandler<AccountAggregate>) -> Self {
        let joint_event_sourcing_handler = JointEventSourcingHandler::new(accounts);
        Self { dispatcher: CommandDispatcher::new(ReverseTransferHandler::new(joint_event_sourcing_handler)) }
    }
}

#[async_trait]
impl HttpFunction for ReverseTransferFunction {
    async fn answer(&self, request: &ApiRequest) -> Result<Answer, Problem> {
        let caller = request.caller(scopes::ACCOUNTS_WRITE)?;
        request.query(&[])?;
        let transfer_id = transfer_id(request)?;
        let body: ReverseTransferRequest = request.json_if_any()?;
        let command = body.into_command(actor(&caller), transfer_id)?;
        let context = request.command_context(&caller, &command)?;
        match self.dispatcher.dispatch(CommandEnvelope { command, context }).await {
            Ok(TransferOutcome { transfer, payer }) => transfer_reversed_answer(&transfer, &payer),
            Err(error) => Err(transfer_command_problem(&error)),
        }
    }
}

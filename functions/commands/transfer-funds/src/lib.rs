//! `POST /transfers`: turns the request into a [`TransferFunds`] command, and the command's outcome into the answer.

mod transfer_funds_handler; // loads both accounts, decides, saves
mod transfer_funds_request; // parses the body

use account_commands::TransferOutcome;
use async_trait::async_trait;
use bank::{AccountAggregate, TransferAggregate, TransferFunds, TransferId};
use bank_http_api::{actor, scopes, transfer_command_problem, transfer_made_answer};
use cqrs::{CommandDispatcher, CommandEnvelope, Digest, EventSourcingHandler, JointEventSourcingHandler};
use http::header;
use http_api::{Answer, ApiRequest, Caller, HttpFunction, Problem};

pub use transfer_funds_handler::TransferFundsHandler;
use transfer_funds_request::TransferFundsRequest;

/// The function behind `POST /transfers`.
pub struct TransferFundsFunction {
    dispatcher: CommandDispatcher<TransferFunds, TransferAggregate, TransferOutcome>,
}

impl TransferFundsFunction {
    /// The function that works through this event sourcing handler of the accounts.
    #[must_use]
    pub fn new(accounts: EventSourcingHandler<AccountAggregate>) -> Self {
        let joint_event_sourcing_handler = JointEventSourcingHandler::new(accounts);
        Self { dispatcher: CommandDispatcher::new(TransferFundsHandler::new(joint_event_sourcing_handler)) }
    }
}

#[async_trait]
impl HttpFunction for TransferFundsFunction {
    async fn answer(&self, request: &ApiRequest) -> Result<Answer, Problem> {
        let caller = request.caller(scopes::ACCOUNTS_WRITE)?;
        request.query(&[])?;
        // A new transfer has no version yet, and a version of an account could mean either account.
        if request.header(header::IF_MATCH.as_str())?.is_some() {
            return Err(Problem::malformed("If-Match has no meaning for a new transfer."));
        }
        let body: TransferFundsRequest = request.json()?;
        let transfer_id = transfer_id_for(&caller, request.idempotency_key()?);
        let command = body.into_command(actor(&caller), transfer_id)?;
        let context = request.command_context(&caller, &command)?;
        match self.dispatcher.dispatch(CommandEnvelope { command, context }).await {
            Ok(TransferOutcome { transfer, payer }) => transfer_made_answer(&transfer, &payer),
            Err(error) => Err(transfer_command_problem(&error)),
        }
    }
}

/// The id of the new transfer. With an idempotency key, the same caller and key always give the same id. So a retry finds
/// the transfer by its id, without an index over all transfers.
fn transfer_id_for(caller: &Caller, idempotency_key: Option<&str>) -> TransferId {
    idempotency_key.map_or_else(TransferId::generate, |key| {
        let digest = Digest::of_parts(&[b"transfer", caller.subject.as_bytes(), key.as_bytes()]);
        TransferId::derived_from(digest.as_bytes())
    })
}

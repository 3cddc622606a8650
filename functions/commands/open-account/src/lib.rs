//! `POST /accounts`: turns the request into an [`OpenAccount`] command, and the command's
//! outcome into the answer.

mod open_account_handler; // decides, saves
mod open_account_request; // parses the body

use std::sync::Arc;

use async_trait::async_trait;
use bank::{AccountAggregate, AccountId, OpenAccount};
use bank_http_api::{account_command_answer, account_command_problem, actor, scopes};
use cqrs::{CommandDispatcher, CommandEnvelope, Digest, EventSourcingHandler, PersonalData};
use http::{HeaderValue, StatusCode, header};
use http_api::{Answer, ApiRequest, Caller, HttpFunction, Problem};

pub use open_account_handler::OpenAccountHandler;
use open_account_request::OpenAccountRequest;

/// The function behind `POST /accounts`.
pub struct OpenAccountFunction {
    dispatcher: CommandDispatcher<OpenAccount, AccountAggregate>,
}

impl OpenAccountFunction {
    /// The function that works through this event sourcing handler, with the keys that seal the holder's name.
    pub fn new(
        event_sourcing_handler: EventSourcingHandler<AccountAggregate>,
        personal_data: Arc<dyn PersonalData>,
    ) -> Self {
        let event_sourcing_handler = event_sourcing_handler.with_personal_data(personal_data);
        Self { dispatcher: CommandDispatcher::new(OpenAccountHandler::new(event_sourcing_handler)) }
    }
}

#[async_trait]
impl HttpFunction for OpenAccountFunction {
    async fn answer(&self, request: &ApiRequest) -> Result<Answer, Problem> {
        let caller = request.caller(scopes::ACCOUNTS_WRITE)?;
        request.query(&[])?;
        let body: OpenAccountRequest = request.json()?;
        let account_id = account_id_for(&caller, request.idempotency_key()?);
        let command = body.into_command(actor(&caller), account_id)?;
        let context = request.command_context(&caller, &command)?;
        match self.dispatcher.dispatch(CommandEnvelope { command, context }).await {
            Ok(outcome) => {
                let location = HeaderValue::from_str(&format!("/accounts/{}", outcome.stream_id))
                    .map_err(|_| Problem::internal_error())?;
                account_command_answer(StatusCode::CREATED, &outcome)
                    .map(|answer| answer.with_header(header::LOCATION, location))
            }
            Err(error) => Err(account_command_problem(&error)),
        }
    }
}

/// The id of the new account. With an idempotency key, the same caller and key always give the same id. So a retry finds
/// the account by its id, without an index over all accounts.
fn account_id_for(caller: &Caller, idempotency_key: Option<&str>) -> AccountId {
    idempotency_key.map_or_else(AccountId::generate, |key| {
        let digest = Digest::of_parts(&[b"account", caller.subject.as_bytes(), key.as_bytes()]);
        AccountId::derived_from(digest.as_bytes())
    })
}

use bank::{AccountAggregate, TransferAggregate, TransferError};
use cqrs::{AtVersion, CommandErrorOf, CommandOutcome};
use http::{HeaderValue, StatusCode, header};
use http_api::{Answer, Problem, ProblemCode, version_entity_tag};
use serde::Serialize;

use crate::account_command_answer::{account_refusal_problem, marked_if_replayed};
use crate::command_problem::{CommandWords, command_problem};
use crate::{problem_codes, transfer_not_found};

#[derive(Serialize)]
struct TransferCommandBody {
    transfer_id: String,
    version: u64,
    status: &'static str,
    from: String,
    to: String,
    amount: String,
    currency: &'static str,
    #[serde(flatten)]
    payer: PayerBody,
}

/// The account that gave the money in the command. The answer says nothing of the other account's balance.
#[derive(Serialize)]
#[serde(untagged)]
enum PayerBody {
    Sender { from_version: u64, from_balance: String },
    Recipient { to_version: u64, to_balance: String },
}

/// The answer to a new transfer once its events are durable. `sender` is the account that gave the money.
///
/// # Errors
/// `internal_error` if the transfer was never made, or the account never opened. No command leaves them so.
pub fn transfer_made_answer(
    transfer: &CommandOutcome<TransferAggregate>,
    sender: &AtVersion<AccountAggregate>,
) -> Result<Answer, Problem> {
    let location = HeaderValue::from_str(&format!("/transfers/{}", transfer.stream_id));
    let location = location.map_err(|_| Problem::internal_error())?;
    let payer = PayerBody::Sender { from_version: sender.version, from_balance: balance(&sender.aggregate)? };
    Ok(answer(StatusCode::CREATED, transfer, payer)?.with_header(header::LOCATION, location))
}

/// The answer to the reversal of a transfer once its events are durable. `recipient` is the account that gave the money
/// back.
///
/// # Errors
/// As [`transfer_made_answer`].
pub fn transfer_reversed_answer(
    transfer: &CommandOutcome<TransferAggregate>,
    recipient: &AtVersion<AccountAggregate>,
) -> Result<Answer, Problem> {
    let payer = PayerBody::Recipient { to_version: recipient.version, to_balance: balance(&recipient.aggregate)? };
    answer(StatusCode::OK, transfer, payer)
}

fn balance(account: &AccountAggregate) -> Result<String, Problem> {
    account.opened().map(|account| account.balance.to_string()).ok_or_else(Problem::internal_error)
}

fn answer(
    status: StatusCode,
    outcome: &CommandOutcome<TransferAggregate>,
    payer: PayerBody,
) -> Result<Answer, Problem> {
    let transfer = outcome.aggregate.made().ok_or_else(Problem::internal_error)?;
    let body = TransferCommandBody {
        transfer_id: outcome.stream_id.to_string(),
        version: outcome.version,
        status: transfer.status.as_str(),
        from: transfer.from.to_string(),
        to: transfer.to.to_string(),
        amount: transfer.amount.to_string(),
        currency: transfer.amount.currency().code(),
        payer,
    };
    let answer = Answer::json(status, &body).with_header(header::ETAG, version_entity_tag(outcome.version));
    Ok(marked_if_replayed(answer, outcome.replayed))
}

/// The reason why a command on a transfer was not done, for the client.
#[must_use]
pub fn transfer_command_problem(error: &CommandErrorOf<TransferAggregate>) -> Problem {
    let words = CommandWords {
        resource: "transfer",
        version_mismatch: problem_codes::TRANSFER_VERSION_MISMATCH,
        contended: "the two accounts",
    };
    command_problem(error, &words, refusal_problem)
}

fn refusal_problem(error: &TransferError) -> Problem {
    match error {
        TransferError::Account(error) => account_refusal_problem(error),
        TransferError::SameAccount => {
            Problem::new(problem_codes::SAME_ACCOUNT, "A transfer needs two different accounts.")
        }
        TransferError::RecipientNotFound => recipient_not_found(),
        TransferError::CurrencyMismatch => {
            Problem::new(problem_codes::CURRENCY_MISMATCH, "The two accounts have different currencies.")
        }
        // Two transfers have one id. With derived ids it is a collision, with generated ids a broken random source.
        TransferError::AlreadyMade => Problem::new(ProblemCode::CONFLICT, "This transfer id is taken. Try again."),
        TransferError::NotFound => transfer_not_found(),
        TransferError::NotTheRecipient => {
            Problem::new(ProblemCode::FORBIDDEN, "Only the owner of the recipient's account may reverse a transfer.")
        }
        TransferError::AlreadyReversed => {
            Problem::new(problem_codes::ALREADY_REVERSED, "A transfer can be reversed once.")
        }
        TransferError::SenderTakesNoMoney => {
            Problem::new(problem_codes::ACCOUNT_CLOSED, "The sender's account takes the money back no more.")
        }
    }
}

/// No account with this id takes the transfer. It may be unknown, closed or full: the answers are the same, letter by
/// letter.
#[must_use]
pub fn recipient_not_found() -> Problem {
    Problem::new(problem_codes::RECIPIENT_NOT_FOUND, "No account with the id in to takes this transfer.")
}

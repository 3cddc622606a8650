use bank::{AccountAggregate, AccountError};
use cqrs::{CommandErrorOf, CommandOutcome};
use http::{HeaderName, HeaderValue, StatusCode, header};
use http_api::{Answer, FieldError, Problem, ProblemCode, WrongValue, version_entity_tag};
use serde::Serialize;

use crate::command_problem::{CommandWords, command_problem};
use crate::field_values::not_positive;
use crate::{account_not_found, problem_codes};

#[derive(Serialize)]
struct AccountCommandBody {
    account_id: String,
    version: u64,
    balance: String,
    currency: &'static str,
    status: &'static str,
}

/// The answer to an account command once its events are durable.
///
/// # Errors
/// `internal_error` if the account was never opened. No command leaves an account in that state.
pub fn account_command_answer(
    status: StatusCode,
    outcome: &CommandOutcome<AccountAggregate>,
) -> Result<Answer, Problem> {
    let account = outcome.aggregate.opened().ok_or_else(Problem::internal_error)?;
    let body = AccountCommandBody {
        account_id: outcome.stream_id.to_string(),
        version: outcome.version,
        balance: account.balance.to_string(),
        currency: account.balance.currency().code(),
        status: account.status.as_str(),
    };
    let answer = Answer::json(status, &body).with_header(header::ETAG, version_entity_tag(outcome.version));
    Ok(marked_if_replayed(answer, outcome.replayed))
}

/// The answer, marked if a repeated idempotency key brought the first answer again.
pub(crate) fn marked_if_replayed(answer: Answer, is_replayed: bool) -> Answer {
    let name = HeaderName::from_static("idempotency-replayed");
    if is_replayed { answer.with_header(name, HeaderValue::from_static("true")) } else { answer }
}

/// The reason why an account command was not done, for the client.
#[must_use]
pub fn account_command_problem(error: &CommandErrorOf<AccountAggregate>) -> Problem {
    let words = CommandWords {
        resource: "account",
        version_mismatch: problem_codes::VERSION_MISMATCH,
        contended: "this account",
    };
    command_problem(error, &words, account_refusal_problem)
}

/// The reason why an account refused a command, for the client.
pub(crate) fn account_refusal_problem(error: &AccountError) -> Problem {
    let wrong_amount = |wrong| Problem::validation_failed(vec![FieldError::new("amount", wrong)]);
    let amount_error = |code| wrong_amount(WrongValue { code, message: error.to_string() });
    match error {
        AccountError::NotFound => account_not_found(),
        // Two accounts have one id. With derived ids it is a collision, with generated ids a broken random source.
        AccountError::AlreadyOpen => Problem::new(ProblemCode::CONFLICT, "This account id is taken. Try again."),
        AccountError::Closed => Problem::new(problem_codes::ACCOUNT_CLOSED, "A closed account takes no commands."),
        AccountError::TooManyDecimals { .. } => amount_error("too_many_decimals"),
        AccountError::AmountTooLarge => amount_error("too_large"),
        AccountError::AmountNotPositive => wrong_amount(not_positive()),
        AccountError::InsufficientFunds { balance, amount } => Problem::new(
            problem_codes::INSUFFICIENT_FUNDS,
            format!("The account holds {balance} {currency}, less than {amount}.", currency = balance.currency()),
        ),
        AccountError::BalanceLimitExceeded => {
            Problem::new(problem_codes::BALANCE_LIMIT_EXCEEDED, "The deposit would take the balance over the limit.")
        }
        AccountError::BalanceNotZero { balance } => Problem::new(
            problem_codes::BALANCE_NOT_ZERO,
            format!("The account still holds {balance} {currency}.", currency = balance.currency()),
        ),
    }
}

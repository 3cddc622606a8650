use cqrs::{CommandError, Refusal};
use http::header;
use http_api::{Problem, ProblemCode, log_fault, version_entity_tag};

/// The words about the resource that a command is for.
pub(crate) struct CommandWords {
    /// The kind of the resource, such as `account`.
    pub(crate) resource: &'static str,
    /// The refusal of `If-Match`.
    pub(crate) version_mismatch: ProblemCode,
    /// The place where other writers were first, such as `this account`.
    pub(crate) contended: &'static str,
}

/// The reason why a command was not done, for the client. `refusal` knows the domain's own reasons.
pub(crate) fn command_problem<E: std::error::Error>(
    error: &CommandError<E>,
    words: &CommandWords,
    refusal: impl FnOnce(&E) -> Problem,
) -> Problem {
    match error {
        CommandError::Refused(Refusal::Domain(error)) => refusal(error),
        CommandError::Refused(Refusal::VersionMismatch { expected, actual }) => Problem::new(
            words.version_mismatch,
            format!("The {} is at version {actual}, not at {expected}.", words.resource),
        )
        .with_header(header::ETAG, version_entity_tag(*actual)),
        CommandError::IdempotencyKeyReused => Problem::new(
            ProblemCode::IDEMPOTENCY_KEY_REUSED,
            "This Idempotency-Key was used before for another request. Take a new key for a new request.",
        ),
        CommandError::Conflict => Problem::new(
            ProblemCode::CONFLICT,
            format!("Other commands on {} were first in every try. Nothing was done; try again.", words.contended),
        ),
        CommandError::Unavailable { .. } | CommandError::DeadlineExceeded => {
            log_fault(error);
            Problem::new(
                ProblemCode::UNAVAILABLE,
                "The command may or may not have been done. Send it again with the same Idempotency-Key.",
            )
        }
        CommandError::Undecodable { .. } | CommandError::Corrupt { .. } => {
            log_fault(error);
            Problem::internal_error()
        }
    }
}

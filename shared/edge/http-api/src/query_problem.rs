use cqrs::QueryError;

use crate::{Problem, ProblemCode};

/// The reason why a query has no answer, for the client. If the query is about one kind of thing, the function maps
/// [`QueryError::NotFound`] itself, so that the code and the text name the kind.
#[must_use]
pub fn query_problem(error: &QueryError) -> Problem {
    match error {
        QueryError::NotFound => Problem::new(ProblemCode::NOT_FOUND, "Nothing has this id."),
        QueryError::ProjectionBehind { min_version } => Problem::new(
            ProblemCode::PROJECTION_BEHIND,
            format!("The read side has not reached version {min_version} yet."),
        ),
        QueryError::Unavailable { .. } | QueryError::DeadlineExceeded => {
            log_fault(error);
            Problem::new(ProblemCode::UNAVAILABLE, "The answer cannot be read now. Try again shortly.")
        }
        QueryError::Corrupt { .. } => {
            log_fault(error);
            Problem::internal_error()
        }
    }
}

/// Logs a fault with its whole chain of causes. The client is not told them.
pub fn log_fault(error: &dyn std::error::Error) {
    tracing::error!(%error, causes = telemetry::causes(error), "fault");
}

use cqrs::QueryError;

use crate::{Problem, ProblemCode};

/// Why a query has no answer, for the client. Where the query is about one kind of thing, the function maps
/// [`QueryError::NotFound`] itself: the code and the text then name the kind.
#[must_use]
pub fn query_problem(error: &QueryError) -> Problem {
    match error {
        QueryError::NotFound => Problem::new(ProblemCode::NOT_FOUND, "There is nothing of this id."),
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

/// Logs a fault with its whole chain of causes, which the client is not told.
pub fn log_fault(error: &dyn std::error::Error) {
    tracing::error!(%error, causes = telemetry::causes(error), "fault");
}

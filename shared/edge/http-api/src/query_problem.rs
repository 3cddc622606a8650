use cqrs::QueryError;

use crate::{Problem, ProblemCode};

/// Why a query has no answer, for the client. Where `QueryError::NotFound` means something else than an
/// account, the function maps it itself.
#[must_use]
pub fn query_problem(error: &QueryError) -> Problem {
    match error {
        QueryError::NotFound => Problem::account_not_found(),
        QueryError::ProjectionBehind { min_version } => Problem::new(
            ProblemCode::ProjectionBehind,
            format!("The read side has not reached version {min_version} of this account yet."),
        ),
        QueryError::Unavailable { .. } | QueryError::DeadlineExceeded => {
            log_fault(error);
            Problem::new(ProblemCode::Unavailable, "The answer cannot be read now. Try again shortly.")
        }
        QueryError::Corrupt { .. } => {
            log_fault(error);
            Problem::internal_error()
        }
    }
}

/// The whole chain of causes, which the client is not told.
pub(crate) fn log_fault(error: &dyn std::error::Error) {
    tracing::error!(%error, causes = telemetry::causes(error), "fault");
}

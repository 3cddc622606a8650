use cqrs::QueryError;
use http_api::{Problem, query_problem};

use crate::problem_codes;

/// The reason why a query for a transfer has no answer, for the client.
#[must_use]
pub fn transfer_query_problem(error: &QueryError) -> Problem {
    match error {
        QueryError::NotFound => transfer_not_found(),
        error => query_problem(error),
    }
}

/// The transfer does not exist, or it is between accounts of other callers. Both answers are the same, letter by letter.
#[must_use]
pub fn transfer_not_found() -> Problem {
    Problem::new(problem_codes::TRANSFER_NOT_FOUND, "No transfer of yours has this id.")
}

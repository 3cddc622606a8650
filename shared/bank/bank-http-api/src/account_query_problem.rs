use cqrs::QueryError;
use http_api::{Problem, query_problem};

use crate::problem_codes;

/// The reason why a query about accounts has no answer, for the client.
#[must_use]
pub fn account_query_problem(error: &QueryError) -> Problem {
    match error {
        QueryError::NotFound => account_not_found(),
        error => query_problem(error),
    }
}

/// The account does not exist, or it belongs to another caller. Both answers are the same, letter by letter.
#[must_use]
pub fn account_not_found() -> Problem {
    Problem::new(problem_codes::ACCOUNT_NOT_FOUND, "No account of yours has this id.")
}

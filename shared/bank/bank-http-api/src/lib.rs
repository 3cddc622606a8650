//! The bank's part of the HTTP edge. The crate `http-api` is the general part, and knows no bank.

mod routes; // the function of each method and path

// --- reading a request
mod account_request; // the account in the path, the caller in the domain's form
mod field_values; // a body's fields as values of the bank
mod funds_request; // the body that deposits and withdrawals share
pub mod scopes; // the rights that a token may give
mod transfer_request; // the transfer in the path

// --- writing an answer
mod account_body; // an account in the answers of queries
mod account_command_answer; // the answer to an account command, or its refusal
mod account_query_problem; // the reason why a query about accounts has no answer
mod command_problem; // the reason why a command was not done, in the words for its resource
pub mod problem_codes; // the kinds of refusal that only the bank has
mod transfer_body; // a transfer in the answers of queries
mod transfer_command_answer; // the answer to a command on a transfer, or its refusal
mod transfer_query_problem; // the reason why a query for a transfer has no answer

pub use account_body::AccountBody;
pub use account_command_answer::{account_command_answer, account_command_problem};
pub use account_query_problem::{account_not_found, account_query_problem};
pub use account_request::{account_id, actor};
pub use field_values::{FieldCode, bank_value, positive_amount, wrong_value};
pub use funds_request::{Funds, FundsRequest};
pub use routes::{OPENAPI_PATH, ROUTES, Route, methods_of};
pub use transfer_body::TransferBody;
pub use transfer_command_answer::{
    recipient_not_found, transfer_command_problem, transfer_made_answer, transfer_reversed_answer,
};
pub use transfer_query_problem::{transfer_not_found, transfer_query_problem};
pub use transfer_request::transfer_id;

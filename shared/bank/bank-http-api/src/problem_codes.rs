//! The kinds of refusal that only the bank has. The general kinds are constants of [`ProblemCode`] itself.

use http::StatusCode;
use http_api::ProblemCode;

/// The account does not exist, or it belongs to another caller.
pub const ACCOUNT_NOT_FOUND: ProblemCode =
    ProblemCode { name: "account_not_found", status: StatusCode::NOT_FOUND, title: "There is no such account" };

/// The transfer does not exist, or it is between accounts of other callers.
pub const TRANSFER_NOT_FOUND: ProblemCode =
    ProblemCode { name: "transfer_not_found", status: StatusCode::NOT_FOUND, title: "There is no such transfer" };

/// The account takes no more commands.
pub const ACCOUNT_CLOSED: ProblemCode =
    ProblemCode { name: "account_closed", status: StatusCode::CONFLICT, title: "The account is closed" };

/// The general refusal of `If-Match`, in the words for an account.
pub const VERSION_MISMATCH: ProblemCode =
    ProblemCode { title: "The account is at another version", ..ProblemCode::VERSION_MISMATCH };

/// The general refusal of `If-Match`, in the words for a transfer.
pub const TRANSFER_VERSION_MISMATCH: ProblemCode =
    ProblemCode { title: "The transfer is at another version", ..ProblemCode::VERSION_MISMATCH };

/// The transfer has been reversed before.
pub const ALREADY_REVERSED: ProblemCode =
    ProblemCode { name: "already_reversed", status: StatusCode::CONFLICT, title: "The transfer is reversed already" };

/// A transfer from an account to itself.
pub const SAME_ACCOUNT: ProblemCode = ProblemCode {
    name: "same_account",
    status: StatusCode::UNPROCESSABLE_ENTITY,
    title: "The sender and the recipient are one account",
};

/// No account takes the transfer: it does not exist, it is closed, or it would hold too much.
pub const RECIPIENT_NOT_FOUND: ProblemCode = ProblemCode {
    name: "recipient_not_found",
    status: StatusCode::UNPROCESSABLE_ENTITY,
    title: "There is no such recipient",
};

/// A transfer between accounts of two currencies.
pub const CURRENCY_MISMATCH: ProblemCode = ProblemCode {
    name: "currency_mismatch",
    status: StatusCode::UNPROCESSABLE_ENTITY,
    title: "The accounts have different currencies",
};

/// A withdrawal or a transfer of more than the account holds.
pub const INSUFFICIENT_FUNDS: ProblemCode = ProblemCode {
    name: "insufficient_funds",
    status: StatusCode::UNPROCESSABLE_ENTITY,
    title: "The account holds too little",
};

/// The closing of an account that still holds money.
pub const BALANCE_NOT_ZERO: ProblemCode = ProblemCode {
    name: "balance_not_zero",
    status: StatusCode::UNPROCESSABLE_ENTITY,
    title: "The account still holds money",
};

/// A deposit that would take the balance over its limit.
pub const BALANCE_LIMIT_EXCEEDED: ProblemCode = ProblemCode {
    name: "balance_limit_exceeded",
    status: StatusCode::UNPROCESSABLE_ENTITY,
    title: "The account would hold too much",
};

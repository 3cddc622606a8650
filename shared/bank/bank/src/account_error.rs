use crate::{Currency, Money};

/// The reason why an account refuses a command. A refusal is final for the account's present state. The
/// account has not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// There is no such account, or it belongs to another caller. The two cases are not told apart.
    #[error("there is no such account")]
    NotFound,
    /// The account exists already. This happens only if an id is used twice.
    #[error("the account is already open")]
    AlreadyOpen,
    /// The account has been closed and takes no commands any more.
    #[error("the account is closed")]
    Closed,
    /// The amount has more decimals than the account's currency.
    #[error("{currency} amounts have at most {decimals} decimals")]
    TooManyDecimals {
        /// The account's currency.
        currency: Currency,
        /// The currency's number of decimals.
        decimals: u8,
    },
    /// The amount alone is over the limit of one amount.
    #[error("the amount is over the limit of one amount")]
    AmountTooLarge,
    /// The amount is zero. A deposit or a withdrawal must move money.
    #[error("the amount must be above zero")]
    AmountNotPositive,
    /// The account holds less than the amount to withdraw.
    #[error("the balance is {balance}, less than {amount}")]
    InsufficientFunds {
        /// The account's balance.
        balance: Money,
        /// The amount to withdraw.
        amount: Money,
    },
    /// The deposit would take the balance over the limit.
    #[error("the deposit would take the balance over the limit")]
    BalanceLimitExceeded,
    /// Only an empty account can be closed.
    #[error("the account still holds {balance}")]
    BalanceNotZero {
        /// The account's balance.
        balance: Money,
    },
}

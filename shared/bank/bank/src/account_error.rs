use crate::{Currency, Money};

/// Why an account refuses a command. All of them are final for the state that the account is in; nothing
/// has happened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// There is no such account, or it is another caller's; the two are not told apart.
    #[error("there is no such account")]
    NotFound,
    /// The account is there already. Only an id that is used twice leads here.
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
        /// How many it has.
        decimals: u8,
    },
    /// The amount alone is over the limit of every amount.
    #[error("the amount is over the limit of one amount")]
    AmountTooLarge,
    /// The amount is nothing; a deposit or a withdrawal moves something.
    #[error("the amount must be above zero")]
    AmountNotPositive,
    /// The account holds less than is to be withdrawn.
    #[error("the balance is {balance}, less than {amount}")]
    InsufficientFunds {
        /// What the account holds.
        balance: Money,
        /// What was to be withdrawn.
        amount: Money,
    },
    /// The deposit would take the balance over the limit.
    #[error("the deposit would take the balance over the limit")]
    BalanceLimitExceeded,
    /// Only an empty account is closed.
    #[error("the account still holds {balance}")]
    BalanceNotZero {
        /// What it holds.
        balance: Money,
    },
}

//! The one way in which callers' commands reach their accounts. It holds the rule that a stranger does not learn of an
//! account: not even its version.

mod visible_accounts;

pub use visible_accounts::VisibleAccounts;

//! The scopes of the bank's callers.

use http_api::Scope;

/// Commands on the caller's own accounts.
pub const ACCOUNTS_WRITE: Scope = Scope::new("accounts:write");
/// Queries on the caller's own accounts.
pub const ACCOUNTS_READ: Scope = Scope::new("accounts:read");
/// Any caller's accounts, within the two scopes above.
pub const TELLER: Scope = Scope::new("teller");

/// Every scope that a function requires.
pub const ALL: [Scope; 4] = [ACCOUNTS_WRITE, ACCOUNTS_READ, TELLER, Scope::ADMIN];

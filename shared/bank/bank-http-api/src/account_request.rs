use bank::{AccountId, Actor};
use http_api::{ApiRequest, Caller, Problem};

use crate::{account_not_found, scopes};

/// The account in the path.
///
/// # Errors
/// `account_not_found` for a text that is no account id: nobody has such an account.
pub fn account_id(request: &ApiRequest) -> Result<AccountId, Problem> {
    request.path_id().and_then(|id| id.parse().ok()).ok_or_else(account_not_found)
}

/// The caller as the domain knows it.
#[must_use]
pub fn actor(caller: &Caller) -> Actor {
    Actor { caller: caller.subject.clone(), is_teller: caller.has(scopes::TELLER) }
}

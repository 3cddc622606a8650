use bank::{AccountId, Actor};
use http_api::{ApiRequest, Caller, Problem};

use crate::{account_not_found, scopes};

/// The account in the path.
///
/// # Errors
/// `account_not_found` for a text that is not an account id: no account has such an id.
pub fn account_id(request: &ApiRequest) -> Result<AccountId, Problem> {
    request.path_id().and_then(|id| id.parse().ok()).ok_or_else(account_not_found)
}

/// The caller in the domain's form.
#[must_use]
pub fn actor(caller: &Caller) -> Actor {
    Actor { caller: caller.subject.clone(), is_teller: caller.has(scopes::TELLER) }
}

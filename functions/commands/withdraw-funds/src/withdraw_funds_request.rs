use bank::{AccountId, Actor, WithdrawFunds};
use bank_http_api::{Funds, FundsRequest};
use http_api::Problem;

/// The command that this body asks for.
pub(crate) fn withdraw_funds(
    body: FundsRequest,
    actor: Actor,
    account_id: AccountId,
) -> Result<WithdrawFunds, Problem> {
    let Funds { amount, reference } = body.parse()?;
    Ok(WithdrawFunds { actor, account_id, amount, reference })
}

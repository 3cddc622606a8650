use bank::{AccountId, Actor, DepositFunds};
use bank_http_api::{Funds, FundsRequest};
use http_api::Problem;

/// The command that this body asks for.
pub(crate) fn deposit_funds(body: FundsRequest, actor: Actor, account_id: AccountId) -> Result<DepositFunds, Problem> {
    let Funds { amount, reference } = body.parse()?;
    Ok(DepositFunds { actor, account_id, amount, reference })
}

use bank::{AccountId, Actor, Amount, Currency, Holder};
use bank_read_model::{AccountFilter, AccountPosition, AccountsPage};
use cqrs::Timestamp;
use http_api::{ApiRequest, Cursor, Problem};
use serde::{Deserialize, Serialize};

use crate::ListAccounts;

const KNOWN: [&str; 8] =
    ["holder", "currency", "kind", "status", "balance_at_least", "balance_at_most", "limit", "cursor"];

/// The position after which the next page starts.
#[derive(Serialize, Deserialize)]
pub(crate) struct AccountsCursor {
    opened_at: Timestamp,
    account_id: AccountId,
}

impl Cursor for AccountsCursor {
    const LIST: &'static str = "accounts";
}

impl From<AccountPosition> for AccountsCursor {
    fn from(position: AccountPosition) -> Self {
        Self { opened_at: position.opened_at, account_id: position.account_id }
    }
}

/// Parses the query parameters.
pub(crate) fn list_accounts(request: &ApiRequest, actor: Actor) -> Result<ListAccounts, Problem> {
    let parameters = request.query(&KNOWN)?;
    let currency: Option<Currency> = parameters.get("currency", str::parse)?;
    let balance_minor = |name: &str| -> Result<Option<i64>, Problem> {
        let amount: Option<Amount> = parameters.get(name, str::parse)?;
        match (amount, currency) {
            (None, _) => Ok(None),
            (Some(_), None) => {
                Err(Problem::malformed(format!("The query parameter {name:?} requires the parameter currency.")))
            }
            (Some(amount), Some(currency)) => match amount.in_currency(currency) {
                Ok(money) => Ok(Some(money.amount_minor())),
                Err(error) => Err(Problem::malformed(format!("The query parameter {name:?} is wrong: {error}."))),
            },
        }
    };
    let filter = AccountFilter {
        owner: (!actor.is_teller).then_some(actor.caller),
        holder: parameters.get("holder", str::parse::<Holder>)?.map(String::from),
        currency,
        kind: parameters.get("kind", str::parse)?,
        status: parameters.get("status", str::parse)?,
        balance_at_least_minor: balance_minor("balance_at_least")?,
        balance_at_most_minor: balance_minor("balance_at_most")?,
    };
    let position =
        |cursor: AccountsCursor| AccountPosition { opened_at: cursor.opened_at, account_id: cursor.account_id };
    let page = AccountsPage { after: parameters.cursor()?.map(position), limit: parameters.limit()? };
    Ok(ListAccounts { filter, page })
}

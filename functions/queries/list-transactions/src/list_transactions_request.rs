use bank::Actor;
use bank_http_api::account_id;
use bank_read_model::{StatementFilter, StatementPage};
use http_api::{ApiRequest, Cursor, Problem};
use serde::{Deserialize, Serialize};

use crate::ListTransactions;

/// The version before which the next page starts.
#[derive(Serialize, Deserialize)]
pub(crate) struct TransactionsCursor {
    pub(crate) before_version: u64,
}

impl Cursor for TransactionsCursor {
    const LIST: &'static str = "transactions";
}

/// Parses path, query parameters and headers.
pub(crate) fn list_transactions(request: &ApiRequest, actor: Actor) -> Result<ListTransactions, Problem> {
    let parameters = request.query(&["from", "to", "limit", "cursor"])?;
    let before_version = parameters.cursor()?.map(|cursor: TransactionsCursor| cursor.before_version);
    Ok(ListTransactions {
        actor,
        account_id: account_id(request)?,
        filter: StatementFilter { from: parameters.get("from", str::parse)?, to: parameters.get("to", str::parse)? },
        page: StatementPage { before_version, limit: parameters.limit()? },
        min_version: request.min_version()?,
    })
}

use bank::{Actor, TransferId};
use bank_read_model::{TransferFilter, TransferPosition, TransfersPage};
use cqrs::Timestamp;
use http_api::{ApiRequest, Cursor, Problem};
use serde::{Deserialize, Serialize};

use crate::ListTransfers;

/// The position after which the next page starts.
#[derive(Serialize, Deserialize)]
pub(crate) struct TransfersCursor {
    occurred_at: Timestamp,
    transfer_id: TransferId,
}

impl Cursor for TransfersCursor {
    const LIST: &'static str = "transfers";
}

impl From<TransferPosition> for TransfersCursor {
    fn from(position: TransferPosition) -> Self {
        Self { occurred_at: position.occurred_at, transfer_id: position.transfer_id }
    }
}

/// Parses the query parameters.
pub(crate) fn list_transfers(request: &ApiRequest, actor: Actor) -> Result<ListTransfers, Problem> {
    let parameters = request.query(&["account", "status", "since", "until", "limit", "cursor"])?;
    let filter = TransferFilter {
        account: parameters.get("account", str::parse)?,
        status: parameters.get("status", str::parse)?,
        since: parameters.get("since", str::parse)?,
        until: parameters.get("until", str::parse)?,
    };
    if filter.account.is_none() && !actor.is_teller {
        return Err(Problem::malformed(
            "The query parameter \"account\" is missing. Only a teller may list the transfers of all accounts."
                .to_owned(),
        ));
    }
    let position =
        |cursor: TransfersCursor| TransferPosition { occurred_at: cursor.occurred_at, transfer_id: cursor.transfer_id };
    let page = TransfersPage { after: parameters.cursor()?.map(position), limit: parameters.limit()? };
    Ok(ListTransfers { actor, filter, page })
}

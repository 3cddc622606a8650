use bank::TransferId;
use http_api::{ApiRequest, Problem};

use crate::transfer_not_found;

/// The transfer in the path.
///
/// # Errors
/// `transfer_not_found` for a text that is not a transfer id: no transfer has such an id.
pub fn transfer_id(request: &ApiRequest) -> Result<TransferId, Problem> {
    request.path_id().and_then(|id| id.parse().ok()).ok_or_else(transfer_not_found)
}

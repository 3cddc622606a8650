use bank::{Actor, TransferId};
use cqrs::QueryError;
use projection::{VersionedRow, row_at_version};

use crate::{TransferEntity, TransferRepository};

impl VersionedRow for TransferEntity {
    fn version(&self) -> u64 {
        self.version
    }
}

/// The transfer, if the actor may see it. With `min_version`, the answer waits until the read side has reached that version.
///
/// # Errors
/// See [`row_at_version`].
pub async fn transfer_at_version(
    transfer_repository: &TransferRepository,
    transfer_id: TransferId,
    actor: &Actor,
    min_version: Option<u64>,
) -> Result<TransferEntity, QueryError> {
    let read_row = || async move {
        let transfer = transfer_repository.transfer(transfer_id).await?;
        Ok(transfer.filter(|transfer| transfer.is_visible_to(actor)))
    };
    row_at_version(min_version, read_row).await
}

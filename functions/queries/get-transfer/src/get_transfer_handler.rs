use bank::{Actor, TransferId};
use bank_read_model::{TransferEntity, TransferRepository, transfer_at_version};
use cqrs::{QueryEnvelope, QueryError, QueryHandler};

/// A query for one transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetTransfer {
    /// The caller.
    pub actor: Actor,
    /// The transfer's id.
    pub transfer_id: TransferId,
    /// The version that the read side must have reached.
    pub min_version: Option<u64>,
}

/// Handles [`GetTransfer`].
pub struct GetTransferHandler {
    transfer_repository: TransferRepository,
}

impl GetTransferHandler {
    /// A handler on this read database.
    #[must_use]
    pub const fn new(transfer_repository: TransferRepository) -> Self {
        Self { transfer_repository }
    }
}

impl QueryHandler<GetTransfer> for GetTransferHandler {
    type Answer = TransferEntity;

    async fn handle(&self, envelope: &QueryEnvelope<GetTransfer>) -> Result<TransferEntity, QueryError> {
        let GetTransfer { actor, transfer_id, min_version } = &envelope.query;
        transfer_at_version(&self.transfer_repository, *transfer_id, actor, *min_version).await
    }
}

use account_commands::{TransferOutcome, VisibleTransfers};
use bank::{AccountAggregate, ReverseTransfer, TransferAggregate};
use cqrs::{CommandEnvelope, CommandErrorOf, CommandHandler, JointEventSourcingHandler};

/// Handles [`ReverseTransfer`]: loads the transfer and both accounts, decides, saves all three.
pub struct ReverseTransferHandler {
    visible_transfers: VisibleTransfers,
}

impl ReverseTransferHandler {
    /// A handler that works through this event sourcing handler.
    #[must_use]
    pub const fn new(
        joint_event_sourcing_handler: JointEventSourcingHandler<TransferAggregate, AccountAggregate>,
    ) -> Self {
        Self { visible_transfers: VisibleTransfers::of(joint_event_sourcing_handler) }
    }
}

impl CommandHandler<ReverseTransfer> for ReverseTransferHandler {
    type Aggregate = TransferAggregate;
    type Outcome = TransferOutcome;

    async fn handle(
        &self,
        envelope: &CommandEnvelope<ReverseTransfer>,
    ) -> Result<TransferOutcome, CommandErrorOf<TransferAggregate>> {
        self.visible_transfers.reverse(envelope, TransferAggregate::reverse_transfer).await
    }
}

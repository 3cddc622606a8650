use account_commands::{TransferOutcome, VisibleTransfers};
use bank::{AccountAggregate, TransferAggregate, TransferFunds};
use cqrs::{CommandEnvelope, CommandErrorOf, CommandHandler, JointEventSourcingHandler};

/// Handles [`TransferFunds`]: loads both accounts, decides, saves the transfer and both legs.
pub struct TransferFundsHandler {
    visible_transfers: VisibleTransfers,
}

impl TransferFundsHandler {
    /// A handler that works through this event sourcing handler.
    #[must_use]
    pub const fn new(
        joint_event_sourcing_handler: JointEventSourcingHandler<TransferAggregate, AccountAggregate>,
    ) -> Self {
        Self { visible_transfers: VisibleTransfers::of(joint_event_sourcing_handler) }
    }
}

impl CommandHandler<TransferFunds> for TransferFundsHandler {
    type Aggregate = TransferAggregate;
    type Outcome = TransferOutcome;

    async fn handle(
        &self,
        envelope: &CommandEnvelope<TransferFunds>,
    ) -> Result<TransferOutcome, CommandErrorOf<TransferAggregate>> {
        self.visible_transfers.make(envelope, TransferAggregate::transfer_funds).await
    }
}

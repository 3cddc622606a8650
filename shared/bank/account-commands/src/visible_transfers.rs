use bank::{
    AccountAggregate, AccountAt, AccountId, ReverseTransfer, TransferAggregate, TransferDecision, TransferError,
    TransferFunds, TransferId,
};
use cqrs::{
    AtVersion, CommandEnvelope, CommandError, CommandErrorOf, CommandOutcome, JointDecision, JointEventSourcingHandler,
    JointOutcome, JointStreams, Loaded, Refusal, StreamId,
};

/// The transfers, and the accounts that they move money between, as callers may use them.
///
/// The rule of [`VisibleAccounts`](crate::VisibleAccounts) holds for the sender of a new transfer: a sender that the
/// caller may not see does not exist. A transfer exists for the owners of its two accounts, and for no other caller. The
/// recipient of a new transfer may be any account: the transfer decides how much it tells about that account.
#[derive(Clone)]
pub struct VisibleTransfers {
    joint_event_sourcing_handler: JointEventSourcingHandler<TransferAggregate, AccountAggregate>,
}

/// The result of a command on a transfer: the transfer, and the one account whose balance the caller may learn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferOutcome {
    /// The transfer after the command.
    pub transfer: CommandOutcome<TransferAggregate>,
    /// The account that gave the money in this command, after the command: the sender of a transfer, or the recipient
    /// that gave the money of a reversed transfer back.
    pub payer: AtVersion<AccountAggregate>,
}

/// One of the two accounts of a transfer.
#[derive(Clone, Copy)]
enum Party {
    /// The account that gave the money of the transfer.
    Sender,
    /// The account that got the money of the transfer.
    Recipient,
}

impl VisibleTransfers {
    /// Those of these transfers and accounts that each command's caller may see.
    #[must_use]
    pub const fn of(
        joint_event_sourcing_handler: JointEventSourcingHandler<TransferAggregate, AccountAggregate>,
    ) -> Self {
        Self { joint_event_sourcing_handler }
    }

    /// Load both accounts, decide, save the transfer and both legs. `decide` is asked only if the caller may see the
    /// sender.
    ///
    /// # Errors
    /// `AccountError::NotFound` for a stranger's sender, before anything else. Otherwise as
    /// [`JointEventSourcingHandler::create`].
    pub async fn make(
        &self,
        envelope: &CommandEnvelope<TransferFunds>,
        decide: impl Fn(
            &TransferAggregate,
            &TransferFunds,
            AccountAt<'_>,
            AccountAt<'_>,
        ) -> Result<TransferDecision, TransferError>
        + Send
        + Sync,
    ) -> Result<TransferOutcome, CommandErrorOf<TransferAggregate>> {
        let CommandEnvelope { command, context } = envelope;
        let streams = streams(command.transfer_id, command.from, command.to);
        let decide = |transfer: &Loaded<'_, TransferAggregate>, [from, to]: &[Loaded<'_, AccountAggregate>; 2]| {
            from.aggregate.account_of(&command.actor).map_err(TransferError::from)?;
            Ok(joint_decision(decide(transfer.aggregate, command, at(from), at(to))?))
        };
        let outcome = self.joint_event_sourcing_handler.create(&streams, context, decide).await?;
        self.with_payer(outcome, Party::Sender).await
    }

    /// Load the transfer and both accounts, decide, save all three. `decide` is asked only if the caller may reverse the
    /// transfer, and the transfer is at the version which the client decided on, if it named a version.
    ///
    /// # Errors
    /// [`TransferError::NotFound`] for a stranger's transfer, before anything else. `NotTheRecipient` for the sender's
    /// owner. Otherwise as [`JointEventSourcingHandler::execute`].
    pub async fn reverse(
        &self,
        envelope: &CommandEnvelope<ReverseTransfer>,
        decide: impl Fn(
            &TransferAggregate,
            &ReverseTransfer,
            AccountAt<'_>,
            AccountAt<'_>,
        ) -> Result<TransferDecision, TransferError>
        + Send
        + Sync,
    ) -> Result<TransferOutcome, CommandErrorOf<TransferAggregate>> {
        let CommandEnvelope { command, context } = envelope;
        // The transfer names the accounts to load, and never changes them.
        let transfer_stream = StreamId(command.transfer_id.as_uuid());
        let accounts = self.joint_event_sourcing_handler.peek(transfer_stream, |transfer| {
            transfer.aggregate.reversible_by(&command.actor).map(|transfer| (transfer.from, transfer.to))
        });
        let (from, to) = accounts.await?.map_err(|error| CommandError::Refused(Refusal::Domain(error)))?;
        let streams = streams(command.transfer_id, from, to);
        let decide = |transfer: &Loaded<'_, TransferAggregate>, [from, to]: &[Loaded<'_, AccountAggregate>; 2]| {
            // Before the version: a version mismatch would tell a stranger that the transfer exists.
            transfer.aggregate.reversible_by(&command.actor)?;
            transfer.require_version(context.expected_version)?;
            Ok(joint_decision(decide(transfer.aggregate, command, at(from), at(to))?))
        };
        let outcome = self.joint_event_sourcing_handler.execute(&streams, context, decide).await?;
        self.with_payer(outcome, Party::Recipient).await
    }

    /// The outcome with the account that paid. Where a repeated key brought the first answer again, the account is read
    /// as it was then: the transfer knows the version.
    async fn with_payer(
        &self,
        outcome: JointOutcome<TransferAggregate, AccountAggregate, 2>,
        payer: Party,
    ) -> Result<TransferOutcome, CommandErrorOf<TransferAggregate>> {
        let JointOutcome { leading: transfer, others } = outcome;
        let payer = match (others, transfer.aggregate.made()) {
            (Some([sender, recipient]), _) => match payer {
                Party::Sender => sender,
                Party::Recipient => recipient,
            },
            (None, Some(made)) => {
                let (account_id, version) = match payer {
                    Party::Sender => (made.from, made.from_version),
                    Party::Recipient => (made.to, made.to_version),
                };
                self.joint_event_sourcing_handler.other_at(StreamId(account_id.as_uuid()), version).await?
            }
            (None, None) => {
                let reason = "the first event with this key made no transfer".to_owned();
                return Err(CommandError::Corrupt { stream_id: transfer.stream_id, reason });
            }
        };
        Ok(TransferOutcome { transfer, payer })
    }
}

fn streams(transfer_id: TransferId, from: AccountId, to: AccountId) -> JointStreams<2> {
    let others = [StreamId(from.as_uuid()), StreamId(to.as_uuid())];
    JointStreams { leading: StreamId(transfer_id.as_uuid()), others }
}

const fn at<'a>(loaded: &Loaded<'a, AccountAggregate>) -> AccountAt<'a> {
    AccountAt { account: loaded.aggregate, version: loaded.version }
}

fn joint_decision(decision: TransferDecision) -> JointDecision<TransferAggregate, AccountAggregate, 2> {
    let TransferDecision { transfer, sender, recipient } = decision;
    JointDecision { leading: vec![transfer], others: [vec![sender], vec![recipient]] }
}

#[cfg(test)]
mod tests;

use bank::{AccountAggregate, AccountEvent, AccountId, AccountStatus};
use bank_read_model::{BankAccountEntity, StatementLine};
use cqrs::{AggregateRoot as _, DomainEvent as _, EventEnvelope, RecordedState};

use crate::Damage;

/// What one account's events make of its row, its lines and its state, as far as they can be folded.
pub(crate) struct AccountFold {
    account_id: AccountId,
    row: Option<BankAccountEntity>,
    aggregate: AccountAggregate,
    is_broken: bool,
    is_holder_erased: bool,
}

impl AccountFold {
    pub(crate) fn new(account_id: AccountId) -> Self {
        Self {
            account_id,
            row: None,
            aggregate: AccountAggregate::default(),
            is_broken: false,
            is_holder_erased: false,
        }
    }

    /// The row after the events so far.
    pub(crate) const fn row(&self) -> Option<&BankAccountEntity> {
        self.row.as_ref()
    }

    /// Whether an event could not be folded, or one is missing: nothing behind it says anything about the account.
    pub(crate) const fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// Whether one of the events so far says that the holder was erased.
    pub(crate) const fn is_holder_erased(&self) -> bool {
        self.is_holder_erased
    }

    /// No event from here on can be folded.
    pub(crate) const fn break_off(&mut self) {
        self.is_broken = true;
    }

    /// One more event, and the line that it makes.
    ///
    /// # Errors
    /// What is wrong with it; the fold is broken then.
    pub(crate) fn apply(&mut self, event: &EventEnvelope) -> Result<Option<StatementLine>, Damage> {
        let applied = self.try_apply(event);
        self.is_broken |= applied.is_err();
        applied
    }

    fn try_apply(&mut self, event: &EventEnvelope) -> Result<Option<StatementLine>, Damage> {
        let decoded = AccountEvent::from_data(&event.event_type, event.schema_version, &event.data)
            .map_err(|error| Damage::UndecodableEvent { reason: error.to_string() })?;
        let impossible = |reason: String| Damage::ImpossibleEvent { reason };
        if let Some(reason) = self.row.as_ref().and_then(|row| refused_by(row, &decoded)) {
            return Err(impossible(reason.to_owned()));
        }
        let (row, line) = BankAccountEntity::after(self.row.as_ref(), self.account_id, &decoded, event.occurred_at)
            .map_err(|error| impossible(error.to_string()))?;
        // Only after the row has taken it: the aggregate cannot refuse.
        self.aggregate.apply(&decoded);
        self.row = Some(row);
        self.is_holder_erased |= matches!(decoded, AccountEvent::AccountHolderErased);
        Ok(line)
    }

    /// Compares the state kept in a commit with that after its events. A state of another build's form says nothing.
    pub(crate) fn check_state(&self, kept: &RecordedState) -> Option<Damage> {
        if kept.state_version != AccountAggregate::STATE_VERSION {
            return None;
        }
        let expected = serde_json::to_value(&self.aggregate).expect("an aggregate is plain JSON");
        (expected != kept.data).then(|| Damage::StateDiffers { expected, found: kept.data.clone() })
    }
}

/// What the row would take and no command method lets happen.
fn refused_by(row: &BankAccountEntity, event: &AccountEvent) -> Option<&'static str> {
    match event {
        AccountEvent::FundsDeposited { .. }
        | AccountEvent::FundsWithdrawn { .. }
        | AccountEvent::AccountClosed { .. }
            if row.status == AccountStatus::Closed =>
        {
            Some("the account is closed")
        }
        AccountEvent::FundsDeposited { amount, .. } | AccountEvent::FundsWithdrawn { amount, .. }
            if amount.is_zero() =>
        {
            Some("nothing was moved")
        }
        AccountEvent::AccountClosed { .. } if !row.balance.is_zero() => Some("the account still held money"),
        _ => None,
    }
}

use serde::Serialize;

use crate::{AccountAggregate, AccountError, AccountEvent, AccountId};

/// Erases the holder's name for good. A caller with this right may use it on any account, even a closed account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EraseHolder {
    /// The account whose holder is erased.
    pub account_id: AccountId,
}

impl AccountAggregate {
    /// Decides on [`EraseHolder`]. If the name has been erased already, no event follows.
    ///
    /// # Errors
    /// [`AccountError::NotFound`].
    pub fn erase_holder(&self, _command: &EraseHolder) -> Result<Vec<AccountEvent>, AccountError> {
        let account = self.opened().ok_or(AccountError::NotFound)?;
        if account.is_holder_erased { Ok(Vec::new()) } else { Ok(vec![AccountEvent::AccountHolderErased]) }
    }
}

use serde::Serialize;

use crate::{AccountAggregate, AccountError, AccountEvent, AccountId};

/// Erases the holder's name for good. Whoever may give this command may give it for any account, also for a closed one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EraseHolder {
    /// Which account.
    pub account_id: AccountId,
}

impl AccountAggregate {
    /// Decides on [`EraseHolder`]: nothing follows where the name has been erased already.
    ///
    /// # Errors
    /// [`AccountError::NotFound`].
    pub fn erase_holder(&self, _command: &EraseHolder) -> Result<Vec<AccountEvent>, AccountError> {
        let account = self.opened().ok_or(AccountError::NotFound)?;
        if account.is_holder_erased { Ok(Vec::new()) } else { Ok(vec![AccountEvent::AccountHolderErased]) }
    }
}

use bank::{AccountId, Actor};
use cqrs::QueryError;
use projection::{VersionedRow, row_at_version};

use crate::{BankAccountEntity, BankAccountRepository};

impl VersionedRow for BankAccountEntity {
    fn version(&self) -> u64 {
        self.version
    }
}

/// The account, if the actor may see it. With `min_version`, the answer waits until the read side has reached that
/// version.
///
/// # Errors
/// See [`row_at_version`].
pub async fn account_at_version(
    account_repository: &BankAccountRepository,
    account_id: AccountId,
    actor: &Actor,
    min_version: Option<u64>,
) -> Result<BankAccountEntity, QueryError> {
    let read_row = || async move {
        let account = account_repository.account(account_id).await?;
        Ok(account.filter(|account| account.is_visible_to(actor)))
    };
    row_at_version(min_version, read_row).await
}

use std::cmp::Reverse;
use std::sync::Arc;

use bank::{AccountId, TransferId, TransferStatus};
use cqrs::{StreamId, Timestamp};
use projection::{Comparison, Order, ReadDbError, RowReader, Selection, TableRow as _};

use crate::TransferEntity;
use crate::bank_account_repository::read_all;

/// A filter for transfers. A transfer must fit all given criteria.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TransferFilter {
    /// Only transfers from or to this account.
    pub account: Option<AccountId>,
    /// Only transfers in this status.
    pub status: Option<TransferStatus>,
    /// Only transfers at this time or later.
    pub since: Option<Timestamp>,
    /// Only transfers before this time.
    pub until: Option<Timestamp>,
}

/// A place in the order of transfers: by time, then id, the newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransferPosition {
    /// The transfer's time.
    pub occurred_at: Timestamp,
    /// The transfer's id.
    pub transfer_id: TransferId,
}

/// A part of a list of transfers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransfersPage {
    /// Only transfers after this place, and so older than it.
    pub after: Option<TransferPosition>,
    /// The largest number of transfers.
    pub limit: u32,
}

/// The bank's queries of transfers, independent of the kind of the read database.
#[derive(Clone)]
pub struct TransferRepository {
    rows: Arc<dyn RowReader>,
}

impl TransferRepository {
    /// A repository on this read database.
    #[must_use]
    pub fn new(rows: Arc<dyn RowReader>) -> Self {
        Self { rows }
    }

    /// The transfer's row.
    ///
    /// # Errors
    /// See [`ReadDbError`].
    pub async fn transfer(&self, transfer_id: TransferId) -> Result<Option<TransferEntity>, ReadDbError> {
        let cells = self.rows.row(TransferEntity::TABLE, StreamId(transfer_id.as_uuid())).await?;
        Ok(cells.as_ref().map(TransferEntity::read).transpose()?)
    }

    /// A page of transfers, newest first.
    ///
    /// No single index has the order of all transfers of an account, which has two legs and each of them two statuses. So
    /// each leg and each status is read as one range of an index, and the ranges are merged. Every page costs the same: at
    /// most four ranges of the page's length.
    ///
    /// # Errors
    /// See [`ReadDbError`].
    pub async fn transfers(
        &self,
        filter: &TransferFilter,
        page: TransfersPage,
    ) -> Result<Vec<TransferEntity>, ReadDbError> {
        let legs = match filter.account {
            Some(account_id) => vec![Some(("from_account_id", account_id)), Some(("to_account_id", account_id))],
            None => vec![None],
        };
        let statuses = match filter.status {
            Some(status) => vec![status],
            // In this order a transfer that is reversed between two of the statements is found twice, and never missed.
            None => vec![TransferStatus::Completed, TransferStatus::Reversed],
        };
        let mut transfers: Vec<TransferEntity> = Vec::new();
        for leg in legs {
            for status in &statuses {
                let selection = selection_of(leg, *status, filter, page);
                transfers.extend(read_all::<TransferEntity>(&self.rows.select(&selection).await?)?);
            }
        }
        transfers.sort_by_key(|transfer| Reverse((transfer.occurred_at, transfer.transfer_id)));
        transfers.dedup_by_key(|transfer| transfer.transfer_id);
        transfers.truncate(page.limit as usize);
        Ok(transfers)
    }
}

fn selection_of(
    leg: Option<(&'static str, AccountId)>,
    status: TransferStatus,
    filter: &TransferFilter,
    page: TransfersPage,
) -> Selection {
    let after = page.after.map(|after| [after.occurred_at.into(), StreamId(after.transfer_id.as_uuid()).into()]);
    let selection = Selection {
        table: TransferEntity::TABLE,
        criteria: Vec::new(),
        order: Order::DescendingByTwo { by: ["occurred_at_us", "transfer_id"], after },
        limit: page.limit,
    };
    let selection = match leg {
        Some((column, account_id)) => selection.and(column, Comparison::Is, StreamId(account_id.as_uuid())),
        None => selection,
    };
    selection
        .and("status", Comparison::Is, status.as_str())
        .and_if("occurred_at_us", Comparison::AtLeast, filter.since)
        .and_if("occurred_at_us", Comparison::Below, filter.until)
}

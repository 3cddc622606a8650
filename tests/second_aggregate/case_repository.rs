//! What queries ask of the read database.

use std::sync::Arc;

use projection::{Cells, Comparison, LINE, Order, ReadDbError, RowReader, Selection, TableRow, VERSION};

use super::case::{CaseId, Name};
use super::case_entity::CaseEntity;
use super::docket_entry::DocketEntry;

/// Cases and their dockets, in any read database.
#[derive(Clone)]
pub struct CaseRepository {
    rows: Arc<dyn RowReader>,
}

impl CaseRepository {
    /// On this read database.
    pub fn new(rows: Arc<dyn RowReader>) -> Self {
        Self { rows }
    }

    /// The case's row.
    pub async fn case(&self, case_id: CaseId) -> Result<Option<CaseEntity>, ReadDbError> {
        let cells = self.rows.row(CaseEntity::TABLE, case_id.stream_id()).await?;
        Ok(cells.as_ref().map(CaseEntity::read).transpose()?)
    }

    /// The first cases of this plaintiff, by docket number.
    pub async fn cases_of(&self, plaintiff: &Name, limit: u32) -> Result<Vec<CaseEntity>, ReadDbError> {
        let selection = Selection {
            table: CaseEntity::TABLE,
            criteria: Vec::new(),
            order: Order::Ascending { by: ["docket_number", "case_id"], after: None },
            limit,
        };
        let selection = selection.and("plaintiff", Comparison::Is, plaintiff.as_str());
        read_all(&self.rows.select(&selection).await?)
    }

    /// The entries of a case's docket behind this one, oldest first.
    pub async fn docket(
        &self,
        case_id: CaseId,
        after: Option<&DocketEntry>,
        limit: u32,
    ) -> Result<Vec<DocketEntry>, ReadDbError> {
        let after = after.map(|entry| [entry.version.into(), entry.line.into()]);
        let selection = Selection {
            table: DocketEntry::TABLE,
            criteria: Vec::new(),
            order: Order::Ascending { by: [VERSION, LINE], after },
            limit,
        };
        let selection = selection.and("case_id", Comparison::Is, case_id.stream_id());
        read_all(&self.rows.select(&selection).await?)
    }
}

fn read_all<R: TableRow>(rows: &[Cells]) -> Result<Vec<R>, ReadDbError> {
    Ok(rows.iter().map(R::read).collect::<Result<_, _>>()?)
}

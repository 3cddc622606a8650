//! What can be asked of the read side.

use cqrs::{QueryEnvelope, QueryError, QueryHandler};
use projection::row_at_version;

use super::case::{CaseId, DocketNumber};
use super::case_entity::CaseEntity;
use super::case_repository::CaseRepository;

/// Asks for one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetCase {
    /// The case's number.
    pub docket_number: DocketNumber,
    /// The version that the row must have reached. A client that wants to read its own write gives the version that its command
    /// answered.
    pub min_version: Option<u64>,
}

/// Handles [`GetCase`].
pub struct GetCaseHandler {
    cases: CaseRepository,
}

impl GetCaseHandler {
    /// On this read database.
    pub fn new(cases: CaseRepository) -> Self {
        Self { cases }
    }
}

impl QueryHandler<GetCase> for GetCaseHandler {
    type Answer = CaseEntity;

    async fn handle(&self, envelope: &QueryEnvelope<GetCase>) -> Result<CaseEntity, QueryError> {
        let GetCase { docket_number, min_version } = &envelope.query;
        let case_id = CaseId::of(docket_number);
        row_at_version(*min_version, || async move { Ok(self.cases.case(case_id).await?) }).await
    }
}

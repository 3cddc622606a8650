//! What can be asked of the read side.

use std::time::Duration;

use cqrs::{EventHandlerError, QueryEnvelope, QueryError, QueryHandler};
use tokio::time::Instant;

use super::case::{CaseId, DocketNumber};
use super::case_read_model::{CaseEntity, CaseReadDb};

/// How long an answer waits for the read side.
const MAX_WAIT: Duration = Duration::from_secs(2);
/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(5);

/// One case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetCase {
    /// Which one.
    pub docket_number: DocketNumber,
    /// The version that the read side must have reached: the one that a command answered, for whoever wants
    /// to read what it wrote.
    pub min_version: Option<u64>,
}

/// Handles [`GetCase`].
pub struct GetCaseHandler {
    cases: CaseReadDb,
}

impl GetCaseHandler {
    /// On this read database.
    pub fn new(cases: CaseReadDb) -> Self {
        Self { cases }
    }
}

impl QueryHandler<GetCase> for GetCaseHandler {
    type Answer = CaseEntity;

    async fn handle(&self, envelope: &QueryEnvelope<GetCase>) -> Result<CaseEntity, QueryError> {
        let GetCase { docket_number, min_version } = &envelope.query;
        let give_up_at = Instant::now() + MAX_WAIT;
        loop {
            let case = self.cases.case(CaseId::of(docket_number)).await.map_err(query_error)?;
            match (case, *min_version) {
                (None, None) => return Err(QueryError::NotFound),
                (Some(case), None) => return Ok(case),
                (Some(case), Some(min_version)) if case.version >= min_version => return Ok(case),
                // No row is no proof of no case: it may have been filed a moment ago.
                (_, Some(min_version)) if Instant::now() > give_up_at => {
                    return Err(QueryError::ProjectionBehind { min_version });
                }
                (_, Some(_)) => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}

fn query_error(error: EventHandlerError) -> QueryError {
    match error {
        EventHandlerError::Unavailable { source } => QueryError::Unavailable { source },
        EventHandlerError::Corrupt { reason } => QueryError::Corrupt { reason },
    }
}

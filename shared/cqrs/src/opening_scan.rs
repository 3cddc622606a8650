use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    Commit, CommitPlace, CommitScan, EventStoreSize, PersonalData, PersonalDataError, ReadError, ScannedCommit,
    StreamRange,
};

/// A scan that opens the personal data of the commits that it gives. Their hashes are those of what is stored.
///
/// What cannot be opened, since it is damaged, stays sealed ([`Commit::is_sealed`]) and does not keep the others from being
/// given. Where the keys cannot be reached nothing is given, rather than commits whose personal data looks erased.
pub struct OpeningScan {
    scan: Arc<dyn CommitScan>,
    personal_data: Arc<dyn PersonalData>,
}

impl OpeningScan {
    /// Giving what this scan gives, opened by these keys.
    pub fn new(scan: Arc<dyn CommitScan>, personal_data: Arc<dyn PersonalData>) -> Self {
        Self { scan, personal_data }
    }
}

#[async_trait]
impl CommitScan for OpeningScan {
    async fn scan(
        &self,
        range: StreamRange,
        after: Option<CommitPlace>,
        limit: u32,
    ) -> Result<Vec<ScannedCommit>, ReadError> {
        let mut scanned = self.scan.scan(range, after, limit).await?;
        let mut commits: Vec<Commit> =
            scanned.iter().filter_map(|scanned| scanned.commit.as_ref().ok()).cloned().collect();
        match self.personal_data.open(&mut commits).await {
            Ok(()) | Err(PersonalDataError::Corrupt { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        for (commit, opened) in scanned.iter_mut().filter_map(|scanned| scanned.commit.as_mut().ok()).zip(commits) {
            *commit = opened;
        }
        Ok(scanned)
    }

    async fn split(&self, parts: u32) -> Result<Vec<StreamRange>, ReadError> {
        self.scan.split(parts).await
    }

    async fn size(&self) -> Result<EventStoreSize, ReadError> {
        self.scan.size().await
    }

    async fn misplaced(&self, limit: u32) -> Result<Vec<String>, ReadError> {
        self.scan.misplaced(limit).await
    }
}

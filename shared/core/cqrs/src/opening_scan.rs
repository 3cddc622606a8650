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
        let scanned = self.scan.scan(range, after, limit).await?;
        // Those that can be read are opened together, and go back to their places.
        let mut commits: Vec<Commit> = Vec::with_capacity(scanned.len());
        let mut places = Vec::with_capacity(scanned.len());
        for ScannedCommit { place, commit, misfits } in scanned {
            places.push((place, commit.map(|commit| commits.push(commit)), misfits));
        }
        match self.personal_data.open(&mut commits).await {
            Ok(()) | Err(PersonalDataError::Corrupt { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let mut commits = commits.into_iter();
        let back = places.into_iter().filter_map(|(place, is_read, misfits)| {
            let commit = match is_read {
                Ok(()) => Ok(commits.next()?),
                Err(error) => Err(error),
            };
            Some(ScannedCommit { place, commit, misfits })
        });
        Ok(back.collect())
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

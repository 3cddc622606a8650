use std::sync::Arc;

use crate::{
    Commit, CommitPlace, CommitScan, EventStoreSize, OpenedCommit, PersonalData, ReadError, ScannedCommit, StreamRange,
    UnopenedCommit,
};

/// Reads all of an event store as a [`CommitScan`] does, and opens the personal data of the commits.
///
/// No commit is given if the keys cannot be reached.
pub struct OpenedCommitScan {
    commit_scan: Arc<dyn CommitScan>,
    personal_data: Arc<dyn PersonalData>,
}

/// The commit that a scan found in one place, opened where that is possible.
#[derive(Debug)]
pub struct ScannedOpenedCommit {
    /// The commit's place.
    pub place: CommitPlace,
    /// The commit, opened or not, or the reason why it cannot be read at all. A damaged commit does not hide the
    /// commits after it.
    pub commit: Result<Result<OpenedCommit, UnopenedCommit>, ReadError>,
    /// See [`ScannedCommit::misfits`].
    pub misfits: Vec<String>,
}

impl ScannedOpenedCommit {
    /// The commit as it is stored, opened or not: for checks of its hash and its place.
    ///
    /// # Errors
    /// The reason why the commit cannot be read.
    pub fn stored(&self) -> Result<&Commit, &ReadError> {
        match &self.commit {
            Ok(Ok(opened)) => Ok(opened.commit()),
            Ok(Err(unopened)) => Ok(&unopened.commit),
            Err(error) => Err(error),
        }
    }
}

impl OpenedCommitScan {
    /// A scan that reads the commits of the given scan and opens them with these keys.
    pub fn new(commit_scan: Arc<dyn CommitScan>, personal_data: Arc<dyn PersonalData>) -> Self {
        Self { commit_scan, personal_data }
    }

    /// As [`CommitScan::scan`].
    ///
    /// # Errors
    /// [`ReadError::Unavailable`] when the event store or the keys cannot be reached.
    pub async fn scan(
        &self,
        range: StreamRange,
        after: Option<CommitPlace>,
        limit: u32,
    ) -> Result<Vec<ScannedOpenedCommit>, ReadError> {
        let scanned = self.commit_scan.scan(range, after, limit).await?;
        // All readable commits are opened in one call. Then they go back to their places.
        let mut commits = Vec::with_capacity(scanned.len());
        let mut places = Vec::with_capacity(scanned.len());
        for ScannedCommit { place, commit, misfits } in scanned {
            places.push((place, commit.map(|commit| commits.push(commit)), misfits));
        }
        let mut opened = self.personal_data.open(commits).await?.into_iter();
        let back = places.into_iter().filter_map(|(place, was_read, misfits)| {
            let commit = match was_read {
                Ok(()) => Ok(opened.next()?),
                Err(error) => Err(error),
            };
            Some(ScannedOpenedCommit { place, commit, misfits })
        });
        Ok(back.collect())
    }

    /// As [`CommitScan::split`].
    ///
    /// # Errors
    /// The errors of [`CommitScan::split`].
    pub async fn split(&self, parts: u32) -> Result<Vec<StreamRange>, ReadError> {
        self.commit_scan.split(parts).await
    }

    /// As [`CommitScan::size`].
    ///
    /// # Errors
    /// The errors of [`CommitScan::size`].
    pub async fn size(&self) -> Result<EventStoreSize, ReadError> {
        self.commit_scan.size().await
    }

    /// As [`CommitScan::misplaced`].
    ///
    /// # Errors
    /// The errors of [`CommitScan::misplaced`].
    pub async fn misplaced(&self, limit: u32) -> Result<Vec<String>, ReadError> {
        self.commit_scan.misplaced(limit).await
    }
}

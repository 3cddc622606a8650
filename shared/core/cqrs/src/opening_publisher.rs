use std::sync::Arc;

use crate::{Commit, EventPublisher, PersonalData, PublishError};

/// Opens a stored commit's personal data, then publishes the commit. The relay publishes other processes' stored
/// commits through it. A command does not need it: the commit that a command has just written is open.
///
/// Nothing is published if the keys cannot be reached, or if the personal data is damaged.
pub struct OpeningPublisher {
    publisher: Arc<dyn EventPublisher>,
    personal_data: Arc<dyn PersonalData>,
}

impl OpeningPublisher {
    /// A publisher on this bus that opens commits with these keys.
    pub fn new(publisher: Arc<dyn EventPublisher>, personal_data: Arc<dyn PersonalData>) -> Self {
        Self { publisher, personal_data }
    }

    /// Opens the commit and hands its events to the bus.
    ///
    /// # Errors
    /// [`PublishError`] when the commit cannot be opened, or the bus does not take it.
    pub async fn publish(&self, commit: Commit) -> Result<(), PublishError> {
        // Commits are opened one at a time. A key that is kept while earlier commits are published could outlive its
        // erasure.
        let opened =
            self.personal_data.open(vec![commit]).await.map_err(|error| PublishError { source: error.into() })?;
        for commit in opened {
            let commit = commit.map_err(|unopened| PublishError { source: unopened.into() })?;
            self.publisher.publish(&commit).await?;
        }
        Ok(())
    }
}

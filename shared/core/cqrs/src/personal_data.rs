use async_trait::async_trait;

use crate::{CommandError, Commit, CommitDraft, Digest, OpenedCommit, QueryError, ReadError, StreamId, UnopenedCommit};

/// Why personal data could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum PersonalDataError {
    /// The stream's key has been destroyed, so that nothing personal is stored for it any more. Only sealing meets it.
    /// Handling: nothing was stored; a retry of what was done before the erasure is answered as it was then.
    #[error("the personal data of stream {stream_id} has been erased")]
    Erased {
        /// The stream.
        stream_id: StreamId,
    },
    /// The keys could not be reached, or not used as this process is set up. Handling: retry later; what its source says
    /// of a setting, set right.
    #[error("the keys of personal data are unavailable")]
    Unavailable {
        /// The driver's error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The stream's key is damaged, or there is none. Sealing and fingerprints meet it; a commit that cannot be opened is an
    /// [`UnopenedCommit`] instead. Handling: a person must look.
    #[error("the personal data of stream {stream_id} cannot be opened: {reason}")]
    Corrupt {
        /// The stream.
        stream_id: StreamId,
        /// What did not fit.
        reason: String,
    },
}

/// Port: encrypts the personal data in events under a key for each stream, and decrypts it as long as there is the key.
/// See `docs/decisions/0017-erasure-by-key.md`.
#[async_trait]
pub trait PersonalData: Send + Sync {
    /// Encrypts what is open in a commit that is about to be stored, under the stream's key, which is made where there is
    /// none yet; and replaces the request's fingerprint by [`keyed_fingerprint`](Self::keyed_fingerprint)'s, since a plain
    /// digest of a request that had personal data in it could be tried out. What is open stays open in this process.
    async fn seal(&self, draft: &mut CommitDraft) -> Result<(), PersonalDataError>;

    /// Opens what is sealed in these commits, or finds it erased. The answer has the commits in the order given. A damaged
    /// commit does not keep the others from being opened. The whole call fails only when the keys cannot be reached.
    async fn open(&self, commits: Vec<Commit>) -> Result<Vec<Result<OpenedCommit, UnopenedCommit>>, PersonalDataError>;

    /// The fingerprint of a request as [`seal`](Self::seal) stores it, to compare with; none when the key has been
    /// destroyed, and with it every means to compare.
    async fn keyed_fingerprint(
        &self,
        stream_id: StreamId,
        request_fingerprint: &Digest,
    ) -> Result<Option<Digest>, PersonalDataError>;
}

impl<E: std::error::Error + 'static> From<PersonalDataError> for CommandError<E> {
    fn from(error: PersonalDataError) -> Self {
        match error {
            // Whoever had the data erased has been there before this command.
            PersonalDataError::Erased { .. } => Self::Conflict,
            PersonalDataError::Unavailable { source } => Self::Unavailable { source },
            PersonalDataError::Corrupt { stream_id, reason } => Self::Corrupt { stream_id, reason },
        }
    }
}

impl From<PersonalDataError> for ReadError {
    fn from(error: PersonalDataError) -> Self {
        match error {
            PersonalDataError::Corrupt { stream_id, reason } => Self::Corrupt { stream_id, reason },
            other => Self::Unavailable { source: other.into() },
        }
    }
}

impl From<PersonalDataError> for QueryError {
    fn from(error: PersonalDataError) -> Self {
        match error {
            PersonalDataError::Corrupt { .. } => Self::Corrupt { reason: error.to_string() },
            other => Self::Unavailable { source: other.into() },
        }
    }
}

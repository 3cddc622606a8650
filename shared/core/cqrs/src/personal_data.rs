use async_trait::async_trait;

use crate::{CommandError, Commit, CommitDraft, Digest, OpenedCommit, QueryError, ReadError, StreamId, UnopenedCommit};

/// The reason why personal data could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum PersonalDataError {
    /// The stream's key has been destroyed, so no personal data is stored for it any more. Only sealing meets this
    /// error. Handling: nothing was stored. A retry of a request from before the erasure gets its first answer.
    #[error("the personal data of stream {stream_id} has been erased")]
    Erased {
        /// The stream.
        stream_id: StreamId,
    },
    /// The keys could not be reached, or this process's settings do not let it use them. Handling: retry later. If the
    /// source names a setting, correct it.
    #[error("the keys of personal data are unavailable")]
    Unavailable {
        /// The driver's error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The stream's key is damaged or missing. Sealing and fingerprints meet this error. A commit that cannot be opened
    /// is an [`UnopenedCommit`] instead. Handling: a person must look.
    #[error("the personal data of stream {stream_id} cannot be opened: {reason}")]
    Corrupt {
        /// The stream.
        stream_id: StreamId,
        /// The part of the data that does not fit.
        reason: String,
    },
}

/// Port: encrypts the personal data in events, with one key for each stream. It decrypts the data as long as the key
/// exists. See `docs/decisions/0017-erasure-by-key.md`.
#[async_trait]
pub trait PersonalData: Send + Sync {
    /// Encrypts the open personal data of a commit that is about to be stored, under the stream's key. The key is made
    /// if the stream has none yet. The request's fingerprint is replaced by that of
    /// [`keyed_fingerprint`](Self::keyed_fingerprint): the personal data in a request could be guessed from a plain
    /// digest. Open data stays open in this process.
    async fn seal(&self, draft: &mut CommitDraft) -> Result<(), PersonalDataError>;

    /// Opens the sealed data in these commits, or finds it erased. The answer has the commits in the order given. A
    /// damaged commit does not keep the others from being opened. The whole call fails only when the keys cannot be
    /// reached.
    async fn open(&self, commits: Vec<Commit>) -> Result<Vec<Result<OpenedCommit, UnopenedCommit>>, PersonalDataError>;

    /// The fingerprint of a request as [`seal`](Self::seal) stores it, for comparison. It is `None` when the key has
    /// been destroyed, because then no comparison is possible.
    async fn keyed_fingerprint(
        &self,
        stream_id: StreamId,
        request_fingerprint: &Digest,
    ) -> Result<Option<Digest>, PersonalDataError>;
}

impl<E: std::error::Error + 'static> From<PersonalDataError> for CommandError<E> {
    fn from(error: PersonalDataError) -> Self {
        match error {
            // The erasure of the data came before this command.
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

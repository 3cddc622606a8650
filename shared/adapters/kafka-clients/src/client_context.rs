use std::error::Error;

use kafka_events::iam_token::{self, IamTokenError};
use rdkafka::ClientContext;
use rdkafka::client::OAuthToken;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;

/// The functions that librdkafka calls back. Its log lines go to `tracing`. If the sign-in is IAM's, it gets the next
/// token. Producers and consumers use the same kind of context, one for each client.
#[derive(Debug, Clone)]
pub struct KafkaClientContext {
    iam_region: Option<String>,
}

impl KafkaClientContext {
    pub(crate) const fn new(iam_region: Option<String>) -> Self {
        Self { iam_region }
    }

    fn token(&self) -> Result<OAuthToken, TokenError> {
        let region = self.iam_region.as_deref().ok_or(TokenError::NotIam)?;
        let token = iam_token::of_environment(region)?;
        // The brokers know the role by the signature. librdkafka needs a name for its own log.
        let principal_name = "passbook".to_owned();
        Ok(OAuthToken { token: token.text, principal_name, lifetime_ms: token.expires_at_ms })
    }
}

impl ClientContext for KafkaClientContext {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical | RDKafkaLogLevel::Error => {
                tracing::error!(facility, "{message}");
            }
            RDKafkaLogLevel::Warning => tracing::warn!(facility, "{message}"),
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => tracing::info!(facility, "{message}"),
            RDKafkaLogLevel::Debug => tracing::debug!(facility, "{message}"),
        }
    }

    /// Logs a warning only, because librdkafka goes on trying by itself.
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, "{reason}");
    }

    /// A returned error is passed to [`error`](Self::error), and librdkafka asks again in 10 s.
    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        Ok(self.token()?)
    }
}

impl ConsumerContext for KafkaClientContext {}

#[derive(Debug, thiserror::Error)]
enum TokenError {
    /// librdkafka asks for tokens only if it was told to sign in by them.
    #[error("the sign-in is not IAM's")]
    NotIam,
    #[error(transparent)]
    Iam(#[from] IamTokenError),
}

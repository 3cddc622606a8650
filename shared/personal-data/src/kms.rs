use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_kms::config::timeout::TimeoutConfig;
use aws_sdk_kms::config::{BehaviorVersion, Region};
use aws_sdk_kms::error::SdkError;
use aws_sdk_kms::operation::decrypt::DecryptError;
use aws_sdk_kms::operation::generate_data_key::GenerateDataKeyError;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::DataKeySpec;
use aws_sdk_kms::{Client, Config};
use cqrs::StreamId;
use settings::{Settings, SettingsError};

/// The variable by which AWS's SDKs and tools are pointed at another KMS than AWS's own.
const AWS_ENDPOINT_URL_KMS: &str = "AWS_ENDPOINT_URL_KMS";
/// For all tries together. A command has 10 s, and other things to wait for.
const TIMEOUT: Duration = Duration::from_secs(3);
/// What KMS binds a wrapped key to, and writes into CloudTrail: the key opens for this stream alone.
const STREAM_ID: &str = "stream_id";

/// Why KMS made or unwrapped no key.
#[derive(Debug, thiserror::Error)]
pub enum KmsError {
    /// The environment lacks what signs requests to AWS. Handling: in Lambda it is there by itself; elsewhere set the
    /// variable that it names.
    #[error(transparent)]
    Environment(#[from] SettingsError),
    /// KMS did not answer, or refused to make a key. Handling: grant the role `kms:GenerateDataKey` on the key, see that the
    /// key is enabled, and that the network lets it reach KMS.
    #[error("KMS made no key")]
    Generate(#[source] Box<SdkError<GenerateDataKeyError>>),
    /// KMS did not answer, or refused to unwrap a key. Handling: grant the role `kms:Decrypt` on the key that wrapped it,
    /// see that the key is enabled, and that the network lets it reach KMS.
    #[error("KMS did not unwrap the key")]
    Unwrap(#[source] Box<SdkError<DecryptError>>),
    /// What is stored was not wrapped by KMS, or by another key there, or for another stream. Handling: a person must look.
    #[error("the key was wrapped with another key of KMS or for another stream, or has been changed")]
    NotOurs,
    /// KMS answered without what was asked for. Handling: a defect of what is at the address; see what answers there.
    #[error("KMS answered without a key")]
    NoKey,
}

/// A key that never leaves KMS, and wraps others there.
pub struct KmsKey {
    client: Client,
    key_id: String,
}

impl KmsKey {
    /// The key of this id, ARN or alias, used as the role that the process runs under. Nothing is connected here.
    ///
    /// # Errors
    /// [`KmsError::Environment`].
    pub fn from_environment(key_id: &str) -> Result<Self, KmsError> {
        let settings = Settings::from_env();
        let key = settings.aws_credentials()?;
        let session_token = key.session_token.map(|token| token.expose().to_owned());
        let credentials =
            Credentials::new(key.access_key_id, key.secret_access_key.expose(), session_token, None, "the environment");
        Ok(Self::at(settings.aws_endpoint_url(AWS_ENDPOINT_URL_KMS)?, settings.aws_region()?, credentials, key_id))
    }

    /// The key of this id, ARN or alias at this address, AWS's own where there is none.
    #[must_use]
    pub fn at(endpoint_url: Option<String>, region: String, credentials: Credentials, key_id: &str) -> Self {
        let http_client = aws_https::client(&region, endpoint_url.as_deref());
        let mut config = Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(region))
            .credentials_provider(credentials)
            .timeout_config(TimeoutConfig::builder().operation_timeout(TIMEOUT).build())
            .http_client(http_client);
        if let Some(endpoint_url) = endpoint_url {
            config = config.endpoint_url(endpoint_url);
        }
        Self { client: Client::from_conf(config.build()), key_id: key_id.to_owned() }
    }

    /// A new key for this stream: wrapped, and itself.
    pub(crate) async fn generate(&self, stream_id: StreamId) -> Result<(Vec<u8>, Vec<u8>), KmsError> {
        let answer = self
            .client
            .generate_data_key()
            .key_id(&self.key_id)
            .key_spec(DataKeySpec::Aes256)
            .encryption_context(STREAM_ID, stream_id.to_string())
            .send()
            .await
            .map_err(|error| KmsError::Generate(Box::new(error)))?;
        let (wrapped, key) = answer.ciphertext_blob.zip(answer.plaintext).ok_or(KmsError::NoKey)?;
        Ok((wrapped.into_inner(), key.into_inner()))
    }

    /// The key that was wrapped for this stream.
    pub(crate) async fn unwrap(&self, stream_id: StreamId, wrapped: &[u8]) -> Result<Vec<u8>, KmsError> {
        let answer = self
            .client
            .decrypt()
            .ciphertext_blob(Blob::new(wrapped))
            .encryption_context(STREAM_ID, stream_id.to_string())
            .send()
            .await
            .map_err(|error| match error.as_service_error() {
                Some(refusal) if refusal.is_invalid_ciphertext_exception() || refusal.is_incorrect_key_exception() => {
                    KmsError::NotOurs
                }
                _ => KmsError::Unwrap(Box::new(error)),
            })?;
        answer.plaintext.map(Blob::into_inner).ok_or(KmsError::NoKey)
    }
}

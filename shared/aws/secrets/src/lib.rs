//! Settings that are secrets of AWS Secrets Manager: a variable `..._SECRET_ARN` -> **this** -> the variable itself.
//!
//! The secrets are read once, when a function starts. If no such variable is set, no request is made.

mod secrets_manager; // GetSecretValue

use aws_requests::{ConnectionError, SigningFailure};
use futures::future::try_join_all;
use serde::Deserialize;
use settings::{
    EVENT_STORE_URL, EVENT_STORE_URL_SECRET_ARN, KAFKA_CREDENTIALS_SECRET_ARN, KAFKA_PASSWORD, KAFKA_USERNAME,
    KEY_STORE_URL, KEY_STORE_URL_SECRET_ARN, READ_DB_URL, READ_DB_URL_SECRET_ARN, Settings, SettingsError,
};

use secrets_manager::SecretsManager;

/// The reason why a secret was not read. The function does not start then, and Lambda tries again with the next event.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// The environment lacks the credentials that sign requests to AWS, or is wrong. Handling: in Lambda they are set by
    /// Lambda; elsewhere set the variable that the error names.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The variable names no secret. Handling: set it to the whole ARN of a secret.
    #[error("{variable} is not the ARN of a secret")]
    Arn {
        /// The variable with the ARN.
        variable: &'static str,
    },
    /// The request cannot be signed. Handling: this is a defect, or a credential is malformed; see its source.
    #[error("{variable}: the request cannot be signed")]
    Request {
        /// The variable with the ARN.
        variable: &'static str,
        /// The fault.
        source: SigningFailure,
    },
    /// Secrets Manager refused. Handling: grant the role `secretsmanager:GetSecretValue` on the secret. If the secret is
    /// encrypted with a key of your own, also grant `kms:Decrypt`. A `ResourceNotFoundException` means that the secret
    /// has no value yet, or does not exist.
    #[error("{variable}: Secrets Manager answers {status} {code}: {message}")]
    Refused {
        /// The variable with the ARN.
        variable: &'static str,
        /// The answer's status.
        status: u16,
        /// AWS's word for the error.
        code: String,
        /// AWS's message. It names roles and secrets, and shows no value.
        message: String,
    },
    /// Secrets Manager did not answer in time. Handling: make sure that the network lets the function reach it, by an
    /// endpoint or a NAT gateway, and that the function's security group allows it.
    #[error("{variable}: Secrets Manager does not answer")]
    NoAnswer {
        /// The variable with the ARN.
        variable: &'static str,
        /// The failure of the last try.
        source: ConnectionError,
    },
    /// The secret has no text. It is binary or empty, or the answer did not come from Secrets Manager. Handling: store
    /// the value as the secret's string.
    #[error("{variable}: the secret has no text")]
    NoText {
        /// The variable with the ARN.
        variable: &'static str,
    },
    /// The secret is not JSON with the two texts `username` and `password`. Handling: store it in the form that MSK
    /// requires.
    #[error("{variable}: the secret is not JSON with a username and a password")]
    NoCredentials {
        /// The variable with the ARN.
        variable: &'static str,
    },
}

/// The variables of the process. The secrets that they name are put in the variables' places.
///
/// # Errors
/// See [`SecretsError`].
pub async fn settings() -> Result<Settings, SecretsError> {
    read(Settings::from_env()).await
}

/// These settings. The secrets that they name are put in the variables' places. All secrets are asked for at once.
///
/// # Errors
/// See [`SecretsError`].
pub async fn read(settings: Settings) -> Result<Settings, SecretsError> {
    let named = named_secrets(&settings)?;
    if named.is_empty() {
        return Ok(settings);
    }
    let secrets_manager = SecretsManager::of(settings.clone());
    let texts = try_join_all(named.iter().map(|secret| secrets_manager.text(secret.variable, &secret.arn))).await?;
    named.iter().zip(texts).try_fold(settings, |settings, (secret, text)| secret.put(settings, text))
}

/// A secret to read.
struct NamedSecret {
    /// The variable with the ARN.
    variable: &'static str,
    arn: String,
    holds: Held,
}

/// The content of a secret.
enum Held {
    /// The value of this variable.
    Variable(&'static str),
    /// Kafka's user and password.
    KafkaCredentials,
}

/// The form in which MSK keeps them. Other members may be beside them.
#[derive(Deserialize)]
struct KafkaCredentials {
    username: String,
    password: String,
}

/// The secrets that are named and whose own variables are not set.
fn named_secrets(settings: &Settings) -> Result<Vec<NamedSecret>, SettingsError> {
    // User and password must come from one place. A user or a password that is set alone is not combined with the other
    // part of a secret.
    let are_credentials_set = settings.is_set(KAFKA_USERNAME) && settings.is_set(KAFKA_PASSWORD);
    let mut named = Vec::new();
    for (variable, is_set, holds) in [
        (EVENT_STORE_URL_SECRET_ARN, settings.is_set(EVENT_STORE_URL), Held::Variable(EVENT_STORE_URL)),
        (KEY_STORE_URL_SECRET_ARN, settings.is_set(KEY_STORE_URL), Held::Variable(KEY_STORE_URL)),
        (READ_DB_URL_SECRET_ARN, settings.is_set(READ_DB_URL), Held::Variable(READ_DB_URL)),
        (KAFKA_CREDENTIALS_SECRET_ARN, are_credentials_set, Held::KafkaCredentials),
    ] {
        if let Some(arn) = settings.optional(variable)?.filter(|_| !is_set) {
            named.push(NamedSecret { variable, arn, holds });
        }
    }
    Ok(named)
}

impl NamedSecret {
    fn put(&self, settings: Settings, text: String) -> Result<Settings, SecretsError> {
        match self.holds {
            Held::Variable(variable) => Ok(settings.with(variable, text)),
            Held::KafkaCredentials => {
                // Without the source of the error, because it repeats the text that it does not understand.
                let credentials: KafkaCredentials =
                    serde_json::from_str(&text).map_err(|_| SecretsError::NoCredentials { variable: self.variable })?;
                Ok(settings.with(KAFKA_USERNAME, credentials.username).with(KAFKA_PASSWORD, credentials.password))
            }
        }
    }
}

#[cfg(test)]
mod tests;

use aws_credential_types::Credentials;
use settings::{Settings, SettingsError};

/// The reason why the environment has no AWS credentials. Handling: in Lambda they are set by Lambda; elsewhere
/// set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, and `AWS_SESSION_TOKEN` if a role gave them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
// The source is in the text as well, because a Kafka client repeats only the text.
#[error("the environment has no AWS credentials: {0}")]
pub struct CredentialsError(#[from] SettingsError);

/// The credentials of the role that the process runs under, from the variables where Lambda puts them.
pub(crate) fn from_environment() -> Result<Credentials, CredentialsError> {
    let key = Settings::from_env().aws_credentials()?;
    let session_token = key.session_token.map(|token| token.expose().to_owned());
    Ok(Credentials::new(key.access_key_id, key.secret_access_key.expose(), session_token, None, "the environment"))
}

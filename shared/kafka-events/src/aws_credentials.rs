use aws_credential_types::Credentials;
use settings::SettingsError;

const AWS_ACCESS_KEY_ID: &str = "AWS_ACCESS_KEY_ID";
const AWS_SECRET_ACCESS_KEY: &str = "AWS_SECRET_ACCESS_KEY";
const AWS_SESSION_TOKEN: &str = "AWS_SESSION_TOKEN";

/// Why the environment has no AWS credentials. Handling: in Lambda they are there by themselves; elsewhere set
/// `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, and `AWS_SESSION_TOKEN` where a role gave them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
// The source is in the text as well: librdkafka repeats the text alone.
#[error("the environment has no AWS credentials: {0}")]
pub struct CredentialsError(#[from] SettingsError);

/// The credentials of the role that the process runs under, from where Lambda puts them.
pub(crate) fn from_environment() -> Result<Credentials, CredentialsError> {
    let required = |variable| settings::optional(variable)?.ok_or(SettingsError::Missing { variable });
    let access_key_id = required(AWS_ACCESS_KEY_ID)?;
    let secret_access_key = required(AWS_SECRET_ACCESS_KEY)?;
    let session_token = settings::optional(AWS_SESSION_TOKEN)?;
    Ok(Credentials::new(access_key_id, secret_access_key, session_token, None, "the environment"))
}

use crate::{Secret, Settings, SettingsError};

/// The variable in which Lambda gives the region.
pub const AWS_REGION: &str = "AWS_REGION";
/// The variable with the id of the key that signs requests to AWS.
pub const AWS_ACCESS_KEY_ID: &str = "AWS_ACCESS_KEY_ID";
/// The variable with the key that signs requests to AWS.
pub const AWS_SECRET_ACCESS_KEY: &str = "AWS_SECRET_ACCESS_KEY";
/// The variable with the session token, which belongs to a key that a role gave.
pub const AWS_SESSION_TOKEN: &str = "AWS_SESSION_TOKEN";
/// The variable that points AWS's SDKs and tools to another address than AWS's own.
const AWS_ENDPOINT_URL: &str = "AWS_ENDPOINT_URL";

/// The credentials that sign requests to AWS. In Lambda they are the credentials of the function's role, and hold
/// as long as the process lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsCredentials {
    /// The key's id.
    pub access_key_id: String,
    /// The key.
    pub secret_access_key: Secret,
    /// The session token, which belongs to a key that a role gave.
    pub session_token: Option<Secret>,
}

impl Settings {
    /// The region.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn aws_region(&self) -> Result<String, SettingsError> {
        self.required(AWS_REGION)
    }

    /// The credentials, from the variables where Lambda puts them.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn aws_credentials(&self) -> Result<AwsCredentials, SettingsError> {
        Ok(AwsCredentials {
            access_key_id: self.required(AWS_ACCESS_KEY_ID)?,
            secret_access_key: self.required(AWS_SECRET_ACCESS_KEY).map(Secret::new)?,
            session_token: self.optional(AWS_SESSION_TOKEN)?.map(Secret::new),
        })
    }

    /// The address of an AWS service, if it is not AWS's own. The service's own variable, such as
    /// `AWS_ENDPOINT_URL_LAMBDA`, is taken before `AWS_ENDPOINT_URL`.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn aws_endpoint_url(&self, variable_of_service: &'static str) -> Result<Option<String>, SettingsError> {
        Ok(self.optional(variable_of_service)?.or(self.optional(AWS_ENDPOINT_URL)?))
    }
}

use crate::{Secret, Settings, SettingsError};

/// The variable in which Lambda says where it runs.
pub const AWS_REGION: &str = "AWS_REGION";
/// The variable with the id of the key that signs requests to AWS.
pub const AWS_ACCESS_KEY_ID: &str = "AWS_ACCESS_KEY_ID";
/// The variable with that key.
pub const AWS_SECRET_ACCESS_KEY: &str = "AWS_SECRET_ACCESS_KEY";
/// The variable with what goes with a key that a role gave.
pub const AWS_SESSION_TOKEN: &str = "AWS_SESSION_TOKEN";
/// The variable by which AWS's SDKs and tools are pointed at another address than AWS's own.
const AWS_ENDPOINT_URL: &str = "AWS_ENDPOINT_URL";

/// What signs requests to AWS. In Lambda they are those of the function's role, for as long as the process lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsCredentials {
    /// The key's id.
    pub access_key_id: String,
    /// The key.
    pub secret_access_key: Secret,
    /// What goes with a key that a role gave.
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

    /// The credentials, from where Lambda puts them.
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

    /// Where a service of AWS's is, if not at AWS's own address: the service's own variable, such as
    /// `AWS_ENDPOINT_URL_LAMBDA`, comes before `AWS_ENDPOINT_URL`.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn aws_endpoint_url(&self, variable_of_service: &'static str) -> Result<Option<String>, SettingsError> {
        Ok(self.optional(variable_of_service)?.or(self.optional(AWS_ENDPOINT_URL)?))
    }
}

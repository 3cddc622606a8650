use std::time::Duration;

use aws_requests::{AwsService, Limits, RequestError, Service, json_request};
use serde::Deserialize;
use serde_json::json;
use settings::Settings;

use crate::SecretsError;

const SECRETS_MANAGER: Service =
    Service { name: "secretsmanager", endpoint_variable: "AWS_ENDPOINT_URL_SECRETS_MANAGER" };
/// The limits fit a function's start, which may take 10 s.
const LIMITS: Limits = Limits {
    try_timeout: Duration::from_secs(2),
    retry_for: Duration::from_secs(4),
    first_pause: Duration::from_millis(50),
    longest_pause: Duration::from_secs(1),
};

/// AWS Secrets Manager, asked as the role that the process runs under.
pub(crate) struct SecretsManager {
    settings: Settings,
    pub(crate) limits: Limits,
}

/// The answer of GetSecretValue.
#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "SecretString")]
    text: Option<String>,
}

impl SecretsManager {
    /// A client with the credentials of these settings.
    pub(crate) const fn of(settings: Settings) -> Self {
        Self { settings, limits: LIMITS }
    }

    /// The text of the secret with this ARN. The variable is named in errors.
    pub(crate) async fn text(&self, variable: &'static str, arn: &str) -> Result<String, SecretsError> {
        let region = region(arn).ok_or(SecretsError::Arn { variable })?;
        // Each secret has a client of its own, because secrets are asked for side by side.
        let service = AwsService::in_region(&self.settings, SECRETS_MANAGER, region.to_owned(), self.limits)?;
        let request = json_request("secretsmanager.GetSecretValue", &json!({ "SecretId": arn }));
        let answer = service.send(request).await.map_err(|error| match error {
            RequestError::Signing(source) => SecretsError::Request { variable, source },
            RequestError::Refused { status, code, message } => {
                SecretsError::Refused { variable, status, code, message }
            }
            RequestError::NoAnswer(source) => SecretsError::NoAnswer { variable, source },
        })?;
        let text = serde_json::from_slice::<Answer>(&answer).ok().and_then(|answer| answer.text);
        text.filter(|text| !text.is_empty()).ok_or(SecretsError::NoText { variable })
    }
}

/// The region of the secret with this ARN.
fn region(arn: &str) -> Option<&str> {
    // arn:PARTITION:secretsmanager:REGION:ACCOUNT:secret:NAME
    let parts: Vec<&str> = arn.splitn(7, ':').collect();
    let ["arn", _partition, "secretsmanager", region, _account, "secret", _name] = parts[..] else {
        return None;
    };
    let is_region = !region.is_empty() && region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_region.then_some(region)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_asked_for_in_the_region_of_its_arn() {
        for (arn, expected) in [
            ("arn:aws:secretsmanager:eu-central-1:123456789012:secret:passbook/url-AbCdEf", "eu-central-1"),
            ("arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:url-AbCdEf", "cn-north-1"),
        ] {
            assert_eq!(region(arn), Some(expected));
        }
    }

    #[test]
    fn what_is_no_secret_s_arn_has_no_region() {
        for other in [
            "",
            "passbook/url",
            "arn:aws:secretsmanager::123456789012:secret:url",
            "arn:aws:secretsmanager:evil.example/:123456789012:secret:url",
            "arn:aws:secretsmanager:eu-central-1:123456789012:secret",
            "arn:aws:ssm:eu-central-1:123456789012:secret:url",
        ] {
            assert_eq!(region(other), None, "{other}");
        }
    }
}

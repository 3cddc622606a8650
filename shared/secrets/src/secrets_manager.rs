use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningError, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use aws_sigv4::sign::v4::signing_params::BuildError;
use backon::{ExponentialBuilder, Retryable as _};
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderName, Request, Response, StatusCode, Uri};
use http_body_util::Full;
use hyper::body::Bytes;
use serde::Deserialize;
use serde_json::json;
use settings::{Settings, SettingsError};
use tokio::time::Instant;

use crate::SecretsError;
use crate::connection::{ConnectionError, Connector};
use crate::place::Place;

/// The variable by which AWS's SDKs and tools are pointed at another Secrets Manager than AWS's own.
const AWS_ENDPOINT_URL_SECRETS_MANAGER: &str = "AWS_ENDPOINT_URL_SECRETS_MANAGER";
/// The service that the signature is for.
const SERVICE: &str = "secretsmanager";
const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
/// AWS's words for its being asked too often; the status is 400 then, as for requests that are wrong.
const THROTTLED: [&str; 3] = ["ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded"];
/// An error without a message of AWS's is not worth more.
const MAX_MESSAGE_CHARS: usize = 500;

/// How long a secret is tried for. A function's start may take 10 s.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// For one try.
    pub(crate) try_timeout: Duration,
    /// After so long no further try begins.
    pub(crate) retry_for: Duration,
    pub(crate) first_pause: Duration,
    pub(crate) longest_pause: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            try_timeout: Duration::from_secs(2),
            retry_for: Duration::from_secs(4),
            first_pause: Duration::from_millis(50),
            longest_pause: Duration::from_secs(1),
        }
    }
}

/// AWS Secrets Manager, asked as the role that the process runs under.
pub(crate) struct SecretsManager {
    credentials: Credentials,
    endpoint_url: Option<Uri>,
    connector: Connector,
    pub(crate) limits: Limits,
}

/// Why a request cannot be signed: a defect, or a clock that is far off.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The signature's parameters are incomplete.
    #[error(transparent)]
    Parameters(#[from] BuildError),
    /// The signature cannot be made.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// It is no request.
    #[error(transparent)]
    Http(#[from] http::Error),
}

/// What GetSecretValue answers, and what any refusal of AWS's says.
#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "SecretString")]
    text: Option<String>,
    #[serde(rename = "__type")]
    code: Option<String>,
    #[serde(alias = "Message")]
    message: Option<String>,
}

impl SecretsManager {
    /// With the credentials of the environment. Nothing is connected yet.
    pub(crate) fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let key = settings.aws_credentials()?;
        let session_token = key.session_token.map(|token| token.expose().to_owned());
        let credentials =
            Credentials::new(key.access_key_id, key.secret_access_key.expose(), session_token, None, "the environment");
        let endpoint_url = settings.aws_endpoint_url(AWS_ENDPOINT_URL_SECRETS_MANAGER)?.map(|url| endpoint(&url));
        let endpoint_url = endpoint_url.transpose()?;
        Ok(Self { credentials, endpoint_url, connector: Connector::new(), limits: Limits::default() })
    }

    /// The text of the secret with this ARN, which this variable named.
    pub(crate) async fn text(&self, variable: &'static str, arn: &str) -> Result<String, SecretsError> {
        let place = Place::of_secret(arn, self.endpoint_url.as_ref()).ok_or(SecretsError::Arn { variable })?;
        // A signature holds for minutes, and so for all tries.
        let request = self
            .signed_request(arn, &place, SystemTime::now())
            .map_err(|source| SecretsError::Request { variable, source })?;
        let started_at = Instant::now();
        let backoff = ExponentialBuilder::default()
            .with_min_delay(self.limits.first_pause)
            .with_max_delay(self.limits.longest_pause)
            .without_max_times()
            .with_jitter();
        (|| self.try_text(variable, &place, request.clone()))
            .retry(backoff)
            .sleep(tokio::time::sleep)
            .when(|error| may_pass(error) && started_at.elapsed() < self.limits.retry_for)
            .notify(|error, pause| tracing::warn!(%error, ?pause, "a secret is asked for again"))
            .await
    }

    async fn try_text(
        &self,
        variable: &'static str,
        place: &Place,
        request: Request<Full<Bytes>>,
    ) -> Result<String, SecretsError> {
        let answer = self.connector.send(place, request, self.limits.try_timeout).await;
        text_of(variable, &answer.map_err(|source| SecretsError::NoAnswer { variable, source })?)
    }

    fn signed_request(&self, arn: &str, place: &Place, now: SystemTime) -> Result<Request<Full<Bytes>>, RequestError> {
        let body = json!({ "SecretId": arn }).to_string();
        let authority = place.authority();
        let mut request = Request::post("/")
            .header(HOST, &authority)
            .header(CONTENT_TYPE, "application/x-amz-json-1.1")
            .header(TARGET, "secretsmanager.GetSecretValue")
            .body(())?;
        let identity = self.credentials.clone().into();
        let parameters = SigningParams::builder()
            .identity(&identity)
            .region(&place.region)
            .name(SERVICE)
            .time(now)
            .settings(SigningSettings::default())
            .build()?
            .into();
        let url = format!("https://{authority}/");
        let headers = request.headers().iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let signable = SignableRequest::new("POST", &url, headers, SignableBody::Bytes(body.as_bytes()))?;
        let (instructions, _) = sign(signable, &parameters)?.into_parts();
        instructions.apply_to_request_http1x(&mut request);
        Ok(request.map(|()| Full::new(body.into())))
    }
}

/// The scheme and the host are all that is taken from it.
fn endpoint(url: &str) -> Result<Uri, SettingsError> {
    let is_http = |url: &Uri| matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some();
    url.parse().ok().filter(is_http).ok_or(SettingsError::Invalid {
        variable: AWS_ENDPOINT_URL_SECRETS_MANAGER,
        reason: "it, or AWS_ENDPOINT_URL, must be a URL of https or http",
    })
}

fn text_of(variable: &'static str, answer: &Response<Bytes>) -> Result<String, SecretsError> {
    let status = answer.status();
    let parsed: Option<Answer> = serde_json::from_slice(answer.body()).ok();
    if status == StatusCode::OK {
        let text = parsed.and_then(|answer| answer.text).filter(|text| !text.is_empty());
        return text.ok_or(SecretsError::NoText { variable });
    }
    let (code, message) = parsed.map_or((None, None), |answer| (answer.code, answer.message));
    // Some services put a namespace before it.
    let code = code.map_or_else(String::new, |code| code.rsplit('#').next().unwrap_or_default().to_owned());
    let message = message.unwrap_or_default().chars().take(MAX_MESSAGE_CHARS).collect();
    Err(SecretsError::Refused { variable, status: status.as_u16(), code, message })
}

/// Whether another try may have another end.
fn may_pass(error: &SecretsError) -> bool {
    match error {
        SecretsError::NoAnswer { source, .. } => !matches!(source, ConnectionError::HostName(_)),
        SecretsError::Refused { status, code, .. } => {
            *status == 429 || *status >= 500 || THROTTLED.contains(&code.as_str())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-24T17:00:00.789Z.
    const NOW: Duration = Duration::from_millis(1_795_539_600_789);
    const ARN: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:passbook-AbCdEf";

    fn signed(session_token: &str) -> Request<Full<Bytes>> {
        let settings = Settings::from_variables([
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            ("AWS_SESSION_TOKEN", session_token),
        ]);
        let secrets_manager = SecretsManager::from_settings(&settings).expect("settings");
        let place = Place::of_secret(ARN, None).expect("a place");
        secrets_manager.signed_request(ARN, &place, SystemTime::UNIX_EPOCH + NOW).expect("signs")
    }

    /// What botocore 1.43.127, AWS's own signer, made at that time of these credentials and this request.
    #[test]
    fn a_request_is_signed_as_aws_s_own_signer_signs_it() {
        let scope = "AKIDEXAMPLE/20261124/eu-central-1/secretsmanager/aws4_request";
        for (session_token, headers, signature) in [
            (
                "IQoJb3JpZ2luX2VjEXAMPLE//+=",
                "content-type;host;x-amz-date;x-amz-security-token;x-amz-target",
                "bf3bf3bb80bf826ee6416273b29d531445212d2890221e411d58a6e077622882",
            ),
            (
                "",
                "content-type;host;x-amz-date;x-amz-target",
                "b8910c3f21dc633ba27933769bf4f11f5181bfa6b6f45319193d1d87a71efbc8",
            ),
        ] {
            let request = signed(session_token);
            let authorization = request.headers()["authorization"].to_str().expect("text");
            let expected =
                format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={headers}, Signature={signature}");
            assert_eq!(authorization, expected);
            assert!(!format!("{request:?}").contains("IQoJb3"), "the token is sensitive");
        }
    }
}

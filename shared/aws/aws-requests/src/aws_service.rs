use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningError, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use aws_sigv4::sign::v4::signing_params::BuildError;
use backon::{ExponentialBuilder, Retryable as _};
use http::header::{CONTENT_TYPE, HOST, InvalidHeaderValue};
use http::{HeaderName, HeaderValue, Method, Request};
use http_body_util::Full;
use hyper::body::Bytes;
use serde_json::Value;
use settings::{Settings, SettingsError};
use tokio::time::Instant;

use crate::connection::{ConnectionError, Connector};
use crate::place::{Place, roots};
use crate::refusal::{is_passing, refusal};

const TARGET: HeaderName = HeaderName::from_static("x-amz-target");

/// A service, by AWS's own names for it.
#[derive(Debug, Clone, Copy)]
pub struct Service {
    /// The first part of its addresses, and the service name in signatures: `kms`.
    pub name: &'static str,
    /// The variable that points AWS's SDKs and tools to another address than AWS's own: `AWS_ENDPOINT_URL_KMS`.
    pub endpoint_variable: &'static str,
}

/// The limits of a request's tries. An answer or an error comes within the sum of `retry_for`, twice `longest_pause`, and
/// `try_timeout`.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The limit of one try.
    pub try_timeout: Duration,
    /// After this time no further try is begun.
    pub retry_for: Duration,
    /// The pause before the second try. Each pause is twice the one before, and is lengthened by up to as much again at
    /// random.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
}

/// The reason why a request was not done, or may not have been done.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The request cannot be signed. Handling: a defect; see its source.
    #[error("the request cannot be signed")]
    Signing(#[from] SigningFailure),
    /// AWS refused. Handling: depends on AWS's error code. Mostly the role lacks a right. `InvalidSignatureException` means
    /// a clock that is far off.
    #[error("AWS answers {status} {code}: {message}")]
    Refused {
        /// The answer's status.
        status: u16,
        /// AWS's error code, such as `AccessDeniedException`. Empty if the answer has none.
        code: String,
        /// AWS's message. It names roles and the requested resource, and shows nothing secret.
        message: String,
    },
    /// AWS did not answer in time. Handling: make sure that the network lets the process reach it, by an endpoint or a NAT
    /// gateway, and that the security group allows it. The request may have arrived.
    #[error(transparent)]
    NoAnswer(#[from] ConnectionError),
}

/// The reason why a request cannot be signed: a defect.
#[derive(Debug, thiserror::Error)]
pub enum SigningFailure {
    /// The address is not a valid header value.
    #[error(transparent)]
    Host(#[from] InvalidHeaderValue),
    /// The signature's parameters are incomplete.
    #[error(transparent)]
    Parameters(#[from] BuildError),
    /// The signature cannot be made.
    #[error(transparent)]
    Signing(#[from] SigningError),
}

/// An AWS service in one region. It is asked as the role that the process runs under. It keeps the connections of the last
/// requests for the next requests.
pub struct AwsService {
    service: Service,
    region: String,
    authority: String,
    credentials: Credentials,
    pub(crate) connector: Connector,
    limits: Limits,
}

impl AwsService {
    /// The service in the region that the process runs in, with the credentials of the environment, where Lambda puts them.
    /// No connection is made yet.
    ///
    /// # Errors
    /// [`SettingsError`], if the region, the credentials or the service's address are missing or wrong.
    pub fn from_settings(settings: &Settings, service: Service, limits: Limits) -> Result<Self, SettingsError> {
        Self::in_region(settings, service, settings.aws_region()?, limits)
    }

    /// Like [`from_settings`](Self::from_settings), but in this region.
    ///
    /// # Errors
    /// [`SettingsError`], if the credentials or the service's address are missing or wrong.
    pub fn in_region(
        settings: &Settings,
        service: Service,
        region: String,
        limits: Limits,
    ) -> Result<Self, SettingsError> {
        let endpoint_url = settings.aws_endpoint_url(service.endpoint_variable)?;
        let place = match &endpoint_url {
            Some(url) => Place::at(url).ok_or(SettingsError::Invalid {
                variable: service.endpoint_variable,
                reason: "this variable, or AWS_ENDPOINT_URL, must be an https or http URL",
            })?,
            None => Place::of_service(service.name, &region).ok_or(SettingsError::Invalid {
                variable: service.endpoint_variable,
                reason: "it must be set, because the addresses of this region are not known here",
            })?,
        };
        let key = settings.aws_credentials()?;
        let session_token = key.session_token.map(|token| token.expose().to_owned());
        let credentials =
            Credentials::new(key.access_key_id, key.secret_access_key.expose(), session_token, None, "the environment");
        let authority = place.authority();
        let connector = Connector::trusting(place, roots(&region, endpoint_url.as_deref()));
        Ok(Self { service, region, authority, credentials, connector, limits })
    }

    /// The body of AWS's answer to this request, whose URL is only a path. Passing failures are tried again: throttling,
    /// errors on AWS's side, and a network that does not answer. So the request may arrive more than once, and must allow
    /// that.
    ///
    /// # Errors
    /// See [`RequestError`]. It is the error of the last try.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Bytes, RequestError> {
        // A signature holds for minutes, and so for all tries.
        let request = self.signed(request, SystemTime::now())?;
        let (service, started_at) = (self.service.name, Instant::now());
        let backoff = ExponentialBuilder::default()
            .with_min_delay(self.limits.first_pause)
            .with_max_delay(self.limits.longest_pause)
            .without_max_times()
            .with_jitter();
        (|| self.try_to_send(request.clone()))
            .retry(backoff)
            .sleep(tokio::time::sleep)
            .when(|error| is_passing(error) && started_at.elapsed() < self.limits.retry_for)
            .notify(|error, pause| tracing::warn!(%error, ?pause, service, "an answer of AWS's is asked for again"))
            .await
    }

    async fn try_to_send(&self, request: Request<Full<Bytes>>) -> Result<Bytes, RequestError> {
        let answer = self.connector.send(request, self.limits.try_timeout).await?;
        if answer.status().is_success() { Ok(answer.into_body()) } else { Err(refusal(&answer)) }
    }

    fn signed(&self, mut request: Request<Bytes>, now: SystemTime) -> Result<Request<Full<Bytes>>, SigningFailure> {
        request.headers_mut().insert(HOST, HeaderValue::from_str(&self.authority)?);
        let identity = self.credentials.clone().into();
        let parameters = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(self.service.name)
            .time(now)
            .settings(SigningSettings::default())
            .build()?
            .into();
        let url = format!("https://{}{}", self.authority, request.uri());
        let headers = request.headers().iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let body = SignableBody::Bytes(request.body());
        let signable = SignableRequest::new(request.method().as_str(), &url, headers, body)?;
        let (instructions, _) = sign(signable, &parameters)?.into_parts();
        instructions.apply_to_request_http1x(&mut request);
        Ok(request.map(Full::new))
    }
}

/// A request for an operation of a JSON service: the operation's name, such as `TrentService.Decrypt`, and its input.
#[must_use]
pub fn json_request(operation: &'static str, input: &Value) -> Request<Bytes> {
    let mut request = Request::new(input.to_string().into());
    *request.method_mut() = Method::POST;
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"));
    request.headers_mut().insert(TARGET, HeaderValue::from_static(operation));
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-24T17:00:00.789Z.
    const NOW: Duration = Duration::from_millis(1_795_539_600_789);
    const LIMITS: Limits = Limits {
        try_timeout: Duration::from_secs(1),
        retry_for: Duration::from_secs(1),
        first_pause: Duration::from_millis(50),
        longest_pause: Duration::from_millis(50),
    };

    fn signed(name: &'static str, session_token: &str, request: Request<Bytes>) -> Request<Full<Bytes>> {
        let settings = Settings::from_variables([
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            ("AWS_SESSION_TOKEN", session_token),
        ]);
        let service = Service { name, endpoint_variable: "AWS_ENDPOINT_URL_OF_A_TEST" };
        let service = AwsService::from_settings(&settings, service, LIMITS).expect("settings");
        service.signed(request, SystemTime::UNIX_EPOCH + NOW).expect("signs")
    }

    fn for_a_secret() -> Request<Bytes> {
        let arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:passbook-AbCdEf";
        json_request("secretsmanager.GetSecretValue", &serde_json::json!({ "SecretId": arn }))
    }

    fn for_a_function_s_arn() -> Request<Bytes> {
        let arn = "arn%3Aaws%3Alambda%3Aeu-central-1%3A123456789012%3Afunction%3Aworker";
        Request::post(format!("/2015-03-31/functions/{arn}/invocations"))
            .header("x-amz-invocation-type", "Event")
            .body(Bytes::from_static(b"{}"))
            .expect("a request")
    }

    /// The signatures that botocore 1.43, AWS's own signer, made at that time with these credentials for these requests.
    #[test]
    fn a_request_is_signed_as_aws_s_own_signer_signs_it() {
        let token = "IQoJb3JpZ2luX2VjEXAMPLE//+=";
        for (service, token, request, headers, signature) in [
            (
                "secretsmanager",
                token,
                for_a_secret(),
                "content-type;host;x-amz-date;x-amz-security-token;x-amz-target",
                "bf3bf3bb80bf826ee6416273b29d531445212d2890221e411d58a6e077622882",
            ),
            (
                "secretsmanager",
                "",
                for_a_secret(),
                "content-type;host;x-amz-date;x-amz-target",
                "b8910c3f21dc633ba27933769bf4f11f5181bfa6b6f45319193d1d87a71efbc8",
            ),
            // This path differs from its signed form, because the signature escapes the escapes.
            (
                "lambda",
                token,
                for_a_function_s_arn(),
                "host;x-amz-date;x-amz-invocation-type;x-amz-security-token",
                "c8f54be46525a91828c67167b3232c2928ad0fe5a0f0ebd2c704ed5a1dfd3208",
            ),
        ] {
            let request = signed(service, token, request);
            let authorization = request.headers()["authorization"].to_str().expect("text");
            let scope = format!("AKIDEXAMPLE/20261124/eu-central-1/{service}/aws4_request");
            let expected =
                format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={headers}, Signature={signature}");
            assert_eq!(authorization, expected);
            assert!(!format!("{request:?}").contains("IQoJb3"), "the token is sensitive");
        }
    }

    #[test]
    fn where_nobody_can_be_asked_the_variable_is_named_that_helps() {
        let service = Service { name: "kms", endpoint_variable: "AWS_ENDPOINT_URL_KMS" };
        let settings = Settings::from_variables([
            ("AWS_REGION", "us-iso-east-1"),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
        ]);
        let made = |settings: &Settings| AwsService::from_settings(settings, service, LIMITS).err();
        for settings in [settings.clone(), settings.clone().with("AWS_ENDPOINT_URL_KMS", "ftp://kms".to_owned())] {
            let error = made(&settings);
            let is_named = matches!(error, Some(SettingsError::Invalid { variable: "AWS_ENDPOINT_URL_KMS", .. }));
            assert!(is_named, "{error:?}");
        }
        assert_eq!(made(&settings.clone().with("AWS_ENDPOINT_URL_KMS", "https://kms.example".to_owned())), None);
        let nowhere = settings.with("AWS_REGION", String::new());
        assert_eq!(made(&nowhere), Some(SettingsError::Missing { variable: "AWS_REGION" }));
    }
}

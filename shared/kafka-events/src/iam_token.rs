use std::time::{Duration, SystemTime, SystemTimeError};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningError, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use aws_sigv4::sign::v4::signing_params::BuildError;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::CredentialsError;

/// The service that MSK's brokers check the signature for.
const SERVICE: &str = "kafka-cluster";
/// For how long a broker takes the token; librdkafka asks for the next one at four fifths of it.
const LIFETIME: Duration = Duration::from_secs(900);
/// What the brokers' log calls this client.
const USER_AGENT: &str = concat!("passbook/", env!("CARGO_PKG_VERSION"));

/// What signs in to MSK as an AWS role.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct IamToken {
    pub(crate) text: String,
    /// Its end, in milliseconds since 1970.
    pub(crate) expires_at_ms: i64,
}

/// Why there is no token. Handling: that of its source; librdkafka asks again in 10 s.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IamTokenError {
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    #[error("the request cannot be signed")]
    Signing(#[from] SigningError),
    #[error("the request cannot be signed")]
    Parameters(#[from] BuildError),
    #[error("the request that would be signed is no URL")]
    Url(#[from] http::Error),
    #[error("the clock stands before 1970")]
    Clock(#[from] SystemTimeError),
    #[error("the clock stands too far ahead")]
    ClockTooFarAhead,
}

/// The token by which these credentials sign in to the clusters of a region: a URL that would ask for
/// `kafka-cluster:Connect`, signed for 15 minutes and in base64. Nobody ever opens that URL; the broker checks its
/// signature.
pub(crate) fn iam_token(region: &str, credentials: &Credentials, now: SystemTime) -> Result<IamToken, IamTokenError> {
    let mut request =
        http::Request::get(format!("https://kafka.{region}.amazonaws.com/?Action={SERVICE}%3AConnect")).body(())?;
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(LIFETIME);
    let identity = credentials.clone().into();
    let parameters = SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(SERVICE)
        .time(now)
        .settings(settings)
        .build()?
        .into();
    let url = request.uri().to_string();
    let signable = SignableRequest::new("GET", &url, std::iter::empty(), SignableBody::Bytes(&[]))?;
    let (instructions, _) = sign(signable, &parameters)?.into_parts();
    instructions.apply_to_request_http1x(&mut request);
    // Behind the signature: it is told to the brokers and not covered by it.
    let signed_url = format!("{}&User-Agent={}", request.uri(), USER_AGENT.replace('/', "%2F"));

    let expires_at = now.duration_since(SystemTime::UNIX_EPOCH)? + LIFETIME;
    // The signature's own time has no milliseconds.
    let expires_at_ms = i64::try_from(expires_at.as_secs() * 1000).map_err(|_| IamTokenError::ClockTooFarAhead)?;
    Ok(IamToken { text: URL_SAFE_NO_PAD.encode(signed_url), expires_at_ms })
}

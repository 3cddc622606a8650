//! The token that signs in to MSK as an AWS role, for any client.

use std::time::{Duration, SystemTime, SystemTimeError};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningError, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use aws_sigv4::sign::v4::signing_params::BuildError;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::{CredentialsError, aws_credentials};

/// The service in the signature that MSK's brokers check.
const SERVICE: &str = "kafka-cluster";
/// The time for which a broker accepts the token.
const LIFETIME: Duration = Duration::from_secs(900);
/// The name of this client in the brokers' log.
const USER_AGENT: &str = concat!("passbook/", env!("CARGO_PKG_VERSION"));

/// The token that signs in to MSK as an AWS role.
#[derive(PartialEq, Eq)]
pub struct IamToken {
    /// The token's text. It is a secret, as a password is.
    pub text: String,
    /// The token's end, in milliseconds since 1970.
    pub expires_at_ms: i64,
}

/// The reason why there is no token. Handling: as for its source; the next connection asks again.
#[derive(Debug, thiserror::Error)]
pub enum IamTokenError {
    /// There are no credentials to sign with. Handling: see [`CredentialsError`].
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The request cannot be signed. This is a defect, and so are the next two errors.
    #[error("the request cannot be signed")]
    Signing(#[from] SigningError),
    /// The signature's parameters are incomplete.
    #[error("the request cannot be signed")]
    Parameters(#[from] BuildError),
    /// The request's URL is malformed. Most likely `AWS_REGION` is not a region's name.
    #[error("the URL of the request to sign is malformed")]
    Url(#[from] http::Error),
    /// The clock is before 1970. Handling: set the clock.
    #[error("the clock is before 1970")]
    Clock(#[from] SystemTimeError),
    /// The clock is too far ahead. Handling: set the clock.
    #[error("the clock is too far ahead")]
    ClockTooFarAhead,
}

/// The token by which the role that the process runs under signs in to the clusters of a region.
///
/// # Errors
/// See [`IamTokenError`].
pub fn of_environment(region: &str) -> Result<IamToken, IamTokenError> {
    iam_token(region, &aws_credentials::from_environment()?, SystemTime::now())
}

/// The token by which these credentials sign in to the clusters of a region. It is a URL that would ask for
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
    // The user agent stands behind the signature. The brokers get it, and the signature does not cover it.
    let signed_url = format!("{}&User-Agent={}", request.uri(), USER_AGENT.replace('/', "%2F"));

    let expires_at = now.duration_since(SystemTime::UNIX_EPOCH)? + LIFETIME;
    // The signature's own time has no milliseconds.
    let expires_at_ms = i64::try_from(expires_at.as_secs() * 1000).map_err(|_| IamTokenError::ClockTooFarAhead)?;
    Ok(IamToken { text: URL_SAFE_NO_PAD.encode(signed_url), expires_at_ms })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-24T17:00:00.789Z.
    const NOW: Duration = Duration::from_millis(1_795_539_600_789);

    fn signed_url(session_token: Option<&str>) -> String {
        let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        let credentials = Credentials::new("AKIDEXAMPLE", secret, session_token.map(str::to_owned), None, "a test");
        let token = iam_token("eu-central-1", &credentials, SystemTime::UNIX_EPOCH + NOW).expect("a token");
        assert_eq!(token.expires_at_ms, 1_795_540_500_000);
        String::from_utf8(URL_SAFE_NO_PAD.decode(token.text).expect("base64")).expect("a URL")
    }

    /// Compares with the token that `aws-msk-iam-sasl-signer-python` 1.0.2, AWS's own signer, made at that time with
    /// these credentials. Only the user agent differs, which no signature covers. Their parameters are in this order;
    /// ours may be in another.
    fn assert_is_as_theirs(url: &str, theirs: &[&str]) {
        let (endpoint, query) = url.split_once('?').expect("a query");
        assert_eq!(endpoint, "https://kafka.eu-central-1.amazonaws.com/");
        let (mut ours, mut theirs): (Vec<_>, _) = (query.split('&').collect(), theirs.to_vec());
        theirs.push(concat!("User-Agent=passbook%2F", env!("CARGO_PKG_VERSION")));
        ours.sort_unstable();
        theirs.sort_unstable();
        assert_eq!(ours, theirs);
    }

    #[test]
    fn a_role_s_token_is_the_one_that_aws_s_own_signer_makes() {
        let expected = [
            "Action=kafka-cluster%3AConnect",
            "X-Amz-Algorithm=AWS4-HMAC-SHA256",
            "X-Amz-Credential=AKIDEXAMPLE%2F20261124%2Feu-central-1%2Fkafka-cluster%2Faws4_request",
            "X-Amz-Date=20261124T170000Z",
            "X-Amz-Expires=900",
            "X-Amz-SignedHeaders=host",
            "X-Amz-Security-Token=IQoJb3JpZ2luX2VjEXAMPLE%2F%2F%2B%3D",
            "X-Amz-Signature=644feaf365235843a11c90148a3603a73d7c6701baa6cbf4a8632f7f442db5eb",
        ];
        assert_is_as_theirs(&signed_url(Some("IQoJb3JpZ2luX2VjEXAMPLE//+=")), &expected);
    }

    #[test]
    fn a_user_s_token_is_the_one_that_aws_s_own_signer_makes() {
        let expected = [
            "Action=kafka-cluster%3AConnect",
            "X-Amz-Algorithm=AWS4-HMAC-SHA256",
            "X-Amz-Credential=AKIDEXAMPLE%2F20261124%2Feu-central-1%2Fkafka-cluster%2Faws4_request",
            "X-Amz-Date=20261124T170000Z",
            "X-Amz-Expires=900",
            "X-Amz-SignedHeaders=host",
            "X-Amz-Signature=e8f293ab341430bb7eb5ed0b1d6ce062df9adeab33ab8a69f343c33cb3d3494b",
        ];
        assert_is_as_theirs(&signed_url(None), &expected);
    }
}

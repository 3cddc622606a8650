use http::{HeaderName, Response};
use hyper::body::Bytes;
use serde::Deserialize;

use crate::{ConnectionError, RequestError};

/// The header with the error code of services that do not use `x-amz-target`.
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
/// AWS's error codes for too many requests. The status may then be 400, as for wrong requests.
const THROTTLED: [&str; 3] = ["ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded"];
/// The number of characters of an error message that are kept.
const MAX_MESSAGE_CHARS: usize = 500;

/// The content of an AWS refusal. Each service uses one of the two spellings of the message.
#[derive(Deserialize, Default)]
struct Said {
    #[serde(rename = "__type")]
    code: Option<String>,
    message: Option<String>,
    #[serde(rename = "Message")]
    other_message: Option<String>,
}

/// The error in this answer, which is not a success.
pub(crate) fn refusal(answer: &Response<Bytes>) -> RequestError {
    let said: Said = serde_json::from_slice(answer.body()).unwrap_or_default();
    let in_header = answer.headers().get(ERROR_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let code = in_header.or(said.code).unwrap_or_default();
    // Some services put a namespace before the code. Some put an address behind it.
    let code = code.rsplit('#').next().and_then(|code| code.split(':').next()).unwrap_or_default().to_owned();
    let message = said.message.or(said.other_message).unwrap_or_default();
    let message = message.chars().take(MAX_MESSAGE_CHARS).collect();
    RequestError::Refused { status: answer.status().as_u16(), code, message }
}

/// Whether another try may succeed.
pub(crate) fn is_passing(error: &RequestError) -> bool {
    match error {
        RequestError::NoAnswer(error) => !matches!(error, ConnectionError::HostName(_)),
        RequestError::Refused { status, code, .. } => {
            *status == 429 || *status >= 500 || THROTTLED.contains(&code.as_str())
        }
        RequestError::Signing(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, error_type: Option<&str>, body: &str) -> (u16, String, String) {
        let mut answer = Response::new(Bytes::from(body.to_owned()));
        *answer.status_mut() = status.try_into().expect("a status");
        if let Some(error_type) = error_type {
            answer.headers_mut().insert(ERROR_TYPE, error_type.parse().expect("a header"));
        }
        let error = refusal(&answer);
        let RequestError::Refused { status, code, message } = error else { panic!("{error:?}") };
        (status, code, message)
    }

    #[test]
    fn a_refusal_is_told_in_aws_s_words_however_the_service_spells_them() {
        let expected = |status, code: &str, message: &str| (status, code.to_owned(), message.to_owned());
        let kms_s = r#"{"__type": "com.amazonaws.kms#AccessDeniedException", "message": "no"}"#;
        assert_eq!(refused(400, None, kms_s), expected(400, "AccessDeniedException", "no"));
        let lambda_s = r#"{"Type": "User", "Message": "none"}"#;
        let in_header = Some("ResourceNotFoundException:http://internal.amazon.com/coral/");
        assert_eq!(refused(404, in_header, lambda_s), expected(404, "ResourceNotFoundException", "none"));
        let both = r#"{"__type": "DisabledException", "message": "off", "Message": null}"#;
        assert_eq!(refused(400, None, both), expected(400, "DisabledException", "off"));
        assert_eq!(refused(503, None, "<html>busy</html>"), expected(503, "", ""));
    }

    #[test]
    fn what_is_of_aws_s_side_or_asked_too_often_may_pass_and_what_is_wrong_stays_wrong() {
        let may_pass = |status, code: &str| {
            is_passing(&RequestError::Refused { status, code: code.to_owned(), message: String::new() })
        };
        assert!(may_pass(400, "ThrottlingException") && may_pass(429, "") && may_pass(500, "") && may_pass(503, ""));
        assert!(!may_pass(400, "AccessDeniedException") && !may_pass(403, "") && !may_pass(404, ""));
    }
}

use http::{HeaderName, Response};
use hyper::body::Bytes;
use serde::Deserialize;

use crate::{ConnectionError, RequestError};

/// Where a service that takes no `x-amz-target` says what its error is.
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
/// AWS's words for its being asked too often; the status may be 400 then, as for requests that are wrong.
const THROTTLED: [&str; 3] = ["ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded"];
/// An error without a message of AWS's is not worth more.
const MAX_MESSAGE_CHARS: usize = 500;

/// What a refusal of AWS's says. Which of the two spellings a message has is each service's own.
#[derive(Deserialize, Default)]
struct Said {
    #[serde(rename = "__type")]
    code: Option<String>,
    message: Option<String>,
    #[serde(rename = "Message")]
    other_message: Option<String>,
}

/// What this answer, which is no success, says.
pub(crate) fn refusal(answer: &Response<Bytes>) -> RequestError {
    let said: Said = serde_json::from_slice(answer.body()).unwrap_or_default();
    let in_header = answer.headers().get(ERROR_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let code = in_header.or(said.code).unwrap_or_default();
    // Some services put a namespace before it, some an address behind it.
    let code = code.rsplit('#').next().and_then(|code| code.split(':').next()).unwrap_or_default().to_owned();
    let message = said.message.or(said.other_message).unwrap_or_default();
    let message = message.chars().take(MAX_MESSAGE_CHARS).collect();
    RequestError::Refused { status: answer.status().as_u16(), code, message }
}

/// Whether another try may have another end.
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

use std::time::Duration;

use async_trait::async_trait;
use aws_requests::{AwsService, Limits, Service};
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use restore::{RestoreTrigger, TriggerError};
use settings::{Settings, SettingsError};

/// The variable with the name or the ARN of the function that does a restore's work.
pub const RESTORE_WORKER_FUNCTION: &str = "RESTORE_WORKER_FUNCTION";
/// The function's name if the variable is not set.
const DEFAULT_FUNCTION: &str = "restore-worker";
const LAMBDA: Service = Service { name: "lambda", endpoint_variable: "AWS_ENDPOINT_URL_LAMBDA" };
/// The limits of the request. All tries together take less than 4 s, because a caller waits.
const LIMITS: Limits = Limits {
    try_timeout: Duration::from_millis(1_500),
    retry_for: Duration::from_secs(2),
    first_pause: Duration::from_millis(25),
    longest_pause: Duration::from_millis(200),
};
const INVOCATION_TYPE: HeaderName = HeaderName::from_static("x-amz-invocation-type");
/// The characters that a path must escape. RFC 3986 allows the others unchanged. The colons of an ARN are escaped.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The environment lacks settings for invoking a function. Handling: in Lambda all of them are set automatically;
/// elsewhere set the missing ones.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the environment does not say how to invoke a function")]
pub struct InvokeSettingsError(#[from] SettingsError);

/// Invokes the function that does a restore's work. A second invocation finds the work done, or finds a worker at the
/// work.
pub struct LambdaRestoreTrigger {
    lambda: AwsService,
    path: Uri,
}

impl LambdaRestoreTrigger {
    /// A trigger with the credentials and the region of the environment, where Lambda puts them. Nothing is connected
    /// yet.
    ///
    /// # Errors
    /// See [`InvokeSettingsError`].
    pub fn from_settings(settings: &Settings) -> Result<Self, InvokeSettingsError> {
        let function = settings.optional(RESTORE_WORKER_FUNCTION)?.unwrap_or_else(|| DEFAULT_FUNCTION.to_owned());
        let path = format!("/2015-03-31/functions/{}/invocations", utf8_percent_encode(&function, ESCAPED));
        let reason = "it must be a function's name or its ARN";
        let path = path.parse().map_err(|_| SettingsError::Invalid { variable: RESTORE_WORKER_FUNCTION, reason })?;
        Ok(Self { lambda: AwsService::from_settings(settings, LAMBDA, LIMITS)?, path })
    }
}

#[async_trait]
impl RestoreTrigger for LambdaRestoreTrigger {
    async fn trigger(&self) -> Result<(), TriggerError> {
        let mut request = Request::new("{}".into());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.path.clone();
        request.headers_mut().insert(INVOCATION_TYPE, HeaderValue::from_static("Event"));
        let accepted = self.lambda.send(request).await;
        accepted.map(|_nothing| ()).map_err(|error| TriggerError { source: error.into() })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use axum::Router;
    use axum::extract::Request;
    use axum::http::StatusCode;
    use tokio::net::TcpListener;

    use super::*;

    /// A server that answers as Lambda would, and remembers the requests.
    async fn lambda_that_answers(status: StatusCode) -> (String, Arc<Mutex<Vec<String>>>) {
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let received = Arc::clone(&requests);
        let app = Router::new().fallback(move |request: Request| async move {
            let header =
                |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("none");
            let signed_for = header("authorization").split(',').next().unwrap_or_default();
            let line =
                format!("{} {} {} {signed_for}", request.method(), request.uri(), header("x-amz-invocation-type"));
            received.lock().expect("nobody panicked").push(line);
            (status, [("x-amzn-errortype", "AccessDeniedException")], r#"{"Message":"the role may not"}"#)
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("bound"));
        tokio::spawn(async move { axum::serve(listener, app).await });
        (address, requests)
    }

    fn trigger_at(address: &str, function: &str) -> LambdaRestoreTrigger {
        let settings = Settings::from_variables([
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_ENDPOINT_URL_LAMBDA", address),
            (RESTORE_WORKER_FUNCTION, function),
        ]);
        LambdaRestoreTrigger::from_settings(&settings).expect("settings")
    }

    #[tokio::test]
    async fn the_worker_is_invoked_as_an_event_in_its_region() {
        for (function, path) in [
            ("", "restore-worker"),
            ("arn:aws:lambda:eu-central-1:1:function:w_1", "arn%3Aaws%3Alambda%3Aeu-central-1%3A1%3Afunction%3Aw_1"),
        ] {
            let (address, requests) = lambda_that_answers(StatusCode::ACCEPTED).await;
            trigger_at(&address, function).trigger().await.expect("accepted");
            let requests = requests.lock().expect("nobody panicked").join("; ");
            let signed = "Event AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/";
            let begins = format!("POST /2015-03-31/functions/{path}/invocations {signed}");
            assert!(requests.starts_with(&begins), "{requests}");
            assert!(requests.ends_with("/eu-central-1/lambda/aws4_request"), "{requests}");
        }
    }

    #[tokio::test]
    async fn a_refusal_is_an_error_in_lambda_s_words() {
        let (address, requests) = lambda_that_answers(StatusCode::FORBIDDEN).await;
        let error = trigger_at(&address, "").trigger().await.expect_err("refused");
        assert_eq!(error.source.to_string(), "AWS answers 403 AccessDeniedException: the role may not");
        assert_eq!(requests.lock().expect("nobody panicked").len(), 1, "it is not asked again");
    }
}

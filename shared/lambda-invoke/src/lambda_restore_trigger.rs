use std::time::Duration;

use async_trait::async_trait;
use aws_credential_types::Credentials;
use aws_sdk_lambda::config::timeout::TimeoutConfig;
use aws_sdk_lambda::config::{BehaviorVersion, Region};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use aws_sdk_lambda::{Client, Config};
use restore::{RestoreTrigger, TriggerError};
use settings::{Settings, SettingsError};

/// The variable that names the function that does the work, by its name or its ARN.
pub const RESTORE_WORKER_FUNCTION: &str = "RESTORE_WORKER_FUNCTION";
/// The function's name where the variable is not set.
const DEFAULT_FUNCTION: &str = "restore-worker";
/// The variable by which AWS's SDKs and tools are pointed at another Lambda than AWS's own.
const AWS_ENDPOINT_URL_LAMBDA: &str = "AWS_ENDPOINT_URL_LAMBDA";
/// For all tries together: a caller waits.
const TIMEOUT: Duration = Duration::from_secs(4);

/// Why the environment does not say how to invoke a function. Handling: in Lambda all of it is there by itself;
/// elsewhere set what is missing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the environment does not say how to invoke a function")]
pub struct InvokeSettingsError(#[from] SettingsError);

/// Invokes the function that does a restore's work.
#[derive(Debug, Clone)]
pub struct LambdaRestoreTrigger {
    client: Client,
    function_name: String,
}

impl LambdaRestoreTrigger {
    /// With the credentials and in the region of the environment, where Lambda puts them. Nothing is connected yet.
    ///
    /// # Errors
    /// See [`InvokeSettingsError`].
    pub fn from_settings(settings: &Settings) -> Result<Self, InvokeSettingsError> {
        let key = settings.aws_credentials()?;
        let session_token = key.session_token.map(|token| token.expose().to_owned());
        let credentials =
            Credentials::new(key.access_key_id, key.secret_access_key.expose(), session_token, None, "the environment");
        let endpoint_url = settings.aws_endpoint_url(AWS_ENDPOINT_URL_LAMBDA)?;
        let function_name = settings.optional(RESTORE_WORKER_FUNCTION)?.unwrap_or_else(|| DEFAULT_FUNCTION.to_owned());
        Ok(Self::new(settings.aws_region()?, credentials, endpoint_url, function_name))
    }

    fn new(region: String, credentials: Credentials, endpoint_url: Option<String>, function_name: String) -> Self {
        let http_client = aws_https::client(&region, endpoint_url.as_deref());
        let mut config = Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(region))
            .credentials_provider(credentials)
            .timeout_config(TimeoutConfig::builder().operation_timeout(TIMEOUT).build())
            .http_client(http_client);
        if let Some(endpoint_url) = endpoint_url {
            config = config.endpoint_url(endpoint_url);
        }
        Self { client: Client::from_conf(config.build()), function_name }
    }
}

#[async_trait]
impl RestoreTrigger for LambdaRestoreTrigger {
    async fn trigger(&self) -> Result<(), TriggerError> {
        self.client
            .invoke()
            .function_name(&self.function_name)
            .invocation_type(InvocationType::Event)
            .payload(Blob::new("{}"))
            .send()
            .await
            .map(|_accepted| ())
            .map_err(|error| TriggerError { source: error.into() })
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

    /// Answers as Lambda would, and remembers what it was asked.
    async fn lambda_that_answers(status: StatusCode) -> (String, Arc<Mutex<Vec<String>>>) {
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let asks = Arc::clone(&asked);
        let app = Router::new().fallback(move |request: Request| async move {
            let header =
                |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("none");
            let signed_for = header("authorization").split(',').next().unwrap_or_default();
            let line =
                format!("{} {} {} {signed_for}", request.method(), request.uri(), header("x-amz-invocation-type"));
            asks.lock().expect("nobody panicked").push(line);
            status
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("bound"));
        tokio::spawn(async move { axum::serve(listener, app).await });
        (address, asked)
    }

    fn trigger_at(address: String) -> LambdaRestoreTrigger {
        let credentials = Credentials::new("AKIDEXAMPLE", "secret", None, None, "a test");
        LambdaRestoreTrigger::new("eu-central-1".to_owned(), credentials, Some(address), DEFAULT_FUNCTION.to_owned())
    }

    #[tokio::test]
    async fn the_worker_is_invoked_as_an_event_in_its_region() {
        let (address, asked) = lambda_that_answers(StatusCode::ACCEPTED).await;
        trigger_at(address).trigger().await.expect("accepted");
        let asked = asked.lock().expect("nobody panicked").join("; ");
        let begins =
            "POST /2015-03-31/functions/restore-worker/invocations Event AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/";
        assert!(asked.starts_with(begins), "{asked}");
        assert!(asked.ends_with("/eu-central-1/lambda/aws4_request"), "{asked}");
    }

    #[tokio::test]
    async fn a_refusal_is_an_error() {
        let (address, _) = lambda_that_answers(StatusCode::FORBIDDEN).await;
        trigger_at(address).trigger().await.expect_err("refused");
    }
}

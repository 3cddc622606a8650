use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_requests::Limits;
use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use settings::{KAFKA_BOOTSTRAP_SERVERS, KAFKA_SIGN_IN, KafkaSignIn, Secret, SecretUrl};
use tokio::net::TcpListener;

use super::*;

const ARN: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:passbook-AbCdEf";
const PASSWORD: &str = "s3cret-p4ssword";
const URL: &str = "mysql://app:s3cret-p4ssword@db/passbook";

/// One answer of Secrets Manager.
#[derive(Clone)]
enum Answers {
    With(u16, String),
    /// No answer.
    Never,
}

fn text(text: &str) -> Answers {
    Answers::With(200, serde_json::json!({ "Name": "passbook", "SecretString": text }).to_string())
}

fn refusal(status: u16, code: &str) -> Answers {
    Answers::With(status, serde_json::json!({ "__type": code, "Message": format!("no, says {code}") }).to_string())
}

/// A stand-in for Secrets Manager. It gives these answers one after the other, and repeats the last for ever. It remembers
/// the requests.
struct StandIn {
    address: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl StandIn {
    async fn that(answers: impl IntoIterator<Item = Answers>) -> Self {
        let answers: Arc<Mutex<VecDeque<Answers>>> = Arc::new(Mutex::new(answers.into_iter().collect()));
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let received = requests.clone();
        let app = Router::new().fallback(move |request: Request| {
            let (answers, received) = (answers.clone(), received.clone());
            async move { answered(request, &answers, &received).await }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("bound"));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, requests }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("nobody panicked").clone()
    }
}

/// The method, the target, the token and the region and service of the signature.
fn asked_for(request: &Request) -> String {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("none");
    let signed_for = header("authorization").split(',').next().unwrap_or_default();
    let (target, token) = (header("x-amz-target"), header("x-amz-security-token"));
    format!("{} {} {target} {token} {signed_for}", request.method(), request.uri())
}

async fn answered(request: Request, answers: &Mutex<VecDeque<Answers>>, received: &Mutex<Vec<String>>) -> Response {
    let line = asked_for(&request);
    let body: Bytes = axum::body::to_bytes(request.into_body(), 10_000).await.expect("a body");
    received.lock().expect("nobody panicked").push(format!("{line} {}", String::from_utf8_lossy(&body)));
    let answer = {
        let mut answers = answers.lock().expect("nobody panicked");
        if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() }
    };
    match answer.expect("an answer") {
        Answers::With(status, body) => (StatusCode::from_u16(status).expect("a status"), body).into_response(),
        Answers::Never => std::future::pending().await,
    }
}

/// The variables that Lambda gives, and the given ones.
fn environment(address: &str, variables: &[(&'static str, &str)]) -> Settings {
    let lambdas = [
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI"),
        ("AWS_SESSION_TOKEN", "IQoJb3JpZ2luX2Vj"),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", address),
    ];
    Settings::from_variables(lambdas.into_iter().chain(variables.iter().copied()))
}

const IN_A_HURRY: Limits = Limits {
    try_timeout: Duration::from_millis(300),
    retry_for: Duration::from_millis(400),
    first_pause: Duration::from_millis(5),
    longest_pause: Duration::from_millis(20),
};

/// The secret behind `READ_DB_URL_SECRET_ARN`, read with shorter limits than at a real start.
async fn url_in_a_hurry(stand_in: &StandIn) -> Result<String, SecretsError> {
    let mut secrets_manager = SecretsManager::of(environment(&stand_in.address, &[]));
    secrets_manager.limits = IN_A_HURRY;
    secrets_manager.text(READ_DB_URL_SECRET_ARN, ARN).await
}

#[tokio::test]
async fn where_no_secret_is_named_nobody_is_asked_and_nothing_is_needed() {
    let settings = Settings::from_variables([(READ_DB_URL, URL), ("READ_DB_URL_SECRET_ARN", "")]);
    let read = read(settings).await.expect("there is nothing to read");
    assert_eq!(read.read_db_url(), Ok(SecretUrl::new(URL.to_owned())));
}

#[tokio::test]
async fn a_secret_is_asked_for_once_in_its_own_region_and_comes_in_the_variable_s_place() {
    let stand_in = StandIn::that([text(URL)]).await;
    let settings = read(environment(&stand_in.address, &[(READ_DB_URL_SECRET_ARN, ARN)])).await.expect("reads");
    assert_eq!(settings.read_db_url(), Ok(SecretUrl::new(URL.to_owned())));
    let requests = stand_in.requests();
    assert_eq!(requests.len(), 1, "{requests:?}");
    let begins = "POST / secretsmanager.GetSecretValue IQoJb3JpZ2luX2Vj AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/";
    assert!(requests[0].starts_with(begins), "{requests:?}");
    let ends = format!(r#"/eu-central-1/secretsmanager/aws4_request {{"SecretId":"{ARN}"}}"#);
    assert!(requests[0].ends_with(&ends), "{requests:?}");
}

#[tokio::test]
async fn a_variable_that_is_set_is_taken_and_its_secret_is_not_asked_for() {
    let stand_in = StandIn::that([text("mysql://another")]).await;
    let variables = [(READ_DB_URL, URL), (READ_DB_URL_SECRET_ARN, ARN)];
    let settings = read(environment(&stand_in.address, &variables)).await.expect("reads");
    assert_eq!(settings.read_db_url(), Ok(SecretUrl::new(URL.to_owned())));
    assert_eq!(stand_in.requests(), [] as [&str; 0]);
}

#[tokio::test]
async fn kafka_s_user_and_password_come_from_one_secret() {
    let json = r#"{"username": "ann", "password": "s3cret-p4ssword", "since": 2026}"#;
    let stand_in = StandIn::that([text(json)]).await;
    let variables = [
        (KAFKA_BOOTSTRAP_SERVERS, "one:9096"),
        (KAFKA_SIGN_IN, "scram"),
        // This user belongs to another pair.
        (KAFKA_USERNAME, "bob"),
        (KAFKA_CREDENTIALS_SECRET_ARN, ARN),
    ];
    let settings = read(environment(&stand_in.address, &variables)).await.expect("reads");
    let password = Secret::new(PASSWORD.to_owned());
    let sign_in = KafkaSignIn::ScramSha512 { username: "ann".to_owned(), password };
    assert_eq!(settings.kafka().expect("Kafka is set").sign_in, sign_in);
}

#[tokio::test]
async fn all_secrets_are_asked_for_at_once() {
    // The server answers only after all requests have arrived.
    let all = Arc::new(tokio::sync::Barrier::new(3));
    let app = Router::new().fallback(move || {
        let all = all.clone();
        async move {
            all.wait().await;
            serde_json::json!({ "SecretString": "mongodb://db" }).to_string()
        }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("bound"));
    tokio::spawn(async move { axum::serve(listener, app).await });
    let variables = [(EVENT_STORE_URL_SECRET_ARN, ARN), (KEY_STORE_URL_SECRET_ARN, ARN), (READ_DB_URL_SECRET_ARN, ARN)];
    let settings = read(environment(&address, &variables)).await.expect("reads");
    let url = SecretUrl::new("mongodb://db".to_owned());
    assert_eq!(settings.event_store_url(), Ok(url.clone()));
    assert_eq!(settings.read_db_url(), Ok(url.clone()));
    assert_eq!(settings.key_store().expect("is set").location, settings::KeyStoreLocation::At(url));
}

#[tokio::test]
async fn what_passes_is_tried_again() {
    for passing in [
        refusal(400, "ThrottlingException"),
        refusal(429, ""),
        refusal(500, "com.amazonaws.secretsmanager#InternalServiceError"),
        Answers::With(503, "<html>busy</html>".to_owned()),
        Answers::Never,
    ] {
        let stand_in = StandIn::that([passing, text(URL)]).await;
        assert_eq!(url_in_a_hurry(&stand_in).await.ok().as_deref(), Some(URL));
        assert_eq!(stand_in.requests().len(), 2);
    }
}

#[tokio::test]
async fn what_does_not_pass_ends_with_its_own_error_in_time() {
    let throttled = StandIn::that([refusal(400, "ThrottlingException")]).await;
    let error = url_in_a_hurry(&throttled).await.expect_err("for ever");
    assert!(matches!(&error, SecretsError::Refused { code, .. } if code == "ThrottlingException"), "{error:?}");
    assert!(throttled.requests().len() > 2, "{:?}", throttled.requests());

    let silent = StandIn::that([Answers::Never]).await;
    let error = url_in_a_hurry(&silent).await.expect_err("for ever");
    let is_silence = matches!(error, SecretsError::NoAnswer { source: ConnectionError::TimedOut { .. }, .. });
    assert!(is_silence, "{error:?}");

    let gone = StandIn { address: "http://127.0.0.1:9".to_owned(), requests: Arc::default() };
    let error = url_in_a_hurry(&gone).await.expect_err("nobody is there");
    let is_refused = matches!(error, SecretsError::NoAnswer { source: ConnectionError::Connect(_), .. });
    assert!(is_refused, "{error:?}");
}

#[tokio::test]
async fn a_refusal_is_told_at_once_in_aws_s_words() {
    for code in ["AccessDeniedException", "ResourceNotFoundException", "DecryptionFailure"] {
        let stand_in = StandIn::that([refusal(400, code)]).await;
        let error = url_in_a_hurry(&stand_in).await.expect_err("refused");
        let expected = format!("READ_DB_URL_SECRET_ARN: Secrets Manager answers 400 {code}: no, says {code}");
        assert_eq!((error.to_string(), stand_in.requests().len()), (expected, 1));
    }
}

#[tokio::test]
async fn what_is_no_text_is_refused_and_never_shown() {
    for answer in [
        Answers::With(200, format!(r#"{{"SecretBinary": "{PASSWORD}"}}"#)),
        Answers::With(200, format!(r#"{{"SecretString": ["{PASSWORD}"]}}"#)),
        Answers::With(200, format!("{PASSWORD} and no JSON")),
        text(""),
    ] {
        let stand_in = StandIn::that([answer]).await;
        let error = url_in_a_hurry(&stand_in).await.expect_err("refused");
        assert!(matches!(error, SecretsError::NoText { .. }), "{error:?}");
        assert!(!format!("{error:?} {error}").contains(PASSWORD));
        assert_eq!(stand_in.requests().len(), 1);
    }
}

#[tokio::test]
async fn credentials_that_are_none_are_refused_and_never_shown() {
    for kept in [
        PASSWORD.to_owned(),
        format!(r#"{{"username": "ann", "passwort": "{PASSWORD}"}}"#),
        format!(r#"{{"username": "ann", "password": ["{PASSWORD}"]}}"#),
    ] {
        let stand_in = StandIn::that([text(&kept)]).await;
        let settings = environment(&stand_in.address, &[(KAFKA_CREDENTIALS_SECRET_ARN, ARN)]);
        let error = read(settings).await.expect_err("refused");
        assert!(matches!(error, SecretsError::NoCredentials { .. }), "{error:?}");
        assert!(!format!("{error:?} {error}").contains(PASSWORD));
    }
}

#[tokio::test]
async fn what_is_set_wrongly_is_refused_by_its_name_and_nobody_is_asked() {
    let stand_in = StandIn::that([text(URL)]).await;
    let named = |arn| environment(&stand_in.address, &[(READ_DB_URL_SECRET_ARN, arn)]);
    let error = read(named("passbook/url")).await.expect_err("no ARN");
    assert!(matches!(error, SecretsError::Arn { variable: READ_DB_URL_SECRET_ARN }), "{error:?}");

    let without_key = named(ARN).with("AWS_SECRET_ACCESS_KEY", String::new());
    let error = read(without_key).await.expect_err("nothing to sign with");
    let missing = SettingsError::Missing { variable: "AWS_SECRET_ACCESS_KEY" };
    assert!(matches!(&error, SecretsError::Settings(found) if *found == missing), "{error:?}");

    let elsewhere = named(ARN).with("AWS_ENDPOINT_URL_SECRETS_MANAGER", "ftp://stand-in".to_owned());
    let error = read(elsewhere).await.expect_err("no such scheme");
    assert!(matches!(error, SecretsError::Settings(SettingsError::Invalid { .. })), "{error:?}");
    assert_eq!(stand_in.requests(), [] as [&str; 0]);
}

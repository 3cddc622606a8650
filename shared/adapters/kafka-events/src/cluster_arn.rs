use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_kafka::config::timeout::TimeoutConfig;
use aws_sdk_kafka::config::{BehaviorVersion, Region};
use aws_sdk_kafka::error::SdkError;
use aws_sdk_kafka::operation::get_bootstrap_brokers::GetBootstrapBrokersError;
use aws_sdk_kafka::{Client, Config};
use settings::{KafkaSignIn, Settings, SettingsError};

use crate::https_client::https_client;
use crate::{CredentialsError, aws_credentials};

/// The variable that points AWS's SDKs and tools to another MSK than AWS's own.
const AWS_ENDPOINT_URL_KAFKA: &str = "AWS_ENDPOINT_URL_KAFKA";
/// The limit of all tries together. A function's start may take 10 s.
const TIMEOUT: Duration = Duration::from_secs(6);

/// The reason why a cluster's brokers are not known.
#[derive(Debug, thiserror::Error)]
pub enum LookUpError {
    /// The text is not a cluster's ARN. Handling: set `KAFKA_CLUSTER_ARN` correctly.
    #[error("KAFKA_CLUSTER_ARN is not a cluster's ARN")]
    NoArn,
    /// There are no credentials to ask AWS with. Handling: see [`CredentialsError`].
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The environment's address of AWS cannot be used. Handling: set it correctly.
    #[error(transparent)]
    Endpoint(#[from] SettingsError),
    /// AWS did not answer, or refused. Handling: grant the role `kafka:GetBootstrapBrokers` on the cluster, and check
    /// that the network lets the program reach AWS. Or set `KAFKA_BOOTSTRAP_SERVERS`, which needs no look-up.
    #[error("AWS does not name the cluster's brokers")]
    Refused(#[source] Box<SdkError<GetBootstrapBrokersError>>),
    /// The cluster does not offer this sign-in. Handling: switch the sign-in on at the cluster, or set `KAFKA_SIGN_IN`
    /// to a sign-in that the cluster offers.
    #[error("the cluster has no brokers for the sign-in {sign_in}")]
    NotForSignIn {
        /// The sign-in, in the words of `KAFKA_SIGN_IN`.
        sign_in: &'static str,
    },
}

/// The bootstrap servers of this cluster for this sign-in, as AWS names them.
pub(crate) async fn look_up(arn: &str, sign_in: &KafkaSignIn) -> Result<String, LookUpError> {
    let endpoint_url = Settings::from_env().aws_endpoint_url(AWS_ENDPOINT_URL_KAFKA)?;
    look_up_at(endpoint_url, aws_credentials::from_environment()?, arn, sign_in).await
}

async fn look_up_at(
    endpoint_url: Option<String>,
    credentials: Credentials,
    arn: &str,
    sign_in: &KafkaSignIn,
) -> Result<String, LookUpError> {
    let region = region(arn).ok_or(LookUpError::NoArn)?;
    let http_client = https_client(region, endpoint_url.as_deref());
    let mut config = Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(region.to_owned()))
        .credentials_provider(credentials)
        .timeout_config(TimeoutConfig::builder().operation_timeout(TIMEOUT).build())
        .http_client(http_client);
    if let Some(endpoint_url) = endpoint_url {
        config = config.endpoint_url(endpoint_url);
    }
    let answer = Client::from_conf(config.build()).get_bootstrap_brokers().cluster_arn(arn).send().await;
    let brokers = answer.map_err(|error| LookUpError::Refused(Box::new(error)))?;
    let (servers, sign_in) = match sign_in {
        KafkaSignIn::Plaintext => (brokers.bootstrap_broker_string, "plaintext"),
        KafkaSignIn::ScramSha512 { .. } => (brokers.bootstrap_broker_string_sasl_scram, "scram"),
        KafkaSignIn::MskIam { .. } => (brokers.bootstrap_broker_string_sasl_iam, "iam"),
    };
    servers.filter(|servers| !servers.is_empty()).ok_or(LookUpError::NotForSignIn { sign_in })
}

/// The fourth part of `arn:aws:kafka:REGION:ACCOUNT:cluster/NAME/ID`.
fn region(arn: &str) -> Option<&str> {
    let mut parts = arn.splitn(6, ':');
    let is_of_kafka = parts.next()? == "arn" && parts.next().is_some() && parts.next()? == "kafka";
    let region = parts.next()?;
    let resource = parts.nth(1)?;
    (is_of_kafka && !region.is_empty() && resource.starts_with("cluster/")).then_some(region)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use axum::Router;
    use axum::extract::Request;
    use axum::http::StatusCode;
    use settings::Secret;
    use tokio::net::TcpListener;

    use super::*;

    const ARN: &str = "arn:aws:kafka:eu-central-1:123456789012:cluster/passbook/0d1f8f3c-1";
    const ALL_SIGN_INS: &str = r#"{
        "bootstrapBrokerString": "b-1:9092,b-2:9092",
        "bootstrapBrokerStringTls": "b-1:9094,b-2:9094",
        "bootstrapBrokerStringSaslScram": "b-1:9096,b-2:9096",
        "bootstrapBrokerStringSaslIam": "b-1:9098,b-2:9098"
    }"#;

    /// A stand-in for MSK, which remembers the requests.
    struct Msk {
        address: String,
        requests: Arc<Mutex<Vec<String>>>,
    }

    impl Msk {
        async fn that_answers(status: StatusCode, body: &'static str) -> Self {
            let requests: Arc<Mutex<Vec<String>>> = Arc::default();
            let received = Arc::clone(&requests);
            let app = Router::new().fallback(move |request: Request| async move {
                let authorization = request.headers().get("authorization").and_then(|value| value.to_str().ok());
                let signed_for = authorization.and_then(|value| value.split(',').next()).unwrap_or_default();
                let line = format!("{} {} {signed_for}", request.method(), request.uri());
                received.lock().expect("nobody panicked").push(line);
                (status, body)
            });
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = format!("http://{}", listener.local_addr().expect("bound"));
            tokio::spawn(async move { axum::serve(listener, app).await });
            Self { address, requests }
        }

        async fn brokers_for(&self, sign_in: &KafkaSignIn) -> Result<String, LookUpError> {
            let credentials = Credentials::new("AKIDEXAMPLE", "secret", None, None, "a test");
            look_up_at(Some(self.address.clone()), credentials, ARN, sign_in).await
        }
    }

    fn iam() -> KafkaSignIn {
        KafkaSignIn::MskIam { region: "eu-central-1".to_owned() }
    }

    #[tokio::test]
    async fn the_brokers_are_those_for_the_sign_in() {
        let msk = Msk::that_answers(StatusCode::OK, ALL_SIGN_INS).await;
        let scram = KafkaSignIn::ScramSha512 { username: "ann".to_owned(), password: Secret::new(String::new()) };
        for (sign_in, expected) in
            [(KafkaSignIn::Plaintext, "b-1:9092,b-2:9092"), (scram, "b-1:9096,b-2:9096"), (iam(), "b-1:9098,b-2:9098")]
        {
            assert_eq!(msk.brokers_for(&sign_in).await.expect("brokers"), expected);
        }
    }

    #[tokio::test]
    async fn aws_is_asked_for_this_cluster_in_the_cluster_s_region() {
        let msk = Msk::that_answers(StatusCode::OK, ALL_SIGN_INS).await;
        msk.brokers_for(&iam()).await.expect("brokers");
        let requests = msk.requests.lock().expect("nobody panicked").join("; ");
        let arn = ARN.replace(':', "%3A").replace('/', "%2F");
        let path = format!("GET /v1/clusters/{arn}/bootstrap-brokers AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/");
        assert!(requests.starts_with(&path), "{requests}");
        assert!(requests.ends_with("/eu-central-1/kafka/aws4_request"), "{requests}");
    }

    #[tokio::test]
    async fn a_cluster_without_this_sign_in_and_a_refusal_are_told_apart() {
        let without_iam = Msk::that_answers(StatusCode::OK, r#"{ "bootstrapBrokerString": "b-1:9092" }"#).await;
        let error = without_iam.brokers_for(&iam()).await.expect_err("no brokers");
        assert!(matches!(error, LookUpError::NotForSignIn { sign_in: "iam" }), "{error:?}");

        let refuses = Msk::that_answers(StatusCode::FORBIDDEN, r#"{ "message": "no" }"#).await;
        let error = refuses.brokers_for(&iam()).await.expect_err("refused");
        assert!(matches!(error, LookUpError::Refused(_)), "{error:?}");
        assert_eq!(refuses.requests.lock().expect("nobody panicked").len(), 1);
    }

    #[test]
    fn the_region_is_part_of_the_arn() {
        assert_eq!(region(ARN), Some("eu-central-1"));
        assert_eq!(region("arn:aws-cn:kafka:cn-north-1:1:cluster/a/b"), Some("cn-north-1"));
        for other in [
            "",
            "passbook",
            "arn:aws:kafka::1:cluster/a/b",
            "arn:aws:kafka:eu-central-1:1",
            "arn:aws:kafka:eu-central-1:1:topic/a/b/c",
            "arn:aws:sqs:eu-central-1:1:cluster/a",
        ] {
            assert_eq!(region(other), None, "{other}");
        }
    }
}

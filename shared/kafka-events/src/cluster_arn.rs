use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_kafka::config::timeout::TimeoutConfig;
use aws_sdk_kafka::config::{BehaviorVersion, Region};
use aws_sdk_kafka::error::SdkError;
use aws_sdk_kafka::operation::get_bootstrap_brokers::GetBootstrapBrokersError;
use aws_sdk_kafka::{Client, Config};
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use settings::{KafkaSignIn, SettingsError};

use crate::{CredentialsError, aws_credentials};

/// The variable by which AWS's SDKs and tools are pointed at another address than AWS's own.
const AWS_ENDPOINT_URL: &str = "AWS_ENDPOINT_URL";
/// For all tries together. A function's start may take 10 s.
const TIMEOUT: Duration = Duration::from_secs(6);

/// Why a cluster's brokers are not known.
#[derive(Debug, thiserror::Error)]
pub enum LookUpError {
    /// It is no cluster's ARN. Handling: set `KAFKA_CLUSTER_ARN` right.
    #[error("KAFKA_CLUSTER_ARN is no cluster's ARN")]
    NoArn,
    /// There is nothing to ask AWS with. Handling: see [`CredentialsError`].
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The environment's address of AWS cannot be used. Handling: set it right.
    #[error(transparent)]
    Endpoint(#[from] SettingsError),
    /// AWS did not answer, or refused. Handling: grant the role `kafka:GetBootstrapBrokers` on the cluster, see that the
    /// network lets it reach AWS, or set `KAFKA_BOOTSTRAP_SERVERS` and do without.
    #[error("AWS does not name the cluster's brokers")]
    Refused(#[source] Box<SdkError<GetBootstrapBrokersError>>),
    /// The cluster takes no clients that sign in so. Handling: switch that sign-in on at the cluster, or set
    /// `KAFKA_SIGN_IN` to one that it takes.
    #[error("the cluster has no brokers for the sign-in {sign_in}")]
    NotForSignIn {
        /// As in `KAFKA_SIGN_IN`.
        sign_in: &'static str,
    },
}

/// The bootstrap servers of this cluster for this sign-in, as AWS names them.
pub(crate) async fn look_up(arn: &str, sign_in: &KafkaSignIn) -> Result<String, LookUpError> {
    let endpoint_url = settings::optional(AWS_ENDPOINT_URL)?;
    look_up_at(endpoint_url, aws_credentials::from_environment()?, arn, sign_in).await
}

async fn look_up_at(
    endpoint_url: Option<String>,
    credentials: Credentials,
    arn: &str,
    sign_in: &KafkaSignIn,
) -> Result<String, LookUpError> {
    let region = region(arn).ok_or(LookUpError::NoArn)?;
    let http_client = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
    let mut config = Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(region.to_owned()))
        .credentials_provider(credentials)
        .timeout_config(TimeoutConfig::builder().operation_timeout(TIMEOUT).build())
        .http_client(http_client.build_https());
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

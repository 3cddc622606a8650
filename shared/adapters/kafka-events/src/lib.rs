//! Events on Kafka: the brokers' addresses, the sign-in, and the publisher of stored commits. The form of the records is in
//! the crate `cloud-events`. The clients that consume and administer are in `kafka-clients`, on another library. The reasons
//! are in `docs/decisions/0013-kafka-by-librdkafka.md` and `docs/decisions/0023-kafka-without-librdkafka-in-functions.md`.

mod aws_credentials; // the credentials of the role that the process runs under
#[cfg(feature = "cluster-arn")]
mod cluster_arn; // an MSK cluster's brokers, looked up at AWS
#[cfg(feature = "cluster-arn")]
mod https_client; // the HTTPS client of AWS's SDK
pub mod iam_token; // the token that signs in to MSK as an AWS role
mod kafka_connection; // brokers and sign-in, for every client that the program makes
mod kafka_event_publisher; // the port EventPublisher
mod link; // one client and its connections, until they are too old
mod murmur2; // the partition of a key
mod pause; // the pause that spares each command the wait for a broker that is away
mod sign_in; // TLS and the sign-in, for the publisher's client

pub use aws_credentials::CredentialsError;
#[cfg(feature = "cluster-arn")]
pub use cluster_arn::LookUpError;
pub use kafka_connection::{CLIENT_ID, ConnectError, KafkaConnection};
pub use kafka_event_publisher::{KafkaEventPublisher, KafkaPublishError, PublishLimits, RefusedError};
pub use sign_in::NoPublisherError;

//! Events on Kafka: where the brokers are, how to sign in there, and what publishes commits as they are stored. The records'
//! form is the crate `cloud-events`; what consumes and administers is `kafka-clients`, on another library. Why it is all done
//! so is in `docs/decisions/0013-kafka-by-librdkafka.md` and `docs/decisions/0023-kafka-without-librdkafka-in-functions.md`.

mod aws_credentials; // of the role that the process runs under
#[cfg(feature = "cluster-arn")]
mod cluster_arn; // an MSK cluster's brokers, asked of AWS
#[cfg(feature = "cluster-arn")]
mod https_client; // the HTTPS client of AWS's SDK
pub mod iam_token; // the token that signs in to MSK as an AWS role
mod kafka_connection; // brokers and sign-in, for every client that the program makes
mod kafka_event_publisher; // EventPublisher
mod link; // one client and its connections, for as long as they are any good
mod murmur2; // the partition of a key
mod pause; // what spares each command the wait for a broker that is away
mod sign_in; // TLS and the sign-in, as the publisher's client takes them

pub use aws_credentials::CredentialsError;
#[cfg(feature = "cluster-arn")]
pub use cluster_arn::LookUpError;
pub use kafka_connection::{CLIENT_ID, ConnectError, KafkaConnection};
pub use kafka_event_publisher::{KafkaEventPublisher, KafkaPublishError, PublishLimits, RefusedError};
pub use sign_in::NoPublisherError;

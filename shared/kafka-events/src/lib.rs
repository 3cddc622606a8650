//! Events on Kafka: the producer that publishes commits as they are stored, how to sign in to a cluster, and the making
//! of the topics. The records' form is the crate `cloud-events`; why it is all done so is in
//! `docs/decisions/0013-kafka-by-librdkafka.md`.

mod aws_credentials; // of the role that the process runs under
mod client_context; // what librdkafka calls back: log lines, errors, the next token
#[cfg(feature = "cluster-arn")]
mod cluster_arn; // an MSK cluster's brokers, asked of AWS
mod iam_token; // the token that signs in to MSK as an AWS role
mod kafka_connection; // brokers and sign-in, for every client that the program makes
mod kafka_event_publisher; // EventPublisher
mod pause; // what spares each command the wait for a broker that is away
mod renewable_producer; // a producer that is replaced when it is past using
pub mod topics; // the topics, made before the first event

pub use aws_credentials::CredentialsError;
pub use client_context::KafkaClientContext;
#[cfg(feature = "cluster-arn")]
pub use cluster_arn::LookUpError;
pub use kafka_connection::{ConnectError, KafkaConnection};
pub use kafka_event_publisher::{FlushError, KafkaEventPublisher, KafkaPublishError, PublishLimits};

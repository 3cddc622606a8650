//! The lines of the health check about the bus. Only `passbook serve` can give them.

mod bus_check; // the embedded bus
#[cfg(feature = "servers")]
mod kafka_check; // Kafka

pub(crate) use bus_check::BusCheck;
#[cfg(feature = "servers")]
pub(crate) use kafka_check::KafkaCheck;

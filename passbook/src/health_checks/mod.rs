//! The lines of the health check that only `passbook serve` can give: those of the bus.

mod bus_check; // the embedded bus
#[cfg(feature = "servers")]
mod kafka_check; // Kafka

pub(crate) use bus_check::BusCheck;
#[cfg(feature = "servers")]
pub(crate) use kafka_check::KafkaCheck;

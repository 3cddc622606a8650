use std::time::Duration;

use cqrs::Timestamp;
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval};
use uuid::Uuid;

use super::InvokeClient;

/// Invokes a function every so often, as EventBridge Scheduler does on AWS.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// Its own name, which is in the event.
    pub name: String,
    /// Which function.
    pub function_name: String,
    /// How often.
    pub every: Duration,
}

impl Schedule {
    /// Runs until `stop` ends: at once, and then every so often. Never two invocations at a time: the next waits for
    /// the one under way. One that fails is logged; the next is its retry.
    pub async fn run(self, client: &InvokeClient, stop: impl Future<Output = ()>) {
        let mut ticks = interval(self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let ticking = async {
            loop {
                ticks.tick().await;
                if let Err(error) = client.invoke(&self.function_name, self.event()).await {
                    let causes = telemetry::causes(&error);
                    tracing::warn!(schedule = self.name, %error, causes, "scheduled invocation failed");
                }
            }
        };
        tokio::select! {
            () = ticking => {}
            () = stop => {}
        }
    }

    /// What a schedule without an input of its own sends.
    fn event(&self) -> Vec<u8> {
        json!({
            "version": "0",
            "id": Uuid::now_v7().to_string(),
            "detail-type": "Scheduled Event",
            "source": "aws.scheduler",
            "account": "000000000000",
            "time": Timestamp::now().to_string(),
            "region": "local",
            "resources": [format!("arn:aws:scheduler:local:000000000000:schedule/default/{}", self.name)],
            "detail": "{}",
        })
        .to_string()
        .into_bytes()
    }
}

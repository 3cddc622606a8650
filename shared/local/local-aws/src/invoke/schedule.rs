use std::time::Duration;

use cqrs::Timestamp;
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval};
use uuid::Uuid;

use super::InvokeClient;

/// Invokes a function at regular times, as EventBridge Scheduler does on AWS.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// The name of the schedule, which is in each event.
    pub name: String,
    /// The function that is invoked.
    pub function_name: String,
    /// The time from one invocation to the next.
    pub every: Duration,
}

impl Schedule {
    /// Invokes the function at once and then repeatedly, until `stop` ends. Each invocation waits for the one before
    /// it. A failed invocation is logged, and the next invocation is its retry.
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

    /// The event of a schedule that has no input of its own.
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

use async_trait::async_trait;
use health::DependencyCheck;
use sqlite_embedded::EmbeddedBus;

/// Looks at the embedded bus: how far the read side is behind.
pub(crate) struct BusCheck {
    pub bus: EmbeddedBus,
}

#[async_trait]
impl DependencyCheck for BusCheck {
    fn name(&self) -> &'static str {
        "event-bus"
    }

    async fn look(&self) -> Result<Option<String>, String> {
        let progress = self.bus.progress().await.map_err(|error| error.to_string())?;
        Ok(Some(format!(
            "delivered up to commit {} of {}; {} dead letters",
            progress.delivered_position, progress.last_position, progress.dead_letters
        )))
    }
}

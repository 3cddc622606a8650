use async_trait::async_trait;
use bank_read_model::PROJECTIONS;
use health::DependencyCheck;
use sqlite_embedded::EmbeddedBus;

/// Checks the embedded bus: how far the read side is behind.
pub(crate) struct BusCheck {
    pub bus: EmbeddedBus,
}

#[async_trait]
impl DependencyCheck for BusCheck {
    fn name(&self) -> &'static str {
        "event-bus"
    }

    async fn check(&self) -> Result<Option<String>, String> {
        let mut lines = Vec::new();
        for projection in PROJECTIONS.all() {
            let name = projection.name();
            let progress = self.bus.progress(name).await.map_err(|error| error.to_string())?;
            lines.push(format!(
                "{name}: delivered up to commit {} of {}; {} dead letters",
                progress.delivered_position, progress.last_position, progress.dead_letters
            ));
        }
        Ok(Some(lines.join("; ")))
    }
}

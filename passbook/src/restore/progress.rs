use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use restore::{RestoreId, RestoreRecord, RestoreStore};

/// The interval at which the record is read for a terminal.
const BAR_INTERVAL: Duration = Duration::from_millis(250);
/// The interval between two lines if there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(2);

/// Shows a restore's progress from its record: a bar with rate and time left, or lines if there is no terminal.
pub(crate) struct Progress {
    restore_store: Arc<dyn RestoreStore>,
    id: RestoreId,
    bar: Option<ProgressBar>,
    /// The time when the record was first read, and its progress then.
    begun: Option<(Instant, u64)>,
}

impl Progress {
    pub(crate) fn start(restore_store: Arc<dyn RestoreStore>, id: RestoreId) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
            let template = "{bar:30} {human_pos} of {human_len} events, {per_sec}, {eta} left";
            bar.with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self { restore_store, id, bar, begun: None }
    }

    /// Shows the progress for ever. The caller ends it when the work is done.
    pub(crate) async fn show(&mut self) {
        loop {
            tokio::time::sleep(if self.bar.is_some() { BAR_INTERVAL } else { LINE_INTERVAL }).await;
            // A record that cannot be read now is read the next time.
            if let Ok(Some(record)) = self.restore_store.find(self.id).await
                && record.events_total > 0
            {
                self.draw(&record);
            }
        }
    }

    pub(crate) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn draw(&mut self, record: &RestoreRecord) {
        let RestoreRecord { events_replayed: replayed, events_total: total, .. } = *record;
        let (begun_at, begun_with) = *self.begun.get_or_insert((Instant::now(), replayed));
        if let Some(bar) = &self.bar {
            if bar.length() != Some(total) {
                // The work of an earlier run does not count for this run's speed.
                bar.set_length(total);
                bar.set_position(begun_with);
                bar.reset_eta();
            }
            bar.set_position(replayed);
            return;
        }
        let millis = begun_at.elapsed().as_millis();
        let rate = u128::from(replayed.saturating_sub(begun_with)) * 1_000 / millis.max(1);
        let left = u128::from(total.saturating_sub(replayed)).checked_div(rate);
        let left = left.map_or_else(|| "some time".to_owned(), |seconds| format!("{seconds} s"));
        println!("{replayed} of {total} events, {rate} events/s, {left} left");
    }
}

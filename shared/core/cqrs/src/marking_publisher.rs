use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::{CommitPlace, DeliveryMarks, EventPublisher, OpenedCommit, PublishError};

/// The pause between two writes that take marks away. Marks that come in this time go together with the next write. The
/// pause is far below the age at which the relay publishes a marked commit.
const PAUSE_BETWEEN_WRITES: Duration = Duration::from_millis(100);

/// Publishes commits on a bus. Once the bus has a commit, the publisher takes the commit's mark away.
///
/// The command does not wait for that second write. A mark that comes after a pause is taken away at once. The marks of the
/// next moments are taken away together: one write for many commits costs the event store much less than one write for
/// each. The write may be lost, or the function may be frozen before it. Then the relay delivers the commits once more,
/// and consumers drop the repeated events. The command does wait for the bus, so that a function has nothing to flush
/// when it is ended.
pub struct MarkingPublisher {
    publisher: Arc<dyn EventPublisher>,
    marks: Arc<dyn DeliveryMarks>,
    delivered: Arc<Mutex<Delivered>>,
}

/// The commits that the bus has and that are still marked.
#[derive(Default)]
struct Delivered {
    places: Vec<CommitPlace>,
    /// Whether a task takes marks away.
    is_task_running: bool,
}

impl MarkingPublisher {
    /// A publisher on this bus, for commits that are marked there.
    pub fn new(publisher: Arc<dyn EventPublisher>, marks: Arc<dyn DeliveryMarks>) -> Self {
        Self { publisher, marks, delivered: Arc::default() }
    }

    fn take_marks_away(&self, places: impl IntoIterator<Item = CommitPlace>) {
        let mut delivered = lock(&self.delivered);
        delivered.places.extend(places);
        if delivered.places.is_empty() || delivered.is_task_running {
            return;
        }
        delivered.is_task_running = true;
        let (marks, delivered) = (self.marks.clone(), self.delivered.clone());
        tokio::spawn(async move {
            while let Some(places) = next_places(&delivered) {
                if let Err(error) = marks.mark_delivered(&places).await {
                    tracing::warn!(commits = places.len(), error = %error.source, "published, but still marked");
                }
                tokio::time::sleep(PAUSE_BETWEEN_WRITES).await;
            }
        });
    }
}

/// The commits whose marks are taken away next. Without such a commit, the task ends.
fn next_places(delivered: &Mutex<Delivered>) -> Option<Vec<CommitPlace>> {
    let mut delivered = lock(delivered);
    delivered.is_task_running = !delivered.places.is_empty();
    delivered.is_task_running.then(|| std::mem::take(&mut delivered.places))
}

fn lock(delivered: &Mutex<Delivered>) -> MutexGuard<'_, Delivered> {
    delivered.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl EventPublisher for MarkingPublisher {
    async fn publish(&self, commit: &OpenedCommit) -> Result<(), PublishError> {
        self.publisher.publish(commit).await?;
        self.take_marks_away([commit.commit().place()]);
        Ok(())
    }

    async fn publish_all(&self, commits: &[Arc<OpenedCommit>]) -> Vec<Result<(), PublishError>> {
        let answers = self.publisher.publish_all(commits).await;
        let published = commits.iter().zip(&answers).filter(|(_, answer)| answer.is_ok());
        self.take_marks_away(published.map(|(commit, _)| commit.commit().place()));
        answers
    }
}

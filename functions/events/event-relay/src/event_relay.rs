use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use cqrs::{Commit, CommitPlace, DeliveryMarks, OpeningPublisher, ReadError, StreamId, Timestamp};
use futures::StreamExt as _;
use serde::Serialize;
use tokio::time::Instant;

/// The number of times that a page with no new commits is read again. A mark is taken away without waiting for the
/// majority, so it can be seen a moment longer.
const MAX_REREADS_WITHOUT_NEW_COMMITS: u32 = 40;
/// The pause before such a page is read again.
const REREAD_INTERVAL: Duration = Duration::from_millis(25);

/// The limits of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayLimits {
    /// The least age of a commit that the relay publishes. The command that stored a younger commit is about to publish
    /// it.
    pub min_age: Duration,
    /// The number of commits that are read at once.
    pub page_commits: u32,
    /// The number of streams that are published at once. Each stream's own commits go one after the other.
    pub max_streams_at_once: usize,
    /// The part of a run's time that stays unused. It is enough to end the publishing and unmarking under way.
    pub reserve: Duration,
}

impl Default for RelayLimits {
    fn default() -> Self {
        Self {
            // The age is above the time that a command may take to publish (2 s), with room for an inexact clock.
            min_age: Duration::from_secs(5),
            page_commits: 500,
            max_streams_at_once: 64,
            reserve: Duration::from_secs(5),
        }
    }
}

/// The result of one run.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RelayReport {
    /// The number of commits that the bus took and whose mark is gone.
    pub delivered: u64,
    /// The number of commits that the bus took and that are still marked. They are delivered once more.
    pub still_marked: u64,
    /// The number of streams of which the bus did not take a commit. That commit and the later ones wait for the next
    /// run.
    pub failed: u64,
    /// The number of marked documents that are not commits. A person must look.
    pub unreadable: u64,
    /// Whether the run ended before it had seen all commits.
    pub is_cut_short: bool,
    /// The waiting time of the oldest commit that is still marked, in seconds. It is 0 when no commit is left that was
    /// old enough to be published. If the run was cut short, the value may be too high, and is never too low.
    pub oldest_marked_s: u64,
}

impl RelayReport {
    /// Logs the line at the end of a run. An alarm of `template.yaml` reads `oldest_marked_s` from it.
    pub fn log(&self) {
        let Self { delivered, still_marked, failed, unreadable, is_cut_short, oldest_marked_s } = self;
        tracing::info!(delivered, still_marked, failed, unreadable, is_cut_short, oldest_marked_s, "the run ends");
    }
}

/// Publishes marked commits, oldest first, with each stream's commits in order.
///
/// It may run at any time, and twice at once. A commit is then delivered twice, and consumers drop the repeated events.
/// It holds no state of its own, and knows only the marks.
pub struct EventRelay {
    marks: Arc<dyn DeliveryMarks>,
    publisher: OpeningPublisher,
    limits: RelayLimits,
}

/// The result of one stream's commits in a page.
struct StreamReport {
    stream_id: StreamId,
    /// The first versions of the commits that the bus took.
    published: Vec<u64>,
    /// The first versions of those commits whose mark could not be taken away.
    still_marked: Vec<u64>,
    has_failed: bool,
}

impl EventRelay {
    /// A relay from these marks to this bus, within the default limits.
    pub fn new(marks: Arc<dyn DeliveryMarks>, publisher: OpeningPublisher) -> Self {
        Self::with_limits(marks, publisher, RelayLimits::default())
    }

    /// A relay from these marks to this bus, within these limits.
    pub fn with_limits(marks: Arc<dyn DeliveryMarks>, publisher: OpeningPublisher, limits: RelayLimits) -> Self {
        Self { marks, publisher, limits }
    }

    /// One run. It lasts until no old enough commit is marked, an obstacle stops it, or the time (less the reserve) is
    /// up.
    ///
    /// # Errors
    /// [`ReadError`] when the event store cannot be read. Nothing is lost: the next run begins where this run ended.
    pub async fn run(&self, time_left: Duration) -> Result<RelayReport, ReadError> {
        let stop_at = Instant::now() + time_left.saturating_sub(self.limits.reserve);
        let older_than = before_now(self.limits.min_age);
        let mut report = RelayReport::default();
        let mut published: HashSet<(StreamId, u64)> = HashSet::new();
        let mut still_marked: HashSet<(StreamId, u64)> = HashSet::new();
        // Commits that follow a refused commit in its stream wait behind it.
        let mut failed: HashSet<StreamId> = HashSet::new();
        let mut rereads_without_new_commits = 0;
        loop {
            let page = self.marks.undelivered(older_than, self.limits.page_commits).await?;
            for error in &page.unreadable {
                tracing::error!(%error, "a marked commit cannot be read");
            }
            report.unreadable = page.unreadable.len() as u64;
            let is_last_page = page.commits.len() + page.unreadable.len() < self.limits.page_commits as usize;
            let times: Vec<_> = page.commits.iter().map(|commit| (key(commit), commit.draft.occurred_at)).collect();
            let mut streams: BTreeMap<StreamId, Vec<Commit>> = BTreeMap::new();
            let mut is_any_published = false;
            for commit in page.commits {
                let stream_id = commit.draft.stream_id;
                is_any_published |= published.contains(&key(&commit));
                if !failed.contains(&stream_id) && !published.contains(&key(&commit)) {
                    streams.entry(stream_id).or_default().push(commit);
                }
            }
            let published_before = published.len();
            let mut at_once = futures::stream::iter(streams)
                .map(|(stream_id, commits)| self.relay_stream(stream_id, commits, stop_at))
                .buffer_unordered(self.limits.max_streams_at_once);
            while let Some(stream) = at_once.next().await {
                report.delivered += (stream.published.len() - stream.still_marked.len()) as u64;
                report.still_marked += stream.still_marked.len() as u64;
                let key = |first_version| (stream.stream_id, first_version);
                published.extend(stream.published.into_iter().map(key));
                still_marked.extend(stream.still_marked.into_iter().map(key));
                if stream.has_failed {
                    report.failed += 1;
                    failed.insert(stream.stream_id);
                }
            }
            // A mark that has been taken away can be seen a moment longer. The oldest commits come first, so a commit
            // after this page is no older than the page's last.
            let is_left = |key| still_marked.contains(key) || !published.contains(key);
            let left = times.iter().find(|(key, _)| is_left(key)).or(times.last().filter(|_| !is_last_page));
            report.oldest_marked_s = left.map_or(0, |(_, occurred_at)| age_s(*occurred_at));
            report.is_cut_short = Instant::now() >= stop_at;
            if is_last_page || report.is_cut_short {
                break;
            }
            if published.len() > published_before {
                rereads_without_new_commits = 0;
                continue;
            }
            // The page brought no progress: it shows commits that the bus refuses, or marks that are about to
            // disappear.
            rereads_without_new_commits += 1;
            if rereads_without_new_commits > MAX_REREADS_WITHOUT_NEW_COMMITS || !is_any_published {
                break;
            }
            tokio::time::sleep(REREAD_INTERVAL).await;
        }
        Ok(report)
    }

    /// Publishes the commits in order, up to the first that the bus does not take.
    async fn relay_stream(&self, stream_id: StreamId, commits: Vec<Commit>, stop_at: Instant) -> StreamReport {
        let mut report = StreamReport { stream_id, published: Vec::new(), still_marked: Vec::new(), has_failed: false };
        for commit in commits {
            if Instant::now() >= stop_at {
                break;
            }
            let first_version = commit.draft.first_version;
            if let Err(error) = self.publisher.publish(commit).await {
                tracing::warn!(%stream_id, first_version, error = %error.source, "the commit is not published yet");
                report.has_failed = true;
                break;
            }
            report.published.push(first_version);
            if let Err(error) = self.marks.mark_delivered(&[CommitPlace { stream_id, first_version }]).await {
                tracing::warn!(%stream_id, first_version, error = %error.source, "published, but still marked");
                report.still_marked.push(first_version);
            }
        }
        report
    }
}

/// The unique key of a commit in the event store.
const fn key(commit: &Commit) -> (StreamId, u64) {
    (commit.draft.stream_id, commit.draft.first_version)
}

/// The age in seconds. A commit from a clock that is ahead counts as new.
fn age_s(occurred_at: Timestamp) -> u64 {
    let age_us = Timestamp::now().unix_micros().saturating_sub(occurred_at.unix_micros());
    u64::try_from(age_us).unwrap_or(0) / 1_000_000
}

fn before_now(age: Duration) -> Timestamp {
    let now = Timestamp::now();
    let age_micros = i64::try_from(age.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_unix_micros(now.unix_micros().saturating_sub(age_micros)).unwrap_or(now)
}

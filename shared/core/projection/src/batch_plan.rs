use std::collections::{BTreeMap, HashMap};

use cqrs::{EventEnvelope, HandledBatch, RejectedEvent, StreamId};

use crate::{AnyProjection, CellError, Cells, Projections};

/// What the read database held of a batch's streams when the transaction began, for one projection.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// The rows that there were.
    pub rows: HashMap<StreamId, Cells>,
    /// The events that waited for their turn.
    pub early_events: Vec<EventEnvelope>,
}

/// What the transaction is to write for one projection.
#[derive(Debug, Default)]
pub struct BatchPlan {
    /// Rows to insert or to replace, one a stream.
    pub rows: Vec<Cells>,
    /// Lines to insert.
    pub lines: Vec<Cells>,
    /// Events ahead of their turn, to keep.
    pub keep_early: Vec<EventEnvelope>,
    /// Kept events that have had their turn, to delete: stream and version.
    pub drop_early: Vec<(StreamId, u64)>,
    /// What became of the batch.
    pub outcome: HandledBatch,
}

/// Decides what a batch of deliveries changes in the tables of one projection, given what the database held. Pure: a database
/// reads before the decision and writes after it, in one transaction.
///
/// The events of each stream are applied strictly by version. A repeat is dropped. An event ahead of its turn is kept until the
/// gap before it closes. An event that cannot be applied is rejected while the streams beside it go on; the events behind it
/// wait as early events. Two events of one version and different content are no repeats: one may be the mended form of the
/// other.
///
/// # Errors
/// [`CellError`] when a row that the batch needs cannot be read.
pub fn plan_batch(
    projection: &dyn AnyProjection,
    loaded: &Loaded,
    batch: &[EventEnvelope],
) -> Result<BatchPlan, CellError> {
    let mut plan = BatchPlan::default();
    let mut streams: BTreeMap<StreamId, PendingStream<'_>> = BTreeMap::new();
    for event in &loaded.early_events {
        streams.entry(event.stream_id).or_default().add_kept(event);
    }
    for (index, event) in batch.iter().enumerate() {
        if projection.reads(&event.aggregate_type) {
            streams.entry(event.stream_id).or_default().add_delivered(event, index);
        }
    }
    for (stream_id, pending) in streams {
        pending.apply(projection, stream_id, loaded.rows.get(&stream_id), &mut plan)?;
    }
    Ok(plan)
}

/// Rejects the events of a batch that no projection reads and that are not ignored on purpose, and counts the events that are.
#[must_use]
pub fn sort_out_unread(projections: &Projections, batch: &[EventEnvelope]) -> HandledBatch {
    let mut outcome = HandledBatch::default();
    for (index, event) in batch.iter().enumerate() {
        let aggregate_type = &event.aggregate_type;
        if projections.all().iter().any(|projection| projection.reads(aggregate_type)) {
            continue;
        }
        if projections.know(aggregate_type) {
            outcome.foreign += 1;
        } else {
            let reason = format!("no projection of this build reads events of the type {aggregate_type:?}");
            outcome.rejected.push(RejectedEvent { index, reason });
        }
    }
    outcome
}

/// An event that has not been applied yet.
struct PendingEvent<'a> {
    event: &'a EventEnvelope,
    /// Whether the database keeps the event already, as an early one.
    is_kept: bool,
    /// The places of the batch that hold the event: deliveries repeat.
    indexes: Vec<usize>,
}

impl PendingEvent<'_> {
    /// How many deliveries of the batch bring nothing new, once the event is applied or kept.
    fn repeats(&self) -> u64 {
        let first = usize::from(!self.is_kept);
        self.indexes.len().saturating_sub(first) as u64
    }

    /// Every delivery of a rejected event is rejected.
    fn reject(self, reason: &str, plan: &mut BatchPlan) {
        let rejected = |index| RejectedEvent { index, reason: reason.to_owned() };
        plan.outcome.rejected.extend(self.indexes.into_iter().map(rejected));
    }
}

/// The events of one stream that have not been applied yet, by version.
#[derive(Default)]
struct PendingStream<'a> {
    /// Several events of one version only where they differ: one may be the mended form of the other, and that shows when they
    /// are applied.
    events: BTreeMap<u64, Vec<PendingEvent<'a>>>,
}

impl<'a> PendingStream<'a> {
    /// An event that the database keeps.
    fn add_kept(&mut self, event: &'a EventEnvelope) {
        self.find_or_add(event, true);
    }

    /// An event at this place of the batch.
    fn add_delivered(&mut self, event: &'a EventEnvelope, index: usize) {
        self.find_or_add(event, false).indexes.push(index);
    }

    fn find_or_add(&mut self, event: &'a EventEnvelope, is_kept: bool) -> &mut PendingEvent<'a> {
        let of_version = self.events.entry(event.version).or_default();
        let known = of_version.iter().position(|pending| pending.event == event);
        let place = known.unwrap_or_else(|| {
            of_version.push(PendingEvent { event, is_kept, indexes: Vec::new() });
            of_version.len() - 1
        });
        &mut of_version[place]
    }

    fn apply(
        self,
        projection: &dyn AnyProjection,
        stream_id: StreamId,
        row: Option<&Cells>,
        plan: &mut BatchPlan,
    ) -> Result<(), CellError> {
        let mut fold = projection.fold_from(stream_id, row)?;
        let first_version = fold.version();
        for (version, of_version) in self.events {
            if version > fold.version() + 1 {
                keep_until_its_turn(projection, of_version, plan);
                continue;
            }
            let is_any_kept = of_version.iter().any(|pending| pending.is_kept);
            for pending in of_version {
                if version <= fold.version() {
                    plan.outcome.repeated += pending.indexes.len() as u64;
                    continue;
                }
                match fold.apply(pending.event) {
                    Ok(lines) => {
                        plan.lines.extend(lines);
                        plan.outcome.applied += 1;
                        plan.outcome.repeated += pending.repeats();
                    }
                    // It stays where it is kept, and the events behind it too, until another form of it is applied.
                    Err(reason) if pending.is_kept => {
                        let projection = projection.name();
                        tracing::error!(projection, %stream_id, version, %reason, "a kept event cannot be applied");
                        plan.outcome.repeated += pending.repeats();
                    }
                    Err(reason) => pending.reject(&reason.to_string(), plan),
                }
            }
            // A kept event can also be behind because another batch closed the gap without it.
            let is_past = version <= fold.version();
            plan.drop_early.extend((is_any_kept && is_past).then_some((stream_id, version)));
        }
        if fold.version() > first_version {
            plan.rows.extend(fold.row());
        }
        Ok(())
    }
}

/// Of one version that is ahead of its turn one form is kept; the bus must keep any other.
fn keep_until_its_turn(projection: &dyn AnyProjection, of_version: Vec<PendingEvent<'_>>, plan: &mut BatchPlan) {
    let mut is_one_waiting = of_version.iter().any(|pending| pending.is_kept);
    for pending in of_version {
        if pending.is_kept {
            plan.outcome.repeated += pending.repeats();
            continue;
        }
        match projection.check_readable(pending.event) {
            Ok(()) if is_one_waiting => pending.reject("another form of this event waits for its turn", plan),
            Ok(()) => {
                is_one_waiting = true;
                plan.outcome.kept_early += 1;
                plan.outcome.repeated += pending.repeats();
                plan.keep_early.push(pending.event.clone());
            }
            // Only an event that can be read is kept. The bus keeps the others, with the reason.
            Err(error) => pending.reject(&error.to_string(), plan),
        }
    }
}

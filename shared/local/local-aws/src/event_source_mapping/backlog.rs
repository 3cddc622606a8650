use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use tokio::time::Instant;

use super::MappingSettings;
use super::record::Record;

/// The unfinished records of one partition, in their order, and the plan for their next try.
#[derive(Debug)]
pub(crate) struct Backlog {
    records: VecDeque<Record>,
    /// The offset after the last record that was ever in the backlog.
    end_offset: i64,
    /// The number of records that the next invocation takes.
    next_length: usize,
    /// The number of times that the function failed with that number of records.
    vain_invocations: u32,
    /// The number of times that the function has reported a record as failed, by offset.
    reported: HashMap<i64, u32>,
    pauses: ExponentialBackoff,
    due: Instant,
}

/// A record that is given up.
#[derive(Debug)]
pub(crate) struct GivenUp {
    pub record: Record,
    pub invocations: u32,
}

impl Backlog {
    /// A backlog of records that have not been delivered yet. There is at least one.
    pub(crate) fn new(records: Vec<Record>, settings: &MappingSettings) -> Self {
        Self {
            end_offset: records.last().map_or(0, |record| record.offset + 1),
            next_length: records.len(),
            records: records.into(),
            vain_invocations: 0,
            reported: HashMap::new(),
            pauses: pauses(settings),
            due: Instant::now(),
        }
    }

    /// Takes one more record, behind the others.
    pub(crate) fn push(&mut self, record: Record) {
        self.end_offset = record.offset + 1;
        self.records.push_back(record);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The time from which the partition may be tried again.
    pub(crate) const fn due(&self) -> Instant {
        self.due
    }

    /// The offset before which every record is finished.
    pub(crate) fn first_offset(&self) -> i64 {
        self.records.front().map_or(self.end_offset, |record| record.offset)
    }

    /// The records that the next invocation takes. It takes at least one, of any size.
    pub(crate) fn next(&self, max_bytes: usize) -> impl Iterator<Item = &Record> {
        let mut bytes = 0;
        self.records.iter().take(self.next_length).take_while(move |record| {
            let is_first = bytes == 0;
            bytes += record.bytes();
            is_first || bytes <= max_bytes
        })
    }

    /// Takes out the records that are older than `max_age`.
    pub(crate) fn take_expired(&mut self, now_ms: i64, max_age: Duration) -> Vec<GivenUp> {
        let max_age_ms = i64::try_from(max_age.as_millis()).unwrap_or(i64::MAX);
        let is_expired = |record: &Record| now_ms.saturating_sub(record.timestamp_ms) > max_age_ms;
        self.give_up(usize::MAX, is_expired, 0)
    }

    /// Handles the function's answer to the first `delivered` records, of which these failed. Returns the records that
    /// are given up.
    pub(crate) fn answered(
        &mut self,
        delivered: usize,
        failed: &BTreeSet<i64>,
        settings: &MappingSettings,
    ) -> Vec<GivenUp> {
        self.vain_invocations = 0;
        for offset in failed {
            *self.reported.entry(*offset).or_default() += 1;
        }
        let invocations = settings.max_record_retries.saturating_add(1);
        let is_given_up = |offset: &i64| self.reported.get(offset).is_some_and(|times| *times >= invocations);
        let given_up: BTreeSet<i64> = failed.iter().filter(|offset| is_given_up(offset)).copied().collect();
        let first_to_retry = failed.difference(&given_up).next().copied();
        let given_up = self.give_up(delivered, |record| given_up.contains(&record.offset), invocations);
        let still_there = delivered - given_up.len();
        let done = self.records.iter().take(still_there);
        let done = done.take_while(|record| first_to_retry.is_none_or(|first| record.offset < first)).count();
        self.records.drain(..done);
        self.reported.retain(|offset, _| failed.contains(offset));
        if first_to_retry.is_some() {
            self.next_length = still_there - done;
            self.pause();
        } else {
            self.next_length = delivered.saturating_mul(2);
            self.go_on(settings);
        }
        given_up
    }

    /// Handles a failure of the function with the first `delivered` records. Returns the records that are given up.
    pub(crate) fn invocation_failed(&mut self, delivered: usize, settings: &MappingSettings) -> Vec<GivenUp> {
        if settings.bisect_batch_on_function_error && delivered > 1 {
            // The next invocation shows which half caused the failure. A pause would only delay that.
            self.next_length = delivered.div_ceil(2);
            self.vain_invocations = 0;
            return Vec::new();
        }
        self.next_length = delivered;
        self.vain_invocations += 1;
        if settings.max_retries.is_some_and(|retries| self.vain_invocations > retries) {
            let given_up = self.give_up(delivered, |_| true, self.vain_invocations);
            self.vain_invocations = 0;
            self.next_length = delivered.saturating_mul(2);
            self.go_on(settings);
            return given_up;
        }
        self.pause();
        Vec::new()
    }

    /// Plans the next try without counting a failure. The function was not reached, or it failed with a batch that also
    /// held other partitions' records.
    pub(crate) fn retry_uncounted(&mut self, must_wait: bool) {
        if must_wait {
            self.pause();
        }
    }

    fn give_up(&mut self, among_first: usize, is_one: impl Fn(&Record) -> bool, invocations: u32) -> Vec<GivenUp> {
        let among_first = among_first.min(self.records.len());
        let rest = self.records.split_off(among_first);
        let (given_up, kept) = std::mem::take(&mut self.records).into_iter().partition::<Vec<_>, _>(is_one);
        self.records = kept.into_iter().chain(rest).collect();
        given_up.into_iter().map(|record| GivenUp { record, invocations }).collect()
    }

    fn pause(&mut self) {
        // The sequence of pauses has no end.
        self.due = Instant::now() + self.pauses.next().unwrap_or_default();
    }

    fn go_on(&mut self, settings: &MappingSettings) {
        self.pauses = pauses(settings);
        self.due = Instant::now();
    }
}

fn pauses(settings: &MappingSettings) -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(settings.first_pause)
        .with_max_delay(settings.longest_pause)
        .without_max_times()
        .with_jitter()
        .build()
}

#[cfg(test)]
mod tests {
    use serde_json::value::to_raw_value;

    use super::*;

    fn record(offset: i64) -> Record {
        let json = to_raw_value(&"0123456789").expect("serializes");
        Record { partition: 0, offset, timestamp_ms: offset, key: None, json }
    }

    fn backlog(offsets: std::ops::Range<i64>) -> Backlog {
        Backlog::new(offsets.map(record).collect(), &settings())
    }

    fn settings() -> MappingSettings {
        MappingSettings { max_record_retries: 1, max_retries: Some(1), ..MappingSettings::new("function", "group") }
    }

    fn next(backlog: &Backlog) -> Vec<i64> {
        backlog.next(usize::MAX).map(|record| record.offset).collect()
    }

    fn offsets(given_up: &[GivenUp]) -> Vec<i64> {
        given_up.iter().map(|given_up| given_up.record.offset).collect()
    }

    #[test]
    fn records_before_the_first_failed_one_are_done_and_from_it_on_all_comes_again() {
        let mut backlog = backlog(10..16);
        let given_up = backlog.answered(6, &BTreeSet::from([12, 14]), &settings());
        assert!(given_up.is_empty());
        assert_eq!((backlog.first_offset(), next(&backlog)), (12, vec![12, 13, 14, 15]));
        assert!(backlog.due() > Instant::now());
    }

    #[test]
    fn a_record_that_failed_too_often_is_given_up_and_those_between_are_done() {
        let mut backlog = backlog(10..16);
        let failed = BTreeSet::from([12, 14]);
        backlog.answered(6, &failed, &settings());
        let given_up = backlog.answered(4, &failed, &settings());
        assert_eq!(offsets(&given_up), [12, 14]);
        assert!(given_up.iter().all(|given_up| given_up.invocations == 2));
        assert!(backlog.is_empty());
        assert_eq!(backlog.first_offset(), 16);
    }

    #[test]
    fn a_record_that_begins_to_fail_later_holds_up_what_is_behind_it() {
        let mut backlog = backlog(10..14);
        backlog.answered(4, &BTreeSet::from([11]), &settings());
        let given_up = backlog.answered(3, &BTreeSet::from([11, 12]), &settings());
        assert_eq!(offsets(&given_up), [11]);
        assert_eq!((backlog.first_offset(), next(&backlog)), (12, vec![12, 13]));
    }

    #[test]
    fn a_batch_that_errs_is_halved_until_what_it_cannot_bear_is_alone() {
        // given
        let mut backlog = backlog(0..100);
        let mut delivered = Vec::new();
        let mut given_up = Vec::new();
        let mut invocations = 0;
        // when: the function fails at the record 70
        while !backlog.is_empty() {
            invocations += 1;
            let batch = next(&backlog);
            if batch.contains(&70) {
                given_up.extend(backlog.invocation_failed(batch.len(), &settings()));
            } else {
                backlog.answered(batch.len(), &BTreeSet::new(), &settings());
                delivered.extend(batch);
            }
        }
        // then
        assert_eq!(offsets(&given_up), [70]);
        assert_eq!(delivered, (0..70).chain(71..100).collect::<Vec<_>>());
        assert!(invocations < 25, "{invocations}");
    }

    #[test]
    fn without_bisecting_a_batch_that_errs_comes_again_whole_and_is_given_up_whole() {
        let settings = MappingSettings { bisect_batch_on_function_error: false, ..settings() };
        let mut backlog = backlog(0..3);
        assert!(backlog.invocation_failed(3, &settings).is_empty());
        assert_eq!(next(&backlog), [0, 1, 2]);
        assert!(backlog.due() > Instant::now());
        assert_eq!(offsets(&backlog.invocation_failed(3, &settings)), [0, 1, 2]);
        assert_eq!((backlog.is_empty(), backlog.first_offset()), (true, 3));
    }

    #[test]
    fn without_a_limit_nothing_is_given_up_and_the_pauses_grow_to_their_limit() {
        let settings = MappingSettings { max_retries: None, ..settings() };
        let mut backlog = backlog(0..1);
        for _ in 0..50 {
            assert!(backlog.invocation_failed(1, &settings).is_empty());
        }
        let pause = backlog.due() - Instant::now();
        // Jitter makes the pause up to twice as long.
        assert!(pause > Duration::from_secs(9) && pause < Duration::from_secs(21), "{pause:?}");
        // After a success the count begins anew.
        backlog.push(record(1));
        backlog.answered(1, &BTreeSet::new(), &settings);
        assert!(backlog.due() <= Instant::now());
        backlog.invocation_failed(1, &settings);
        assert!(backlog.due() - Instant::now() < Duration::from_millis(250));
    }

    #[test]
    fn what_the_next_invocation_takes_fits_and_is_at_least_one_record() {
        let backlog = backlog(0..5);
        // Each record is 12 bytes and a comma.
        assert_eq!(backlog.next(39).count(), 3);
        assert_eq!(backlog.next(1).count(), 1);
    }

    #[test]
    fn a_record_that_is_too_old_is_given_up_undelivered() {
        let mut backlog = backlog(10..14);
        let given_up = backlog.take_expired(1_012, Duration::from_secs(1));
        assert_eq!(offsets(&given_up), [10, 11]);
        assert_eq!(next(&backlog), [12, 13]);
    }
}

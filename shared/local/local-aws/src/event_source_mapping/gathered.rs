use std::collections::BTreeSet;

use tokio::time::Instant;

use super::MappingSettings;
use super::record::Record;

/// Records on their way into the next batch.
#[derive(Default)]
pub(crate) struct Gathered {
    records: Vec<Record>,
    bytes: usize,
    /// The time at which the batch goes, even with few records.
    window_ends: Option<Instant>,
}

impl Gathered {
    /// The time at which the batch goes, even with few records. `None` while there are no records.
    pub(crate) const fn window_ends(&self) -> Option<Instant> {
        self.window_ends
    }

    pub(crate) fn is_full(&self, settings: &MappingSettings) -> bool {
        self.records.len() >= settings.batch_size || self.bytes >= settings.max_payload_bytes
    }

    pub(crate) fn add(&mut self, record: Record, settings: &MappingSettings) {
        self.window_ends.get_or_insert_with(|| Instant::now() + settings.batching_window);
        self.bytes += record.bytes();
        self.records.push(record);
    }

    /// Takes the batch. A last record that makes it too large stays, and begins the next batch.
    pub(crate) fn take(&mut self, settings: &MappingSettings) -> Vec<Record> {
        let mut batch = std::mem::take(self);
        let too_large = batch.bytes > settings.max_payload_bytes && batch.records.len() > 1;
        if let Some(last) = batch.records.pop_if(|_| too_large) {
            self.add(last, settings);
        }
        batch.records
    }

    /// Takes the records of this partition out, in their order.
    pub(crate) fn take_of(&mut self, partition: i32) -> Vec<Record> {
        let records = std::mem::take(&mut self.records);
        let (taken, kept) = records.into_iter().partition(|record| record.partition == partition);
        self.records = kept;
        self.count();
        taken
    }

    /// Drops the records of these partitions.
    pub(crate) fn forget(&mut self, partitions: &BTreeSet<i32>) {
        self.records.retain(|record| !partitions.contains(&record.partition));
        self.count();
    }

    fn count(&mut self) {
        self.bytes = self.records.iter().map(Record::bytes).sum();
        if self.records.is_empty() {
            self.window_ends = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::value::to_raw_value;

    use super::*;

    fn settings() -> MappingSettings {
        MappingSettings { batch_size: 3, max_payload_bytes: 40, ..MappingSettings::new("function", "group") }
    }

    /// A record of 13 bytes, with the comma.
    fn record(partition: i32, offset: i64) -> Record {
        let json = to_raw_value(&"0123456789").expect("serializes");
        Record { partition, offset, timestamp_ms: offset, key: None, json }
    }

    fn gathered(places: &[(i32, i64)], settings: &MappingSettings) -> Gathered {
        let mut gathered = Gathered::default();
        for (partition, offset) in places {
            gathered.add(record(*partition, *offset), settings);
        }
        gathered
    }

    fn offsets(records: &[Record]) -> Vec<i64> {
        records.iter().map(|record| record.offset).collect()
    }

    #[test]
    fn a_batch_is_full_by_its_number_of_records_or_by_its_bytes() {
        let settings = settings();
        assert!(!gathered(&[(0, 1), (0, 2)], &settings).is_full(&settings));
        assert!(gathered(&[(0, 1), (0, 2), (0, 3)], &settings).is_full(&settings));
        let small = MappingSettings { max_payload_bytes: 26, ..settings };
        assert!(gathered(&[(0, 1), (0, 2)], &small).is_full(&small));
    }

    #[test]
    fn the_record_that_makes_a_batch_too_large_begins_the_next() {
        let settings = MappingSettings { max_payload_bytes: 30, ..settings() };
        let mut gathered = gathered(&[(0, 1), (0, 2), (0, 3)], &settings);
        assert_eq!(offsets(&gathered.take(&settings)), [1, 2]);
        assert!(gathered.window_ends().is_some_and(|ends| ends <= Instant::now() + Duration::from_secs(1)));
        assert_eq!(offsets(&gathered.take(&settings)), [3]);
        assert_eq!((gathered.window_ends(), gathered.bytes), (None, 0));
    }

    #[test]
    fn what_is_taken_or_forgotten_of_a_partition_leaves_the_others_in_order() {
        let settings = settings();
        let mut gathered = gathered(&[(0, 1), (1, 1), (0, 2), (2, 1)], &settings);
        assert_eq!(offsets(&gathered.take_of(0)), [1, 2]);
        assert_eq!((gathered.records.len(), gathered.bytes), (2, 26));
        gathered.forget(&BTreeSet::from([1, 2]));
        assert_eq!((gathered.window_ends(), gathered.bytes), (None, 0));
    }
}

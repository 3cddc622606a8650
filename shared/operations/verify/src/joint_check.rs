use std::collections::{BTreeMap, BTreeSet};

use cqrs::{Digest, StreamId};
use projection::{AnyProjection, Cells, JointEntries, JointPart};

use crate::{Damage, Finding, Side};

/// The number of sums over parts, for each name of a part. With more sums, fewer sound entries share a sum with a damaged one
/// and are read again.
const BUCKETS: usize = 1 << 14;

/// The origin of a row or a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Origin {
    /// The events give it.
    Events,
    /// The read database holds it.
    Rows,
}

/// A joint entry, by its place in the list of declarations and by its text.
type EntryKey = (Origin, usize, String);

/// A part as it was met.
#[derive(Debug, Clone)]
pub(crate) struct MetPart {
    stream_id: StreamId,
    version: u64,
    projection: &'static str,
    part: JointPart,
}

/// The joint entries that are checked, and the parts that were met.
pub(crate) struct JointCheck {
    declared: Vec<&'static dyn JointEntries>,
    met: Met,
}

/// What is kept of the parts that are met. There may be millions of them.
enum Met {
    /// Sums over all parts. They show which buckets have parts that do not agree.
    Sums(Vec<u128>),
    /// The parts in some of the buckets.
    InBuckets(BTreeSet<usize>, BTreeMap<EntryKey, Vec<MetPart>>),
    /// The parts of some entries.
    OfEntries(BTreeMap<EntryKey, Vec<MetPart>>),
}

impl JointCheck {
    /// Keeps sums over the parts of all entries.
    pub(crate) fn summing(declared: Vec<&'static dyn JointEntries>) -> Self {
        let most_parts = declared.iter().map(|entries| entries.part_names().len()).max().unwrap_or(0);
        Self { declared, met: Met::Sums(vec![0; BUCKETS * most_parts * 2]) }
    }

    /// Adds the parts that a row or a line is. A row that cannot be read has no part, and is a finding of its own.
    pub(crate) fn add(&mut self, origin: Origin, projection: &dyn AnyProjection, cells: &Cells) {
        for (place, entries) in self.declared.iter().enumerate() {
            if !entries.tables().contains(&cells.table()) {
                continue;
            }
            for part in entries.parts_of(cells).unwrap_or_default() {
                let met = MetPart {
                    stream_id: cells.stream_id(),
                    version: cells.version(),
                    projection: projection.name(),
                    part,
                };
                self.met.add(origin, place, met);
            }
        }
    }

    /// The buckets whose sums are not the same for each part.
    fn unequal_buckets(&self) -> BTreeSet<usize> {
        let Met::Sums(sums) = &self.met else { return BTreeSet::new() };
        let parts = sums.len() / BUCKETS / 2;
        let is_unequal = |bucket: &usize| {
            let of_bucket = &sums[bucket * parts..(bucket + 1) * parts];
            of_bucket.iter().any(|sum| *sum != of_bucket[0])
        };
        (0..BUCKETS * 2).filter(is_unequal).collect()
    }

    /// A check that keeps the parts in the buckets that are not equal; `None` where all are equal.
    pub(crate) fn suspicious(&self) -> Option<Self> {
        let buckets = self.unequal_buckets();
        let is_sound = buckets.is_empty();
        (!is_sound).then(|| Self { declared: self.declared.clone(), met: Met::InBuckets(buckets, BTreeMap::new()) })
    }

    /// A check that keeps the parts of those entries that are not whole, and all streams that such an entry has a part in.
    pub(crate) fn of_unsound_entries(&self) -> (Self, BTreeSet<StreamId>) {
        let mut entries = BTreeMap::new();
        let mut streams = BTreeSet::new();
        for (key, met) in self.kept() {
            if self.is_sound(key.1, met) {
                continue;
            }
            streams.extend(met.iter().flat_map(|met| met.part.streams.iter().copied()));
            streams.extend(met.iter().map(|met| met.stream_id));
            // The two origins are held against each other by other checks. But both are read again.
            for origin in [Origin::Events, Origin::Rows] {
                entries.insert((origin, key.1, key.2.clone()), Vec::new());
            }
        }
        (Self { declared: self.declared.clone(), met: Met::OfEntries(entries) }, streams)
    }

    fn kept(&self) -> impl Iterator<Item = (&EntryKey, &Vec<MetPart>)> {
        let kept = match &self.met {
            Met::Sums(_) => None,
            Met::InBuckets(_, kept) | Met::OfEntries(kept) => Some(kept),
        };
        kept.into_iter().flatten()
    }

    /// Each part is there once, and all of them agree.
    fn is_sound(&self, place: usize, met: &[MetPart]) -> bool {
        let names = self.declared[place].part_names();
        met.is_empty()
            || (met.len() == names.len()
                && (0..names.len()).all(|part| met.iter().filter(|met| met.part.part == part).count() == 1)
                && met.iter().all(|other| other.part.facts == met[0].part.facts))
    }

    /// The findings about entries that are not whole, each with its stream.
    ///
    /// A stored part may only be on its way while the rows of one of the entry's streams are behind. Stored parts follow their
    /// events. So where the events are not whole, only they are named.
    pub(crate) fn findings(&self, behind: &BTreeSet<StreamId>) -> Vec<(StreamId, Finding)> {
        let mut findings = Vec::new();
        let unsound = |(key, met): &(&EntryKey, &Vec<MetPart>)| !self.is_sound(key.1, met);
        let odd_events: BTreeSet<(usize, &str)> = self
            .kept()
            .filter(unsound)
            .filter(|(key, _)| key.0 == Origin::Events)
            .map(|((_, place, entry), _)| (*place, entry.as_str()))
            .collect();
        for ((origin, place, entry), met) in self.kept().filter(unsound) {
            let is_on_its_way =
                || met.iter().flat_map(|met| &met.part.streams).any(|stream_id| behind.contains(stream_id));
            if *origin == Origin::Rows && (odd_events.contains(&(*place, entry.as_str())) || is_on_its_way()) {
                continue;
            }
            odd_parts(*origin, self.declared[*place], entry, met, &mut findings);
        }
        findings
    }
}

impl Met {
    fn add(&mut self, origin: Origin, place: usize, met: MetPart) {
        let bucket = bucket_of(origin, place, &met.part.entry);
        match self {
            Self::Sums(sums) => {
                let parts = sums.len() / BUCKETS / 2;
                let sum = &mut sums[bucket * parts + met.part.part];
                *sum = sum.wrapping_add(number_of(&[met.part.entry.as_bytes(), met.part.facts.as_bytes()]));
            }
            Self::InBuckets(buckets, kept) => {
                if buckets.contains(&bucket) {
                    kept.entry((origin, place, met.part.entry.clone())).or_default().push(met);
                }
            }
            Self::OfEntries(kept) => {
                if let Some(parts) = kept.get_mut(&(origin, place, met.part.entry.clone())) {
                    parts.push(met);
                }
            }
        }
    }
}

/// A number that differs for different texts.
fn number_of(texts: &[&[u8]]) -> u128 {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&Digest::of_parts(texts).as_bytes()[..16]);
    u128::from_be_bytes(bytes)
}

/// The two origins have buckets of their own, because they are never held against each other here.
fn bucket_of(origin: Origin, place: usize, entry: &str) -> usize {
    let number = number_of(&[&place.to_be_bytes(), entry.as_bytes()]);
    let bucket = usize::try_from(number % BUCKETS as u128).unwrap_or_default();
    match origin {
        Origin::Events => bucket,
        Origin::Rows => BUCKETS + bucket,
    }
}

/// Names the parts that do not agree with most of the others, and the parts that are missing.
fn odd_parts(
    origin: Origin,
    declared: &dyn JointEntries,
    entry: &str,
    met: &[MetPart],
    findings: &mut Vec<(StreamId, Finding)>,
) {
    let names = declared.part_names();
    let has = |part: usize, facts: &str| met.iter().any(|met| met.part.part == part && met.part.facts == facts);
    let agreeing = |facts: &str| (0..names.len()).filter(|part| has(*part, facts)).count();
    let side = match origin {
        Origin::Events => Side::EventStore,
        Origin::Rows => Side::ReadDb,
    };
    let in_rows = |projection| Some(projection).filter(|_| origin == Origin::Rows);
    let in_part = |met: &MetPart, damage| {
        let (version, projection) = (Some(met.version), in_rows(met.projection));
        (met.stream_id, Finding { stream_id: Some(met.stream_id), version, projection, side, damage })
    };
    let most = met.iter().max_by_key(|met| agreeing(&met.part.facts)).filter(|met| agreeing(&met.part.facts) > 1);
    let Some(most) = most else {
        for met in met {
            let (entry, part, found) = (entry.to_owned(), names[met.part.part], met.part.facts.clone());
            findings.push(in_part(met, Damage::PartAlone { entry, part, found }));
        }
        return;
    };
    for (part, name) in names.iter().copied().enumerate() {
        let expected = || most.part.facts.clone();
        let of_part: Vec<&MetPart> = met.iter().filter(|met| met.part.part == part).collect();
        if of_part.is_empty() {
            let damage = Damage::PartMissing { entry: entry.to_owned(), part: name, expected: expected() };
            let stream_id = most.part.streams.get(part).copied().unwrap_or(most.stream_id);
            let finding = Finding { stream_id: Some(stream_id), version: None, projection: None, side, damage };
            findings.push((stream_id, finding));
        }
        let mut is_repeated = false;
        for met in of_part {
            let (entry, found) = (entry.to_owned(), met.part.facts.clone());
            if found != expected() {
                findings.push(in_part(met, Damage::PartDiffers { entry, part: name, expected: expected(), found }));
            } else if std::mem::replace(&mut is_repeated, true) {
                findings.push(in_part(met, Damage::PartRepeated { entry, part: name }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use projection::{CellError, Table};
    use uuid::Uuid;

    use super::*;

    struct Handshakes;

    impl JointEntries for Handshakes {
        fn tables(&self) -> &'static [&'static Table] {
            &[]
        }

        fn part_names(&self) -> &'static [&'static str] {
            &["the meeting", "one hand", "the other hand"]
        }

        fn parts_of(&self, _: &Cells) -> Result<Vec<JointPart>, CellError> {
            Ok(vec![])
        }
    }

    fn stream(number: u128) -> StreamId {
        StreamId(Uuid::from_u128(number))
    }

    /// A part that is met in the stream of its number.
    fn met(entry: &str, part: usize, facts: &str) -> MetPart {
        let streams = vec![stream(0), stream(1), stream(2)];
        let part = JointPart { entry: entry.to_owned(), part, facts: facts.to_owned(), streams };
        MetPart { stream_id: stream(part.part as u128), version: 7, projection: "handshakes", part }
    }

    fn whole(entry: &str) -> Vec<MetPart> {
        (0..3).map(|part| met(entry, part, "firm")).collect()
    }

    /// What the three passes find where each of them meets these parts.
    fn found(origin: Origin, parts: &[MetPart], behind: &[StreamId]) -> Vec<Finding> {
        let mut sums = JointCheck::summing(vec![&Handshakes]);
        parts.iter().for_each(|met| sums.met.add(origin, 0, met.clone()));
        let Some(mut suspicious) = sums.suspicious() else { return vec![] };
        parts.iter().for_each(|met| suspicious.met.add(origin, 0, met.clone()));
        let (mut unsound, streams) = suspicious.of_unsound_entries();
        assert_eq!(streams, [stream(0), stream(1), stream(2)].into());
        parts.iter().for_each(|met| unsound.met.add(origin, 0, met.clone()));
        let findings = unsound.findings(&behind.iter().copied().collect());
        assert!(findings.iter().all(|(stream_id, finding)| finding.stream_id == Some(*stream_id)));
        findings.into_iter().map(|(_, finding)| finding).collect()
    }

    #[test]
    fn entries_with_all_their_parts_are_sound_in_any_order() {
        let mut parts: Vec<MetPart> = (0..100).flat_map(|number| whole(&number.to_string())).collect();
        parts.reverse();
        assert_eq!(found(Origin::Events, &parts, &[]), []);
    }

    #[test]
    fn a_part_that_is_missing_differs_or_is_there_twice_is_named_with_its_stream() {
        let sound: Vec<MetPart> = (0..100).flat_map(|number| whole(&number.to_string())).collect();
        let with = |parts: Vec<MetPart>| [sound.clone(), parts].concat();
        let entry = "odd".to_owned();

        let missing = with(vec![met("odd", 0, "firm"), met("odd", 2, "firm")]);
        let damage = Damage::PartMissing { entry: entry.clone(), part: "one hand", expected: "firm".to_owned() };
        let finding =
            Finding { stream_id: Some(stream(1)), version: None, projection: None, side: Side::EventStore, damage };
        assert_eq!(found(Origin::Events, &missing, &[]), [finding]);

        let differs = with(vec![met("odd", 0, "firm"), met("odd", 1, "firm"), met("odd", 2, "limp")]);
        let (expected, limp) = ("firm".to_owned(), "limp".to_owned());
        let damage =
            Damage::PartDiffers { entry: entry.clone(), part: "the other hand", expected, found: limp.clone() };
        let finding = Finding {
            stream_id: Some(stream(2)),
            version: Some(7),
            projection: Some("handshakes"),
            side: Side::ReadDb,
            damage,
        };
        assert_eq!(found(Origin::Rows, &differs, &[]), [finding]);

        let repeated = with([whole("odd"), vec![met("odd", 1, "firm")]].concat());
        let damage = Damage::PartRepeated { entry: entry.clone(), part: "one hand" };
        assert_eq!(found(Origin::Events, &repeated, &[]).into_iter().map(|f| f.damage).collect::<Vec<_>>(), [damage]);

        let alone = with(vec![met("odd", 2, "limp")]);
        let damage = Damage::PartAlone { entry, part: "the other hand", found: limp };
        assert_eq!(found(Origin::Events, &alone, &[]).into_iter().map(|f| f.damage).collect::<Vec<_>>(), [damage]);
    }

    #[test]
    fn a_stored_part_that_may_be_on_its_way_is_no_finding() {
        let parts = [met("odd", 0, "firm"), met("odd", 2, "firm")];
        assert_eq!(found(Origin::Rows, &parts, &[stream(1)]), []);
        assert_eq!(found(Origin::Rows, &parts, &[stream(5)]).len(), 1);
        assert_eq!(found(Origin::Events, &parts, &[stream(1)]).len(), 1);
    }
}

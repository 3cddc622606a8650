use cqrs::{Commit, Digest, ScannedOpenedCommit, StreamId, Timestamp};

use crate::{Damage, Finding, Head};

/// Checks one stream's commits as they come. Each commit must match its hash and follow the commit before it. This
/// works for every kind of aggregate.
pub(crate) struct ChainCheck {
    stream_id: StreamId,
    earlier_head: Option<Head>,
    previous: Option<PreviousCommit>,
    /// Whether the commits so far are without gaps and all readable, so that they can be folded.
    is_whole: bool,
}

/// The facts that the next commit must follow.
struct PreviousCommit {
    next_version: u64,
    /// The link to the commit; `None` if the commit cannot be read.
    link: Option<Link>,
}

struct Link {
    hash: Digest,
    aggregate_type: String,
    occurred_at: Timestamp,
}

impl ChainCheck {
    /// A check of this stream. `earlier_head` is the stream's end when the heads were written, if the stream existed
    /// then.
    pub(crate) const fn new(stream_id: StreamId, earlier_head: Option<Head>) -> Self {
        Self { stream_id, earlier_head, previous: None, is_whole: true }
    }

    /// The stream's present version.
    pub(crate) fn version(&self) -> u64 {
        self.previous.as_ref().map_or(0, |previous| previous.next_version - 1)
    }

    /// The stream's kind, from its newest readable commit.
    pub(crate) fn aggregate_type(&self) -> Option<&str> {
        self.previous.as_ref()?.link.as_ref().map(|link| link.aggregate_type.as_str())
    }

    /// The stream's present end, if it can be read.
    pub(crate) fn head(&self) -> Option<Head> {
        let previous = self.previous.as_ref()?;
        let hash = previous.link.as_ref()?.hash;
        Some(Head { stream_id: self.stream_id, version: previous.next_version - 1, hash })
    }

    /// Whether the events of all commits so far can be folded.
    pub(crate) const fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Checks the next commit of the stream.
    pub(crate) fn add(&mut self, scanned: &ScannedOpenedCommit, findings: &mut Vec<Finding>) {
        let first_version = scanned.place.first_version;
        let mut report = |damage| findings.push(Finding::in_stream(self.stream_id, Some(first_version), damage));
        let expected_version = self.previous.as_ref().map_or(1, |previous| previous.next_version);
        if first_version > expected_version {
            self.is_whole = false;
            report(Damage::VersionGap { expected: expected_version });
        } else if first_version < expected_version {
            self.is_whole = false;
            report(Damage::Overlap { expected: expected_version });
        }
        let commit = match scanned.stored() {
            Ok(commit) => commit,
            Err(error) => {
                self.is_whole = false;
                report(Damage::Unreadable { reason: error.to_string() });
                // The number of its events shows only in the next commit.
                self.previous = Some(PreviousCommit { next_version: first_version.saturating_add(1), link: None });
                return;
            }
        };
        for description in &scanned.misfits {
            report(Damage::UncoveredDiffers { description: description.clone() });
        }
        let hash = commit.draft.hash();
        if hash != commit.hash {
            report(Damage::HashMismatch { expected: hash, found: commit.hash });
        }
        self.check_link(commit, &mut report);
        let last_version = last_version_of(commit);
        if commit.draft.events.is_empty() {
            report(Damage::NoEvents);
        }
        if let Some(head) = self.earlier_head.take_if(|head| head.version <= last_version) {
            if head.version < last_version {
                report(Damage::HeadMissing { expected: head.hash });
            } else if head.hash != commit.hash {
                report(Damage::HeadDiffers { expected: head.hash, found: commit.hash });
            }
        }
        self.previous = Some(PreviousCommit {
            next_version: last_version + 1,
            link: Some(Link {
                hash: commit.hash,
                aggregate_type: commit.draft.aggregate_type.clone(),
                occurred_at: commit.draft.occurred_at,
            }),
        });
    }

    fn check_link(&self, commit: &Commit, report: &mut impl FnMut(Damage)) {
        let draft = &commit.draft;
        match &self.previous {
            None if draft.previous_hash.is_some() => {
                report(Damage::PreviousHashMismatch { expected: None, found: draft.previous_hash });
            }
            None | Some(PreviousCommit { link: None, .. }) => {}
            Some(PreviousCommit { link: Some(link), .. }) => {
                if draft.previous_hash != Some(link.hash) {
                    report(Damage::PreviousHashMismatch { expected: Some(link.hash), found: draft.previous_hash });
                }
                if draft.aggregate_type != link.aggregate_type {
                    let (expected, found_type) = (link.aggregate_type.clone(), draft.aggregate_type.clone());
                    report(Damage::AggregateTypeChanges { expected, found: found_type });
                }
                if draft.occurred_at < link.occurred_at {
                    report(Damage::TimeRunsBackwards { not_before: link.occurred_at, found: draft.occurred_at });
                }
            }
        }
    }

    /// Ends the check after the last commit. It adds a finding if the earlier head's version was never reached.
    pub(crate) fn finish(&mut self, findings: &mut Vec<Finding>) {
        if let Some(head) = self.earlier_head.take() {
            let damage = Damage::HeadMissing { expected: head.hash };
            findings.push(Finding::in_stream(self.stream_id, Some(head.version), damage));
        }
    }
}

/// The commit's last version. A damaged commit without events ends where it begins, so that counting can go on.
fn last_version_of(commit: &Commit) -> u64 {
    commit.draft.first_version.saturating_add((commit.draft.events.len() as u64).saturating_sub(1))
}

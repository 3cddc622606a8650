//! A court case with its hearings, as far as decisions need them. Pure: no async, no database.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use cqrs::{AggregateRoot, Digest, DomainEvent, EventDecodeError, StoredForm, StreamId, Timestamp, Upcaster, upcast};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

// --- values: parsed once, correct from then on

/// A text that is no docket number, name or room. Handling: the client's mistake; name the field and refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to {MAX_CHARS} characters and not blank")]
pub struct TextError;

/// Long enough for a party's name and for a docket number with its court.
const MAX_CHARS: usize = 140;

fn trimmed(text: &str) -> Result<String, TextError> {
    let trimmed = text.trim();
    if (1..=MAX_CHARS).contains(&trimmed.chars().count()) { Ok(trimmed.to_owned()) } else { Err(TextError) }
}

/// The court's number of a case, for instance `2 O 131/26`. No two cases of the court have the same number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DocketNumber(String);

impl DocketNumber {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DocketNumber {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        trimmed(text).map(Self)
    }
}

impl TryFrom<String> for DocketNumber {
    type Error = TextError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<DocketNumber> for String {
    fn from(docket_number: DocketNumber) -> Self {
        docket_number.0
    }
}

/// The name of a party or of a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        trimmed(text).map(Self)
    }
}

impl TryFrom<String> for Name {
    type Error = TextError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

/// Names a case, and with it the stream of its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CaseId(Uuid);

impl CaseId {
    /// The id of the case with this docket number. It is always the same id, so a second filing of the number meets the first case.
    /// No index over all cases is needed. The id is a UUIDv8 (RFC 9562) of the digest's bits.
    pub fn of(docket_number: &DocketNumber) -> Self {
        let digest = Digest::of_parts(&[b"case", docket_number.0.as_bytes()]);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest.as_bytes()[..16]);
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }

    /// The case whose events a stream holds.
    pub fn from_stream(stream_id: StreamId) -> Self {
        Self(stream_id.0)
    }

    /// The stream of the case's events.
    pub fn stream_id(self) -> StreamId {
        StreamId(self.0)
    }
}

/// A hearing's number within its case, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HearingNumber(pub u32);

impl fmt::Display for HearingNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

/// The party that the court found for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The party that filed the case.
    Plaintiff,
    /// The party that the case is against.
    Defendant,
}

/// A text that is no verdict. Handling: the text was written by another build, or is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a verdict")]
pub struct UnknownVerdict;

impl Verdict {
    /// The text of the stored events and of the rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plaintiff => "plaintiff",
            Self::Defendant => "defendant",
        }
    }
}

impl FromStr for Verdict {
    type Err = UnknownVerdict;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Plaintiff, Self::Defendant].into_iter().find(|verdict| verdict.as_str() == text).ok_or(UnknownVerdict)
    }
}

// --- the commands

/// Files a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileCase {
    /// The case's number.
    pub docket_number: DocketNumber,
    /// The party that files it.
    pub plaintiff: Name,
    /// The party that the case is against.
    pub defendant: Name,
}

/// Sets a hearing's time and room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScheduleHearing {
    /// The case.
    pub case_id: CaseId,
    /// The time at which the hearing begins.
    pub starts_at: Timestamp,
    /// The hearing's room.
    pub room: Name,
}

/// Puts a hearing off to another time, which makes it another hearing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AdjournHearing {
    /// The case.
    pub case_id: CaseId,
    /// The hearing that is put off.
    pub hearing: HearingNumber,
    /// The time at which the new hearing begins.
    pub starts_at: Timestamp,
    /// The room of the new hearing.
    pub room: Name,
}

/// Records that a hearing took place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HoldHearing {
    /// The case.
    pub case_id: CaseId,
    /// The hearing.
    pub hearing: HearingNumber,
}

/// Calls a hearing off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CancelHearing {
    /// The case.
    pub case_id: CaseId,
    /// The hearing.
    pub hearing: HearingNumber,
}

/// Decides a case, which ends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DecideCase {
    /// The case.
    pub case_id: CaseId,
    /// The verdict.
    pub verdict: Verdict,
}

// --- the events

/// Everything that can happen to a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaseEvent {
    /// The case's first event.
    CaseFiled {
        /// The case's number.
        docket_number: DocketNumber,
        /// The party that filed it.
        plaintiff: Name,
        /// The party that the case is against.
        defendant: Name,
    },
    /// A hearing has a time.
    HearingScheduled {
        /// Its number.
        hearing: HearingNumber,
        /// When it begins.
        starts_at: Timestamp,
        /// Where it is; events of the first version did not say.
        room: Option<Name>,
    },
    /// A hearing was put off; the one in its place follows as the next event.
    HearingAdjourned {
        /// The hearing.
        hearing: HearingNumber,
    },
    /// A hearing took place.
    HearingHeld {
        /// The hearing.
        hearing: HearingNumber,
    },
    /// A hearing was called off.
    HearingCancelled {
        /// The hearing.
        hearing: HearingNumber,
    },
    /// The case's last event.
    CaseDecided {
        /// The verdict.
        verdict: Verdict,
    },
}

/// Version 1 of the stored form of `CaseFiled`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseFiledV1 {
    docket_number: DocketNumber,
    plaintiff: Name,
    defendant: Name,
}

/// Version 1 of the stored form of `HearingScheduled`, from before rooms were recorded. Still read, no
/// longer written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HearingScheduledV1 {
    hearing: HearingNumber,
    starts_at: Timestamp,
}

/// Version 2 of the stored form of `HearingScheduled`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HearingScheduledV2 {
    hearing: HearingNumber,
    starts_at: Timestamp,
    room: Option<Name>,
}

/// Version 1 of the stored form of `HearingAdjourned`, `HearingHeld` and `HearingCancelled`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HearingEndedV1 {
    hearing: HearingNumber,
}

/// Version 1 of the stored form of `CaseDecided`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseDecidedV1 {
    verdict: Verdict,
}

/// From every past stored form to the one that came after it.
const UPCASTERS: &[Upcaster] =
    &[Upcaster { event_type: "HearingScheduled", schema_version: 1, to_next: hearing_scheduled_v1_to_v2 }];

/// Rooms were not recorded yet.
fn hearing_scheduled_v1_to_v2(data: &Value) -> Result<StoredForm<'static>, String> {
    let HearingScheduledV1 { hearing, starts_at } =
        HearingScheduledV1::deserialize(data).map_err(|error| error.to_string())?;
    Ok(StoredForm::made("HearingScheduled", 2, json!({"hearing": hearing, "starts_at": starts_at, "room": null})))
}

impl DomainEvent for CaseEvent {
    fn event_type(&self) -> &'static str {
        match self {
            Self::CaseFiled { .. } => "CaseFiled",
            Self::HearingScheduled { .. } => "HearingScheduled",
            Self::HearingAdjourned { .. } => "HearingAdjourned",
            Self::HearingHeld { .. } => "HearingHeld",
            Self::HearingCancelled { .. } => "HearingCancelled",
            Self::CaseDecided { .. } => "CaseDecided",
        }
    }

    fn schema_version(&self) -> u32 {
        match self {
            Self::HearingScheduled { .. } => 2,
            _ => 1,
        }
    }

    fn to_data(&self) -> Value {
        let data = match self.clone() {
            Self::CaseFiled { docket_number, plaintiff, defendant } => {
                serde_json::to_value(CaseFiledV1 { docket_number, plaintiff, defendant })
            }
            Self::HearingScheduled { hearing, starts_at, room } => {
                serde_json::to_value(HearingScheduledV2 { hearing, starts_at, room })
            }
            Self::HearingAdjourned { hearing } | Self::HearingHeld { hearing } | Self::HearingCancelled { hearing } => {
                serde_json::to_value(HearingEndedV1 { hearing })
            }
            Self::CaseDecided { verdict } => serde_json::to_value(CaseDecidedV1 { verdict }),
        };
        data.expect("texts and integers are plain JSON")
    }

    fn from_data(event_type: &str, schema_version: u32, data: &Value) -> Result<Self, EventDecodeError> {
        let malformed = |error: serde_json::Error| EventDecodeError::Malformed {
            event_type: event_type.to_owned(),
            schema_version,
            reason: error.to_string(),
        };
        let form = upcast(UPCASTERS, event_type, schema_version, data)?;
        let data = form.data.as_ref();
        match (form.event_type.as_ref(), form.schema_version) {
            ("CaseFiled", 1) => {
                let CaseFiledV1 { docket_number, plaintiff, defendant } =
                    CaseFiledV1::deserialize(data).map_err(malformed)?;
                Ok(Self::CaseFiled { docket_number, plaintiff, defendant })
            }
            ("HearingScheduled", 2) => {
                let HearingScheduledV2 { hearing, starts_at, room } =
                    HearingScheduledV2::deserialize(data).map_err(malformed)?;
                Ok(Self::HearingScheduled { hearing, starts_at, room })
            }
            ("HearingAdjourned", 1) => {
                let HearingEndedV1 { hearing } = HearingEndedV1::deserialize(data).map_err(malformed)?;
                Ok(Self::HearingAdjourned { hearing })
            }
            ("HearingHeld", 1) => {
                let HearingEndedV1 { hearing } = HearingEndedV1::deserialize(data).map_err(malformed)?;
                Ok(Self::HearingHeld { hearing })
            }
            ("HearingCancelled", 1) => {
                let HearingEndedV1 { hearing } = HearingEndedV1::deserialize(data).map_err(malformed)?;
                Ok(Self::HearingCancelled { hearing })
            }
            ("CaseDecided", 1) => {
                let CaseDecidedV1 { verdict } = CaseDecidedV1::deserialize(data).map_err(malformed)?;
                Ok(Self::CaseDecided { verdict })
            }
            (
                "CaseFiled" | "HearingScheduled" | "HearingAdjourned" | "HearingHeld" | "HearingCancelled"
                | "CaseDecided",
                _,
            ) => Err(EventDecodeError::UnknownVersion { event_type: event_type.to_owned(), schema_version }),
            _ => Err(EventDecodeError::UnknownType { event_type: event_type.to_owned() }),
        }
    }
}

// --- the refusals

/// Why a case refuses a command. Each refusal is final for the state that the case is in. Nothing has happened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CaseError {
    /// No case has been filed under this number.
    #[error("there is no such case")]
    NotFound,
    /// There is a case under this number.
    #[error("a case has been filed under this docket number")]
    AlreadyFiled,
    /// The case has been decided and takes no commands any more.
    #[error("the case has been decided")]
    Decided,
    /// The case has another hearing at this time.
    #[error("hearing {hearing} of this case is at the same time")]
    SameTime {
        /// The hearing.
        hearing: HearingNumber,
    },
    /// The case has no hearing of this number.
    #[error("the case has no hearing {hearing}")]
    NoSuchHearing {
        /// The number.
        hearing: HearingNumber,
    },
    /// The hearing has been held, put off or called off already.
    #[error("hearing {hearing} is over")]
    HearingOver {
        /// The hearing.
        hearing: HearingNumber,
    },
    /// A case is not decided while a hearing is still to come.
    #[error("hearing {hearing} is still to be held")]
    HearingOpen {
        /// The first such.
        hearing: HearingNumber,
    },
}

// --- the state

/// A case as decisions need it. No rule asks for the parties.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Case {
    /// Nothing has happened yet.
    #[default]
    NotFiled,
    /// It has been filed, and perhaps decided since.
    Filed(FiledCase),
}

/// The facts that decisions on a filed case depend on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FiledCase {
    hearings: BTreeMap<HearingNumber, Hearing>,
    is_decided: bool,
}

/// A hearing within its case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hearing {
    starts_at: Timestamp,
    status: HearingStatus,
}

/// How a hearing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HearingStatus {
    /// It is still to come.
    Scheduled,
    /// It was put off. Another hearing is in its place.
    Adjourned,
    /// It took place.
    Held,
    /// It was called off.
    Cancelled,
}

impl AggregateRoot for Case {
    const AGGREGATE_TYPE: &'static str = "case";
    const STATE_VERSION: u32 = 1;
    type Event = CaseEvent;
    type Error = CaseError;

    fn apply(&mut self, event: &CaseEvent) {
        match (self, event) {
            (state @ Self::NotFiled, CaseEvent::CaseFiled { .. }) => *state = Self::Filed(FiledCase::default()),
            (Self::Filed(case), CaseEvent::HearingScheduled { hearing, starts_at, .. }) => {
                let scheduled = Hearing { starts_at: *starts_at, status: HearingStatus::Scheduled };
                case.hearings.insert(*hearing, scheduled);
            }
            (Self::Filed(case), CaseEvent::HearingAdjourned { hearing }) => {
                case.end_hearing(*hearing, HearingStatus::Adjourned);
            }
            (Self::Filed(case), CaseEvent::HearingHeld { hearing }) => case.end_hearing(*hearing, HearingStatus::Held),
            (Self::Filed(case), CaseEvent::HearingCancelled { hearing }) => {
                case.end_hearing(*hearing, HearingStatus::Cancelled);
            }
            (Self::Filed(case), CaseEvent::CaseDecided { .. }) => case.is_decided = true,
            // No command method raises these; a store that holds them was written by something else.
            (Self::Filed(_), CaseEvent::CaseFiled { .. }) => debug_assert!(false, "filed twice"),
            (Self::NotFiled, event) => debug_assert!(false, "{event:?} before the case was filed"),
        }
    }
}

impl FiledCase {
    fn end_hearing(&mut self, hearing: HearingNumber, status: HearingStatus) {
        debug_assert!(self.hearings.contains_key(&hearing), "hearing {hearing} was never scheduled");
        if let Some(hearing) = self.hearings.get_mut(&hearing) {
            hearing.status = status;
        }
    }

    fn next_hearing(&self) -> HearingNumber {
        self.hearings.last_key_value().map_or(HearingNumber(1), |(last, _)| HearingNumber(last.0 + 1))
    }

    /// The hearing, if it is still to come.
    fn open_hearing(&self, hearing: HearingNumber) -> Result<(), CaseError> {
        match self.hearings.get(&hearing).ok_or(CaseError::NoSuchHearing { hearing })?.status {
            HearingStatus::Scheduled => Ok(()),
            HearingStatus::Adjourned | HearingStatus::Held | HearingStatus::Cancelled => {
                Err(CaseError::HearingOver { hearing })
            }
        }
    }
}

// --- the decisions

impl Case {
    /// The case, if it takes commands.
    fn undecided(&self) -> Result<&FiledCase, CaseError> {
        match self {
            Self::NotFiled => Err(CaseError::NotFound),
            Self::Filed(case) if case.is_decided => Err(CaseError::Decided),
            Self::Filed(case) => Ok(case),
        }
    }

    /// Decides on [`FileCase`].
    pub fn file_case(&self, command: &FileCase) -> Result<Vec<CaseEvent>, CaseError> {
        match self {
            Self::Filed(_) => Err(CaseError::AlreadyFiled),
            Self::NotFiled => Ok(vec![CaseEvent::CaseFiled {
                docket_number: command.docket_number.clone(),
                plaintiff: command.plaintiff.clone(),
                defendant: command.defendant.clone(),
            }]),
        }
    }

    /// Decides on [`ScheduleHearing`]: no two hearings of one case are at the same time.
    pub fn schedule_hearing(&self, command: &ScheduleHearing) -> Result<Vec<CaseEvent>, CaseError> {
        let case = self.undecided()?;
        let takes_the_time = |hearing: &Hearing| {
            hearing.starts_at == command.starts_at
                && matches!(hearing.status, HearingStatus::Scheduled | HearingStatus::Held)
        };
        if let Some((hearing, _)) = case.hearings.iter().find(|(_, hearing)| takes_the_time(hearing)) {
            return Err(CaseError::SameTime { hearing: *hearing });
        }
        Ok(vec![CaseEvent::HearingScheduled {
            hearing: case.next_hearing(),
            starts_at: command.starts_at,
            room: Some(command.room.clone()),
        }])
    }

    /// Decides on [`AdjournHearing`]. Two events, in one commit: nobody ever sees the one without the other.
    pub fn adjourn_hearing(&self, command: &AdjournHearing) -> Result<Vec<CaseEvent>, CaseError> {
        self.undecided()?.open_hearing(command.hearing)?;
        let adjourned = CaseEvent::HearingAdjourned { hearing: command.hearing };
        // The second event is decided on the state after the first: the old time is free again.
        let mut after = self.clone();
        after.apply(&adjourned);
        let new_hearing =
            ScheduleHearing { case_id: command.case_id, starts_at: command.starts_at, room: command.room.clone() };
        let scheduled = after.schedule_hearing(&new_hearing)?;
        Ok([vec![adjourned], scheduled].concat())
    }

    /// Decides on [`HoldHearing`].
    pub fn hold_hearing(&self, command: &HoldHearing) -> Result<Vec<CaseEvent>, CaseError> {
        self.undecided()?.open_hearing(command.hearing)?;
        Ok(vec![CaseEvent::HearingHeld { hearing: command.hearing }])
    }

    /// Decides on [`CancelHearing`].
    pub fn cancel_hearing(&self, command: &CancelHearing) -> Result<Vec<CaseEvent>, CaseError> {
        self.undecided()?.open_hearing(command.hearing)?;
        Ok(vec![CaseEvent::HearingCancelled { hearing: command.hearing }])
    }

    /// Decides on [`DecideCase`]: only once no hearing is still to come.
    pub fn decide_case(&self, command: &DecideCase) -> Result<Vec<CaseEvent>, CaseError> {
        let case = self.undecided()?;
        let is_open = |hearing: &Hearing| hearing.status == HearingStatus::Scheduled;
        if let Some((hearing, _)) = case.hearings.iter().find(|(_, hearing)| is_open(hearing)) {
            return Err(CaseError::HearingOpen { hearing: *hearing });
        }
        Ok(vec![CaseEvent::CaseDecided { verdict: command.verdict }])
    }
}

//! The read models that the suite runs on: what each of them adds to its declaration.

use bank::{AccountId, Money, TransferEvent, TransferId, TransferParty};
use bank_read_model::{BankAccountProjection, TransferProjection};
use cqrs::{EventEnvelope, StreamId};
use projection::spec::stream;
use projection::{Declared, Projection, Projections};
use uuid::Uuid;

use super::databases::Tables;
use crate::contract::{AccountHistory, Dice};
use crate::read_models::{ActivityProjection, BalancesByCurrencyProjection};
use crate::second_aggregate::{CaseEvent, CaseProjection, HearingNumber, Verdict};

/// A type of aggregate that no read model of this suite reads.
pub const UNREAD_TYPE: &str = "lighthouse";

/// A declared read model with random events for it.
pub trait ReadModel: Projection + Sized {
    /// The read model alone, as a program's only one.
    const ALONE: Projections;
    /// The read model in a program that ignores [`UNREAD_TYPE`] on purpose.
    const IGNORING: Projections;
    /// The tables that no migration makes.
    const TABLES: Option<Tables>;
    /// A column of the row, and the SQL for another value of it.
    const CHANGED: (&'static str, &'static str);

    /// The number of events that a stream may have, at most.
    const MOST_EVENTS: usize = 1_000;

    /// The events of a random stream, of which several may have happened at one time.
    fn random_stream(dice: &mut Dice, number_of_events: usize) -> Vec<EventEnvelope>;
}

/// Gives a read model its two lists of projections.
macro_rules! lists_of {
    ($projection:ty) => {
        const ALONE: Projections = Projections::new(&[&Declared::<$projection>::NEW], &[]);
        const IGNORING: Projections = Projections::new(
            &[&Declared::<$projection>::NEW],
            &[$crate::contract::projections::read_models::UNREAD_TYPE],
        );
    };
}
pub(crate) use lists_of;

impl ReadModel for BankAccountProjection {
    lists_of!(BankAccountProjection);
    const TABLES: Option<Tables> = None;
    const CHANGED: (&'static str, &'static str) = ("balance_minor", "balance_minor + 1");

    fn random_stream(dice: &mut Dice, number_of_events: usize) -> Vec<EventEnvelope> {
        AccountHistory::random(dice, number_of_events).events
    }
}

impl ReadModel for TransferProjection {
    lists_of!(TransferProjection);
    const TABLES: Option<Tables> = None;
    const CHANGED: (&'static str, &'static str) = ("amount_minor", "amount_minor + 1");
    /// A transfer is made, and it is reversed at most once.
    const MOST_EVENTS: usize = 2;

    fn random_stream(dice: &mut Dice, number_of_events: usize) -> Vec<EventEnvelope> {
        random_transfer(dice, number_of_events)
    }
}

impl ReadModel for CaseProjection {
    lists_of!(CaseProjection);
    const TABLES: Option<Tables> = Some(Tables {
        sqlite: include_str!("../../second_aggregate/cases_sqlite.sql"),
        mysql: include_str!("../../second_aggregate/cases_mysql.sql"),
    });
    const CHANGED: (&'static str, &'static str) = ("verdict", "CASE WHEN verdict IS NULL THEN 'plaintiff' END");

    fn random_stream(dice: &mut Dice, number_of_events: usize) -> Vec<EventEnvelope> {
        random_case(dice, number_of_events)
    }
}

impl ReadModel for BalancesByCurrencyProjection {
    lists_of!(BalancesByCurrencyProjection);
    const TABLES: Option<Tables> = Some(Tables { sqlite: Self::SQLITE_TABLES, mysql: Self::MYSQL_TABLES });
    const CHANGED: (&'static str, &'static str) = ("balance_minor", "balance_minor + 1");

    fn random_stream(dice: &mut Dice, number_of_events: usize) -> Vec<EventEnvelope> {
        AccountHistory::random(dice, number_of_events).events
    }
}

impl ReadModel for ActivityProjection {
    lists_of!(ActivityProjection);
    const TABLES: Option<Tables> = Some(Tables { sqlite: Self::SQLITE_TABLES, mysql: Self::MYSQL_TABLES });
    const CHANGED: (&'static str, &'static str) = ("event_type", "'Nothing'");

    fn random_stream(dice: &mut Dice, number_of_events: usize) -> Vec<EventEnvelope> {
        if dice.once_in(2) {
            random_case(dice, number_of_events)
        } else {
            AccountHistory::random(dice, number_of_events).events
        }
    }
}

fn random_transfer(dice: &mut Dice, number_of_events: usize) -> Vec<EventEnvelope> {
    let texts = [None, Some(""), Some("rent"), Some(" r\u{e9}'f\u{1f600} ")];
    let text = |dice: &mut Dice| dice.pick(&texts).map(|text| text.parse().expect("a reference"));
    let version = |dice: &mut Dice| dice.below(9) as u64 + 2;
    let party = |dice: &mut Dice| TransferParty {
        account_id: AccountId::generate(),
        owner: dice.pick(&["ann", "Ann", "bob", "李安"]).to_owned(),
        version: version(dice),
    };
    let currency = dice.pick(&["EUR", "JPY", "KWD"]).parse().expect("an active code");
    let amount_minor = dice.pick(&[1, 12_550, bank::MAX_AMOUNT_MINOR - 1]);
    let made = TransferEvent::TransferMade {
        from: party(dice),
        to: party(dice),
        amount: Money::new(amount_minor, currency).expect("within the limit"),
        reference: text(dice),
    };
    let reversed =
        TransferEvent::TransferReversed { from_version: version(dice), to_version: version(dice), reason: text(dice) };
    let mut envelopes =
        stream("transfer", StreamId(TransferId::generate().as_uuid()), &[made, reversed][..number_of_events]);
    if number_of_events > 1 && dice.once_in(3) {
        envelopes[1].occurred_at = envelopes[0].occurred_at;
    }
    envelopes
}

/// A case with hearings of every kind. Some of its events happened at the time of the event before.
fn random_case(dice: &mut Dice, number_of_events: usize) -> Vec<EventEnvelope> {
    let mut events = vec![CaseEvent::CaseFiled {
        docket_number: format!("{} O {}/26", dice.below(9), dice.below(1_000)).parse().expect("a docket number"),
        plaintiff: dice.pick(&["Ann Lee", "Ann L\u{e9}e", "李安"]).parse().expect("a name"),
        defendant: dice.pick(&["Bob Roe", "r\u{e9}f \"\\\u{2028}"]).parse().expect("a name"),
    }];
    let (mut last_hearing, mut open) = (0, Vec::new());
    while events.len() < number_of_events {
        let is_last = events.len() + 1 == number_of_events;
        if is_last && open.is_empty() {
            events.push(CaseEvent::CaseDecided { verdict: dice.pick(&[Verdict::Plaintiff, Verdict::Defendant]) });
        } else if open.is_empty() || dice.once_in(2) {
            last_hearing += 1;
            open.push(HearingNumber(last_hearing));
            let hour = i64::from(last_hearing) * 3_600_000_000;
            events.push(CaseEvent::HearingScheduled {
                hearing: HearingNumber(last_hearing),
                starts_at: cqrs::Timestamp::from_unix_micros(hour).expect("a time"),
                room: dice.pick(&[None, Some("Room 5")]).map(|room| room.parse().expect("a name")),
            });
        } else {
            let hearing = open.swap_remove(dice.below(open.len()));
            events.push(match dice.below(3) {
                0 => CaseEvent::HearingAdjourned { hearing },
                1 => CaseEvent::HearingHeld { hearing },
                _ => CaseEvent::HearingCancelled { hearing },
            });
        }
    }
    let mut envelopes = stream("case", StreamId(Uuid::new_v4()), &events);
    for place in 1..envelopes.len() {
        if dice.once_in(3) {
            envelopes[place].occurred_at = envelopes[place - 1].occurred_at;
        }
    }
    envelopes
}

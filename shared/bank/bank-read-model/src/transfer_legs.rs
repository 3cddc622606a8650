use bank::{AccountId, Money, TransferId, TransferStatus};
use cqrs::StreamId;
use projection::{CellError, Cells, JointEntries, JointPart, Table, TableRow as _};

use crate::{LineTransfer, StatementLine, StatementLineKind, TransferEntity};

/// A transfer and its legs in the statements of both accounts; a reversal likewise. Each is there only with the others, and all
/// of them have one amount. So in each currency the money that transfers brought in is the money that they took out.
pub struct TransferLegs;

/// The places of [`JointEntries::part_names`].
const TRANSFER: usize = 0;
const MONEY_OUT: usize = 1;
const MONEY_IN: usize = 2;

impl JointEntries for TransferLegs {
    fn tables(&self) -> &'static [&'static Table] {
        &[TransferEntity::TABLE, StatementLine::TABLE]
    }

    fn part_names(&self) -> &'static [&'static str] {
        &["the transfer", "the money out", "the money in"]
    }

    fn parts_of(&self, cells: &Cells) -> Result<Vec<JointPart>, CellError> {
        if cells.table() == TransferEntity::TABLE {
            return Ok(parts_of_transfer(&TransferEntity::read(cells)?));
        }
        Ok(part_of_line(&StatementLine::read(cells)?).into_iter().collect())
    }
}

/// The transfer itself, and its reversal.
fn parts_of_transfer(transfer: &TransferEntity) -> Vec<JointPart> {
    let TransferEntity { transfer_id, from, to, amount, .. } = transfer;
    let mut parts = vec![part(TRANSFER, *transfer_id, *from, *to, *amount)];
    if transfer.status == TransferStatus::Reversed {
        parts.push(part(TRANSFER, *transfer_id, *to, *from, *amount));
    }
    parts
}

fn part_of_line(line: &StatementLine) -> Option<JointPart> {
    let LineTransfer { transfer_id, counterparty } = line.transfer?;
    match line.kind {
        StatementLineKind::TransferOut => {
            Some(part(MONEY_OUT, transfer_id, line.account_id, counterparty, line.amount))
        }
        StatementLineKind::TransferIn => Some(part(MONEY_IN, transfer_id, counterparty, line.account_id, line.amount)),
        StatementLineKind::Opening | StatementLineKind::Deposit | StatementLineKind::Withdrawal => None,
    }
}

/// The money of a transfer goes from the first account to the other, and that of its reversal goes back. So the account that
/// the money came from tells the two apart.
fn part(part: usize, transfer_id: TransferId, out_of: AccountId, into: AccountId, amount: Money) -> JointPart {
    JointPart {
        entry: format!("transfer {transfer_id} out of {out_of}"),
        part,
        facts: format!("{amount} {} into {into}", amount.currency()),
        streams: vec![StreamId(transfer_id.as_uuid()), StreamId(out_of.as_uuid()), StreamId(into.as_uuid())],
    }
}

#[cfg(test)]
mod tests {
    use cqrs::Timestamp;

    use super::*;

    fn eur(amount_minor: i64) -> Money {
        Money::new(amount_minor, "EUR".parse().expect("an active code")).expect("within the limit")
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_micros(seconds * 1_000_000).expect("a time")
    }

    #[test]
    fn given_a_reversed_transfer_and_its_lines_then_the_parts_of_each_way_agree() {
        let (transfer_id, from, to) = (TransferId::generate(), AccountId::generate(), AccountId::generate());
        let transfer = TransferEntity {
            transfer_id,
            from,
            from_owner: "ann".to_owned(),
            to,
            to_owner: "bob".to_owned(),
            amount: eur(40),
            reference: None,
            status: TransferStatus::Reversed,
            version: 2,
            occurred_at: at(1),
            reversed_at: Some(at(2)),
            reversal_reason: None,
        };
        let line = |account_id, counterparty, kind, version| StatementLine {
            account_id,
            version,
            kind,
            amount: eur(40),
            balance_after: eur(40),
            reference: None,
            occurred_at: at(1),
            transfer: Some(LineTransfer { transfer_id, counterparty }),
        };
        let lines = [
            line(from, to, StatementLineKind::TransferOut, 2),
            line(to, from, StatementLineKind::TransferIn, 2),
            line(to, from, StatementLineKind::TransferOut, 3),
            line(from, to, StatementLineKind::TransferIn, 3),
        ];
        let mut parts = TransferLegs
            .parts_of(&Cells::new(TransferEntity::TABLE, transfer.cells()))
            .expect("a row that can be read");
        for line in lines {
            parts.extend(TransferLegs.parts_of(&Cells::new(StatementLine::TABLE, line.cells())).expect("a line"));
        }
        assert_eq!(parts.len(), 6);
        for account_id in [from, to] {
            let entry = format!("transfer {transfer_id} out of {account_id}");
            let way: Vec<&JointPart> = parts.iter().filter(|part| part.entry == entry).collect();
            assert_eq!(way.iter().map(|part| part.part).collect::<Vec<_>>(), [TRANSFER, MONEY_OUT, MONEY_IN]);
            assert!(way.iter().all(|part| (&part.facts, &part.streams) == (&way[0].facts, &way[0].streams)));
        }
    }
}

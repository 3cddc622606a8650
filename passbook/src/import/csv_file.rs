use std::fs::File;
use std::io::{BufReader, Read};

use bank::{Amount, Currency, Reference};
use cqrs::Timestamp;
use csv::StringRecord;
use flate2::read::MultiGzDecoder;
use indicatif::ProgressBar;
use rust_decimal::Decimal;

use super::arguments::FileFormat;
use super::{ImportArguments, ImportError};

/// One row of the file, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// The row's number in the file, from 1.
    pub(crate) number: u64,
    pub(crate) account: String,
    pub(crate) id: String,
    pub(crate) at: Timestamp,
    pub(crate) direction: Direction,
    pub(crate) amount: Amount,
    /// The amount in minor units, used to explain differences.
    pub(crate) amount_minor: i64,
    /// The balance after the row as the file states it. It may be below zero in the file.
    pub(crate) stated_balance_minor: i64,
    /// The part of the stated balance's change that is not in the amount.
    pub(crate) residual_minor: i64,
    pub(crate) reference: Option<Reference>,
}

/// The direction of a row's money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Credit,
    Debit,
}

/// The columns' places in the file.
struct Columns {
    account: usize,
    id: usize,
    date: usize,
    direction: usize,
    amount: usize,
    balance: usize,
    residual: Option<usize>,
    references: Vec<usize>,
}

/// A CSV or gzipped CSV file as an iterator of rows. At most one row is in memory.
pub(crate) struct CsvFile {
    reader: csv::Reader<Box<dyn Read + Send>>,
    columns: Columns,
    format: FileFormat,
    currency: Currency,
    record: StringRecord,
    next_number: u64,
}

impl CsvFile {
    /// Opens the file and finds the columns. The progress bar follows the bytes read from the disk.
    pub(crate) fn open(arguments: &ImportArguments, progress: &ProgressBar) -> Result<Self, ImportError> {
        let path = &arguments.file;
        let at_file = |source| ImportError::File { path: path.clone(), source };
        let format = arguments.format();
        let currency = format.currency.parse().map_err(|error| ImportError::Options(format!("--currency {error}")))?;
        let delimiter = u8::try_from(format.delimiter)
            .map_err(|_| ImportError::Options("--delimiter must be an ASCII character".to_owned()))?;
        let file = File::open(path).map_err(at_file)?;
        progress.set_length(file.metadata().map_err(at_file)?.len());
        let bytes = BufReader::new(progress.wrap_read(file));
        let is_gzip = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
        let text: Box<dyn Read + Send> = if is_gzip { Box::new(MultiGzDecoder::new(bytes)) } else { Box::new(bytes) };
        let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).trim(csv::Trim::All).from_reader(text);
        let headers = reader.headers().map_err(|error| at_file(std::io::Error::other(error)))?.clone();
        let columns = Columns::find(&headers, &format)?;
        Ok(Self { reader, columns, format, currency, record: StringRecord::new(), next_number: 1 })
    }

    pub(crate) const fn currency(&self) -> Currency {
        self.currency
    }

    fn parse_row(&self, number: u64) -> Result<Row, String> {
        let field = |column: usize| self.record.get(column).unwrap_or("");
        let columns = &self.columns;
        let word = field(columns.direction);
        let direction = if self.format.credit_words.iter().any(|credit| credit == word) {
            Direction::Credit
        } else if self.format.debit_words.iter().any(|debit| debit == word) {
            Direction::Debit
        } else {
            return Err(format!("{word:?} is neither a credit word nor a debit word"));
        };
        let amount: Amount = field(columns.amount).parse().map_err(|error| format!("the amount {error}"))?;
        let money = amount.in_currency(self.currency).map_err(|error| format!("the amount: {error}"))?;
        let words: Vec<&str> =
            columns.references.iter().map(|column| field(*column)).filter(|word| !word.is_empty()).collect();
        let reference = Some(words.join(" ")).filter(|text| !text.is_empty());
        Ok(Row {
            number,
            account: Some(field(columns.account)).filter(|text| !text.is_empty()).ok_or("no account")?.to_owned(),
            id: Some(field(columns.id)).filter(|text| !text.is_empty()).ok_or("no id")?.to_owned(),
            at: parse_time(field(columns.date))?,
            direction,
            amount,
            amount_minor: money.amount_minor(),
            stated_balance_minor: parse_signed_minor(field(columns.balance), self.currency)?,
            residual_minor: columns
                .residual
                .map_or(Ok(0), |column| parse_signed_minor(field(column), self.currency))?,
            reference: reference
                .map(|text| text.parse())
                .transpose()
                .map_err(|error| format!("the reference {error}"))?,
        })
    }
}

impl Iterator for CsvFile {
    type Item = Result<Row, ImportError>;

    fn next(&mut self) -> Option<Self::Item> {
        let number = self.next_number;
        self.next_number += 1;
        let at_row = |reason| ImportError::Row { row: number, reason };
        match self.reader.read_record(&mut self.record) {
            Ok(false) => None,
            Ok(true) => Some(self.parse_row(number).map_err(at_row)),
            Err(error) => Some(Err(at_row(error.to_string()))),
        }
    }
}

impl Columns {
    fn find(headers: &StringRecord, format: &FileFormat) -> Result<Self, ImportError> {
        let place = |name: &str| {
            headers.iter().position(|header| header == name).ok_or_else(|| {
                let there: Vec<&str> = headers.iter().collect();
                ImportError::Options(format!("the file has no column {name:?}; it has {}", there.join(", ")))
            })
        };
        Ok(Self {
            account: place(&format.account)?,
            id: place(&format.id)?,
            date: place(&format.date)?,
            direction: place(&format.direction)?,
            amount: place(&format.amount)?,
            balance: place(&format.balance)?,
            residual: format.residual.as_deref().map(place).transpose()?,
            references: format.references.iter().map(|name| place(name)).collect::<Result<_, _>>()?,
        })
    }
}

/// Reads a time. A day means its first moment in UTC.
fn parse_time(text: &str) -> Result<Timestamp, String> {
    let is_day = text.len() == 10;
    let time = if is_day { format!("{text}T00:00:00Z").parse() } else { text.parse() };
    time.map_err(|_| format!("{text:?} is neither a day like 1993-01-31 nor an RFC 3339 time"))
}

fn parse_signed_minor(text: &str, currency: Currency) -> Result<i64, String> {
    let wrong = || format!("{text:?} is not an amount of {currency}");
    let decimal = Decimal::from_str_exact(text).map_err(|_| wrong())?;
    let decimals = u32::from(currency.decimals());
    if decimal.normalize().scale() > decimals {
        return Err(wrong());
    }
    let mut scaled = decimal;
    scaled.rescale(decimals);
    i64::try_from(scaled.mantissa()).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stated_balances_may_be_below_zero_and_are_read_exactly() {
        let czk = "CZK".parse().expect("an active code");
        for (text, minor) in
            [("-0.10", -10), ("700.00", 70_000), ("5", 500), ("5.5", 550), ("5.500", 550), ("-1234.56", -123_456)]
        {
            assert_eq!(parse_signed_minor(text, czk), Ok(minor), "{text}");
        }
        for text in ["", "1.005", "abc", "1e3", "99999999999999999999999"] {
            assert!(parse_signed_minor(text, czk).is_err(), "{text}");
        }
    }

    #[test]
    fn a_day_is_its_first_moment() {
        assert_eq!(parse_time("1993-01-31").map(|time| time.to_string()), Ok("1993-01-31T00:00:00.000000Z".to_owned()));
        assert_eq!(
            parse_time("1993-01-31T12:00:00+01:00").map(|time| time.to_string()),
            Ok("1993-01-31T11:00:00.000000Z".to_owned())
        );
        assert!(parse_time("31.01.1993").is_err());
    }
}

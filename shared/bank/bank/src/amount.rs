use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::Serialize;

use crate::{Currency, MAX_AMOUNT_MINOR, Money, MoneyError};

/// The longest text that is read as an amount. The largest amount has 16 digits, and no currency has more than 4
/// decimals. The rest is room for leading zeros.
const MAX_TEXT_LENGTH: usize = 32;

/// A decimal text such as `125.50`, whose currency is not known yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount(Decimal);

/// The text is not an amount. Handling: the client's mistake; name the field and refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// The text does not have the form `125.50`: ASCII digits, and at most one point with digits on both sides.
    #[error("must be plain digits such as \"125.50\": no sign, exponent, space or separator")]
    NotPlainDigits,
    /// The amount is larger than the limit of any currency.
    #[error("must be at most {MAX_AMOUNT_MINOR} minor units")]
    TooLarge,
}

impl Amount {
    /// The exact amount as money of this currency.
    ///
    /// # Errors
    /// [`MoneyError`] when the currency has fewer decimals than the text, or the amount is over the limit.
    pub fn in_currency(self, currency: Currency) -> Result<Money, MoneyError> {
        let decimals = u32::from(currency.decimals());
        if self.0.scale() > decimals {
            return Err(MoneyError::TooManyDecimals { currency, decimals: currency.decimals() });
        }
        10_i128
            .checked_pow(decimals - self.0.scale())
            .and_then(|factor| self.0.mantissa().checked_mul(factor))
            .and_then(|amount_minor| i64::try_from(amount_minor).ok())
            .ok_or(MoneyError::TooLarge)
            .and_then(|amount_minor| Money::new(amount_minor, currency))
    }

    /// Whether the amount is zero, in any currency.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0.is_zero()
    }
}

impl FromStr for Amount {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let is_plain = match text.split_once('.') {
            Some((whole, fraction)) => is_digits(whole) && is_digits(fraction),
            None => is_digits(text),
        };
        if !is_plain {
            return Err(AmountError::NotPlainDigits);
        }
        if text.len() > MAX_TEXT_LENGTH {
            return Err(AmountError::TooLarge);
        }
        Decimal::from_str_exact(text).map(Self).map_err(|_| AmountError::TooLarge)
    }
}

impl fmt::Display for Amount {
    /// Writes the shortest text of the same value: `1.50` and `01.5` are one amount.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.normalize(), formatter)
    }
}

impl Serialize for Amount {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn currency(code: &str) -> Currency {
        code.parse().expect("an active code")
    }

    #[test]
    fn an_amount_becomes_money_exactly() {
        for (text, code, amount_minor) in [
            ("125.50", "EUR", 12_550),
            ("125.5", "EUR", 12_550),
            ("125", "EUR", 12_500),
            ("0", "EUR", 0),
            ("0.00", "EUR", 0),
            ("007.5", "EUR", 750),
            ("125", "JPY", 125),
            ("1.234", "KWD", 1_234),
            ("1.2345", "CLF", 12_345),
            ("10000000000000.00", "EUR", MAX_AMOUNT_MINOR),
            ("1000000000000000", "JPY", MAX_AMOUNT_MINOR),
        ] {
            let money = text.parse::<Amount>().expect(text).in_currency(currency(code)).expect(text);
            assert_eq!((money.amount_minor(), money.currency()), (amount_minor, currency(code)), "{text} {code}");
        }
    }

    #[test]
    fn more_decimals_than_the_currency_has_are_refused_also_when_they_are_zeros() {
        for (text, code, decimals) in
            [("1.005", "EUR", 2), ("1.500", "EUR", 2), ("1.0", "JPY", 0), ("1.2345", "KWD", 3)]
        {
            let expected = MoneyError::TooManyDecimals { currency: currency(code), decimals };
            assert_eq!(text.parse::<Amount>().expect(text).in_currency(currency(code)), Err(expected), "{text} {code}");
        }
    }

    #[test]
    fn more_than_the_limit_is_refused() {
        for (text, code) in [
            ("10000000000000.01", "EUR"),
            ("1000000000000001", "JPY"),
            ("9223372036854775808", "JPY"),
            ("7922816251426433759354395033", "EUR"),
        ] {
            assert_eq!(
                text.parse::<Amount>().expect(text).in_currency(currency(code)),
                Err(MoneyError::TooLarge),
                "{text}"
            );
        }
        for text in ["99999999999999999999999999999999", "0.00000000000000000000000000000000001"] {
            assert_eq!(text.parse::<Amount>(), Err(AmountError::TooLarge), "{text}");
        }
    }

    #[test]
    fn what_is_not_plain_digits_is_refused() {
        for text in [
            "", " ", ".", "1.", ".5", "-1", "+1", "1e3", "1E3", "0x10", "1_000", "1,000", "1 000", " 1", "1 ", "1.2.3",
            "NaN", "inf", "Infinity", "١٢٣", "１２", "½", "1\u{0}", "1\n", "--1", "1.-2", "€5",
        ] {
            assert_eq!(text.parse::<Amount>(), Err(AmountError::NotPlainDigits), "{text:?}");
        }
    }

    #[test]
    fn two_texts_of_one_value_are_written_alike() {
        for text in ["1.5", "1.50", "01.5"] {
            assert_eq!(text.parse::<Amount>().expect(text).to_string(), "1.5");
        }
        assert_eq!("100".parse::<Amount>().expect("an amount").to_string(), "100");
    }
}

use std::fmt;

use rust_decimal::Decimal;

use crate::Currency;

/// The largest amount or balance, in minor units of its currency. It is far below `i64::MAX`. It is also below
/// 2^53, so that no JSON reader on the way rounds it.
pub const MAX_AMOUNT_MINOR: i64 = 1_000_000_000_000_000;

/// An amount of one currency: 0 to [`MAX_AMOUNT_MINOR`] minor units. It is written with exactly as many decimals
/// as the currency has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Money {
    amount_minor: i64,
    currency: Currency,
}

/// The reason why an amount is not a valid [`Money`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The amount has more decimals than its currency. Handling: the client's mistake; name the field and refuse.
    #[error("{currency} amounts have at most {decimals} decimals")]
    TooManyDecimals {
        /// The currency.
        currency: Currency,
        /// The currency's number of decimals.
        decimals: u8,
    },
    /// The amount is over the limit. Handling: refuse.
    #[error("must be at most {MAX_AMOUNT_MINOR} minor units")]
    TooLarge,
    /// The amount is below zero. Handling: refuse.
    #[error("must not be below zero")]
    Negative,
    /// The two amounts have different currencies. Handling: refuse.
    #[error("{left} and {right} cannot be added up")]
    CurrencyMismatch {
        /// One currency.
        left: Currency,
        /// The other.
        right: Currency,
    },
}

impl Money {
    /// Money of this number of minor units.
    ///
    /// # Errors
    /// [`MoneyError::Negative`] or [`MoneyError::TooLarge`] outside 0 to [`MAX_AMOUNT_MINOR`].
    pub fn new(amount_minor: i64, currency: Currency) -> Result<Self, MoneyError> {
        match amount_minor {
            ..0 => Err(MoneyError::Negative),
            0..=MAX_AMOUNT_MINOR => Ok(Self { amount_minor, currency }),
            _ => Err(MoneyError::TooLarge),
        }
    }

    /// Zero in this currency.
    #[must_use]
    pub const fn zero(currency: Currency) -> Self {
        Self { amount_minor: 0, currency }
    }

    /// The amount in minor units: cents for EUR, yen for JPY.
    #[must_use]
    pub const fn amount_minor(self) -> i64 {
        self.amount_minor
    }

    /// The currency.
    #[must_use]
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// Whether the amount is zero.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.amount_minor == 0
    }

    /// The sum.
    ///
    /// # Errors
    /// [`MoneyError::TooLarge`] over the limit, [`MoneyError::CurrencyMismatch`] for two currencies.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        let sum_minor = self.amount_minor.checked_add(other.amount_minor).ok_or(MoneyError::TooLarge)?;
        Self::new(sum_minor, self.currency)
    }

    /// The difference.
    ///
    /// # Errors
    /// [`MoneyError::Negative`] below zero, [`MoneyError::CurrencyMismatch`] for two currencies.
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        let difference_minor = self.amount_minor.checked_sub(other.amount_minor).ok_or(MoneyError::Negative)?;
        Self::new(difference_minor, self.currency)
    }

    fn same_currency(self, other: Self) -> Result<(), MoneyError> {
        if self.currency == other.currency {
            Ok(())
        } else {
            Err(MoneyError::CurrencyMismatch { left: self.currency, right: other.currency })
        }
    }
}

impl fmt::Display for Money {
    /// Writes the amount without its currency: `125.50`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Decimal::new(self.amount_minor, u32::from(self.currency.decimals())), formatter)
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self} {}", self.currency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(amount_minor: i64, code: &str) -> Money {
        Money::new(amount_minor, code.parse().expect("an active code")).expect("within the limit")
    }

    #[test]
    fn money_is_written_with_exactly_its_currencys_decimals() {
        for (amount_minor, code, text) in [
            (0, "EUR", "0.00"),
            (5, "EUR", "0.05"),
            (12_550, "EUR", "125.50"),
            (125, "JPY", "125"),
            (0, "JPY", "0"),
            (1, "KWD", "0.001"),
            (MAX_AMOUNT_MINOR, "EUR", "10000000000000.00"),
            (MAX_AMOUNT_MINOR, "JPY", "1000000000000000"),
        ] {
            assert_eq!(money(amount_minor, code).to_string(), text);
        }
    }

    #[test]
    fn sums_and_differences_stay_within_zero_and_the_limit() {
        assert_eq!(money(1, "EUR").checked_add(money(2, "EUR")), Ok(money(3, "EUR")));
        assert_eq!(money(3, "EUR").checked_sub(money(3, "EUR")), Ok(money(0, "EUR")));
        assert_eq!(money(2, "EUR").checked_sub(money(3, "EUR")), Err(MoneyError::Negative));
        assert_eq!(money(MAX_AMOUNT_MINOR, "EUR").checked_add(money(1, "EUR")), Err(MoneyError::TooLarge));
        assert!(matches!(money(1, "EUR").checked_add(money(1, "USD")), Err(MoneyError::CurrencyMismatch { .. })));
    }
}

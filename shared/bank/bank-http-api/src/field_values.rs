use std::str::FromStr;

use bank::{AccountKindError, Amount, AmountError, CurrencyError, MoneyError, TextError};
use http_api::WrongValue;

/// A refusal of a value by the domain, with the field code of the HTTP contract.
pub trait FieldCode: std::fmt::Display {
    /// The code of the fault, for programs.
    fn field_code(&self) -> &'static str;
}

impl FieldCode for AmountError {
    fn field_code(&self) -> &'static str {
        match self {
            Self::NotPlainDigits => "invalid_amount",
            Self::TooLarge => "too_large",
        }
    }
}

impl FieldCode for MoneyError {
    fn field_code(&self) -> &'static str {
        match self {
            Self::TooManyDecimals { .. } => "too_many_decimals",
            Self::TooLarge => "too_large",
            Self::Negative | Self::CurrencyMismatch { .. } => "invalid_amount",
        }
    }
}

impl FieldCode for CurrencyError {
    fn field_code(&self) -> &'static str {
        "unknown_currency"
    }
}

impl FieldCode for AccountKindError {
    fn field_code(&self) -> &'static str {
        "unknown_kind"
    }
}

impl FieldCode for TextError {
    fn field_code(&self) -> &'static str {
        match self {
            Self::Blank => "blank",
            Self::TooLong => "too_long",
            Self::ControlCharacters => "control_characters",
        }
    }
}

/// Parses the text of a field as a value of the bank.
///
/// # Errors
/// The domain's refusal, with its field code.
pub fn bank_value<T>(text: &str) -> Result<T, WrongValue>
where
    T: FromStr,
    T::Err: FieldCode,
{
    text.parse().map_err(wrong_value)
}

/// Parses the text of a field as an amount of money to move.
///
/// # Errors
/// The domain's refusal; `not_positive` for zero.
pub fn positive_amount(text: &str) -> Result<Amount, WrongValue> {
    let amount: Amount = bank_value(text)?;
    if amount.is_zero() { Err(not_positive()) } else { Ok(amount) }
}

/// The domain's refusal of a value, in the form for the client.
pub fn wrong_value<E: FieldCode>(error: E) -> WrongValue {
    WrongValue { code: error.field_code(), message: error.to_string() }
}

pub(crate) fn not_positive() -> WrongValue {
    WrongValue { code: "not_positive", message: "must be above zero".to_owned() }
}

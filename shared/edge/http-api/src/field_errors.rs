use bank::{AccountKindError, AmountError, CurrencyError, MoneyError, TextError};
use serde::Serialize;

use crate::Problem;

/// One wrong field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// Its name in the body.
    pub field: &'static str,
    /// What is wrong, for programs.
    pub code: &'static str,
    /// What is wrong, for people.
    pub message: String,
}

/// A value that the domain refuses, with the code of the HTTP contract.
pub trait Refused: std::fmt::Display {
    /// What is wrong, for programs.
    fn field_code(&self) -> &'static str;
}

impl Refused for AmountError {
    fn field_code(&self) -> &'static str {
        match self {
            Self::NotPlainDigits => "invalid_amount",
            Self::TooLarge => "too_large",
        }
    }
}

impl Refused for MoneyError {
    fn field_code(&self) -> &'static str {
        match self {
            Self::TooManyDecimals { .. } => "too_many_decimals",
            Self::TooLarge => "too_large",
            Self::Negative | Self::CurrencyMismatch { .. } => "invalid_amount",
        }
    }
}

impl Refused for CurrencyError {
    fn field_code(&self) -> &'static str {
        "unknown_currency"
    }
}

impl Refused for AccountKindError {
    fn field_code(&self) -> &'static str {
        "unknown_kind"
    }
}

impl Refused for TextError {
    fn field_code(&self) -> &'static str {
        match self {
            Self::Blank => "blank",
            Self::TooLong => "too_long",
            Self::ControlCharacters => "control_characters",
        }
    }
}

/// Gathers what is wrong with a body's fields, so that the client is told of all at once.
#[derive(Debug, Default)]
pub struct FieldErrors {
    errors: Vec<FieldError>,
}

impl FieldErrors {
    /// Parses a field that must be there. None when it is missing or wrong, which is then noted.
    pub fn required<T, E: Refused>(
        &mut self,
        field: &'static str,
        text: Option<&str>,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let Some(text) = text else {
            self.errors.push(FieldError { field, code: "required", message: "is required".to_owned() });
            return None;
        };
        self.note(field, parse(text))
    }

    /// Parses a field that may be missing. None within the answer when it is missing, none for the answer
    /// when it is wrong, which is then noted.
    pub fn optional<T, E: Refused>(
        &mut self,
        field: &'static str,
        text: Option<&str>,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<Option<T>> {
        match text {
            None => Some(None),
            Some(text) => self.note(field, parse(text)).map(Some),
        }
    }

    /// The value, or none with its refusal noted.
    pub fn note<T, E: Refused>(&mut self, field: &'static str, result: Result<T, E>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(refused) => {
                self.errors.push(FieldError { field, code: refused.field_code(), message: refused.to_string() });
                None
            }
        }
    }

    /// Notes an amount that is nothing where something is to be moved.
    pub fn positive(&mut self, field: &'static str, amount: Option<bank::Amount>) -> Option<bank::Amount> {
        if amount.is_some_and(bank::Amount::is_zero) {
            self.errors.push(not_positive(field));
            return None;
        }
        amount
    }

    /// The refusal that names them all.
    #[must_use]
    pub fn into_problem(self) -> Problem {
        Problem::validation_failed(self.errors)
    }
}

pub(crate) fn not_positive(field: &'static str) -> FieldError {
    FieldError { field, code: "not_positive", message: "must be above zero".to_owned() }
}

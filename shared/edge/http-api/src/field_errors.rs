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

impl FieldError {
    /// This field has this wrong value.
    #[must_use]
    pub fn new(field: &'static str, wrong: WrongValue) -> Self {
        Self { field, code: wrong.code, message: wrong.message }
    }
}

/// Why a value cannot be used, whichever field it stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongValue {
    /// What is wrong, for programs.
    pub code: &'static str,
    /// What is wrong, for people.
    pub message: String,
}

/// Gathers what is wrong with a body's fields, so that the client is told of all at once.
#[derive(Debug, Default)]
pub struct FieldErrors {
    errors: Vec<FieldError>,
}

impl FieldErrors {
    /// Parses a field that must be there. None when it is missing or wrong, which is then noted.
    pub fn required<T>(
        &mut self,
        field: &'static str,
        text: Option<&str>,
        parse: impl FnOnce(&str) -> Result<T, WrongValue>,
    ) -> Option<T> {
        let Some(text) = text else {
            let missing = WrongValue { code: "required", message: "is required".to_owned() };
            return self.note(field, Err(missing));
        };
        self.note(field, parse(text))
    }

    /// Parses a field that may be missing. None within the answer when it is missing, none for the answer
    /// when it is wrong, which is then noted.
    pub fn optional<T>(
        &mut self,
        field: &'static str,
        text: Option<&str>,
        parse: impl FnOnce(&str) -> Result<T, WrongValue>,
    ) -> Option<Option<T>> {
        match text {
            None => Some(None),
            Some(text) => self.note(field, parse(text)).map(Some),
        }
    }

    /// The value, or none with its refusal noted.
    pub fn note<T>(&mut self, field: &'static str, result: Result<T, WrongValue>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(wrong) => {
                self.errors.push(FieldError::new(field, wrong));
                None
            }
        }
    }

    /// The refusal that names them all.
    #[must_use]
    pub fn into_problem(self) -> Problem {
        Problem::validation_failed(self.errors)
    }
}

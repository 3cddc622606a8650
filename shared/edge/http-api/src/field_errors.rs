use serde::Serialize;

use crate::Problem;

/// A wrong field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// The field's name in the body.
    pub field: &'static str,
    /// The code of the fault, for programs.
    pub code: &'static str,
    /// A description of the fault, for people.
    pub message: String,
}

impl FieldError {
    /// An error for this field and its wrong value.
    #[must_use]
    pub fn new(field: &'static str, wrong: WrongValue) -> Self {
        Self { field, code: wrong.code, message: wrong.message }
    }
}

/// The reason why a value cannot be used, in any field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongValue {
    /// The code of the fault, for programs.
    pub code: &'static str,
    /// A description of the fault, for people.
    pub message: String,
}

/// Collects the faults of a body's fields, so that the client is told all of them at once.
#[derive(Debug, Default)]
pub struct FieldErrors {
    errors: Vec<FieldError>,
}

impl FieldErrors {
    /// Parses a field that must be there. `None` if it is missing or wrong; then the fault is noted.
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

    /// Parses a field that may be missing. `Some(None)` if it is missing. `None` if it is wrong; then the fault is
    /// noted.
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

    /// The value, or `None` with the refusal noted.
    pub fn note<T>(&mut self, field: &'static str, result: Result<T, WrongValue>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(wrong) => {
                self.errors.push(FieldError::new(field, wrong));
                None
            }
        }
    }

    /// The refusal that names all faults.
    #[must_use]
    pub fn into_problem(self) -> Problem {
        Problem::validation_failed(self.errors)
    }
}

use std::borrow::Cow;

use serde_json::Value;

use crate::EventDecodeError;

/// An event in a stored form, which may be today's form or a past form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredForm<'a> {
    /// The stored name of the event's type.
    pub event_type: Cow<'a, str>,
    /// The version of that type's form.
    pub schema_version: u32,
    /// The data of that form.
    pub data: Cow<'a, Value>,
}

impl StoredForm<'static> {
    /// The form that an upcaster made.
    #[must_use]
    pub const fn made(event_type: &'static str, schema_version: u32, data: Value) -> Self {
        Self { event_type: Cow::Borrowed(event_type), schema_version, data: Cow::Owned(data) }
    }
}

/// One step of a chain. It turns a past form of an event into the next form, which may be of another type.
///
/// An upcaster sees only one event's data. One event comes out, in the same place of the stream, so versions stay as
/// dense as they were stored. Once released, an upcaster never changes again, and neither does the form that it takes.
#[derive(Debug, Clone, Copy)]
pub struct Upcaster {
    /// The type that it takes.
    pub event_type: &'static str,
    /// The schema version of that type that it takes.
    pub schema_version: u32,
    /// Makes the next form, or says why the data does not have the form that its type and version promise.
    pub to_next: fn(&Value) -> Result<StoredForm<'static>, String>,
}

/// Turns a stored event into the last form of its chain, upcaster by upcaster. The last form is the form that no
/// upcaster takes: today's form, or an unknown form. Today's form passes unchanged, without a copy.
///
/// # Errors
/// [`EventDecodeError::Malformed`], naming the stored form, when the data does not fit, or when the upcasters lead in
/// a circle.
pub fn upcast<'a>(
    upcasters: &[Upcaster],
    event_type: &'a str,
    schema_version: u32,
    data: &'a Value,
) -> Result<StoredForm<'a>, EventDecodeError> {
    let malformed =
        |reason: String| EventDecodeError::Malformed { event_type: event_type.to_owned(), schema_version, reason };
    let mut form = StoredForm { event_type: Cow::Borrowed(event_type), schema_version, data: Cow::Borrowed(data) };
    // A chain uses each upcaster at most once. A longer chain is a circle.
    for _ in 0..=upcasters.len() {
        let takes_it = |upcaster: &&Upcaster| {
            upcaster.event_type == form.event_type && upcaster.schema_version == form.schema_version
        };
        let Some(upcaster) = upcasters.iter().find(takes_it) else {
            return Ok(form);
        };
        form = (upcaster.to_next)(&form.data).map_err(malformed)?;
    }
    Err(malformed("its upcasters lead in a circle".to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// `Moved` v1 got a reason (v2). It was then split by its direction.
    const UPCASTERS: &[Upcaster] = &[
        Upcaster { event_type: "Moved", schema_version: 1, to_next: with_a_reason },
        Upcaster { event_type: "Moved", schema_version: 2, to_next: by_direction },
    ];

    fn with_a_reason(data: &Value) -> Result<StoredForm<'static>, String> {
        let mut data = data.clone();
        data["reason"] = Value::Null;
        Ok(StoredForm::made("Moved", 2, data))
    }

    fn by_direction(data: &Value) -> Result<StoredForm<'static>, String> {
        match data["by"].as_i64() {
            Some(0) | None => Err("by is nothing".to_owned()),
            Some(by @ 1..) => Ok(StoredForm::made("WentUp", 1, json!({"by": by, "reason": data["reason"]}))),
            Some(by) => Ok(StoredForm::made("WentDown", 1, json!({"by": -by, "reason": data["reason"]}))),
        }
    }

    #[test]
    fn a_past_form_goes_through_every_step_from_its_own_on() {
        for (schema_version, data, expected) in [
            (1, json!({"by": 3}), StoredForm::made("WentUp", 1, json!({"by": 3, "reason": null}))),
            (1, json!({"by": -3}), StoredForm::made("WentDown", 1, json!({"by": 3, "reason": null}))),
            (
                2,
                json!({"by": -3, "reason": "wind"}),
                StoredForm::made("WentDown", 1, json!({"by": 3, "reason": "wind"})),
            ),
        ] {
            assert_eq!(upcast(UPCASTERS, "Moved", schema_version, &data), Ok(expected));
        }
    }

    #[test]
    fn what_no_upcaster_takes_passes_through_without_a_copy() {
        let data = json!({"by": 3});
        for (event_type, schema_version) in [("WentUp", 1), ("WentUp", 2), ("Moved", 3), ("Moved", 0), ("moved", 1)] {
            let form = upcast(UPCASTERS, event_type, schema_version, &data).expect("passes");
            assert_eq!((&*form.event_type, form.schema_version), (event_type, schema_version));
            assert!(matches!(form.data, Cow::Borrowed(same) if std::ptr::eq(same, &raw const data)));
        }
    }

    #[test]
    fn what_does_not_fit_is_an_error_in_the_name_of_the_stored_form() {
        let malformed = |schema_version, reason: &str| EventDecodeError::Malformed {
            event_type: "Moved".to_owned(),
            schema_version,
            reason: reason.to_owned(),
        };
        // The second step finds the fault, and the error names the form of the first step.
        assert_eq!(upcast(UPCASTERS, "Moved", 1, &json!({"by": 0})), Err(malformed(1, "by is nothing")));
        let circle = [Upcaster {
            event_type: "Moved",
            schema_version: 1,
            to_next: |data| Ok(StoredForm::made("Moved", 1, data.clone())),
        }];
        assert_eq!(upcast(&circle, "Moved", 1, &json!({})), Err(malformed(1, "its upcasters lead in a circle")));
    }
}

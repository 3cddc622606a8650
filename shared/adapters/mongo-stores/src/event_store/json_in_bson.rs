use mongodb::bson::{Bson, Document};
use serde_json::{Map, Number, Value};

/// The largest depth of a value. MongoDB refuses documents nested deeper than 100, and a commit adds levels of its own.
const MAX_DEPTH: u32 = 90;

/// The value as BSON. It is `None` for a value that BSON cannot hold: an integer beyond 64 bits with sign, a member's
/// name with NUL in it, or deeper nesting than the server takes. [`to_json`] gives the same value back.
///
/// Integers of any size are `long`, so that a member has one type in all documents. Numbers with a fraction or an
/// exponent are `double`, bit by bit the same.
pub(crate) fn to_bson(value: &Value) -> Option<Bson> {
    to_bson_within(value, MAX_DEPTH)
}

fn to_bson_within(value: &Value, depth_left: u32) -> Option<Bson> {
    Some(match value {
        Value::Null => Bson::Null,
        Value::Bool(value) => Bson::Boolean(*value),
        Value::String(text) => Bson::String(text.clone()),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => Bson::Int64(integer),
            None if number.is_f64() => Bson::Double(number.as_f64()?),
            None => return None,
        },
        Value::Array(items) => {
            let depth_left = depth_left.checked_sub(1)?;
            Bson::Array(items.iter().map(|item| to_bson_within(item, depth_left)).collect::<Option<_>>()?)
        }
        Value::Object(members) => {
            let depth_left = depth_left.checked_sub(1)?;
            let mut document = Document::new();
            for (name, member) in members {
                if name.contains('\0') {
                    return None;
                }
                document.insert(name.clone(), to_bson_within(member, depth_left)?);
            }
            Bson::Document(document)
        }
    })
}

/// The JSON value that the BSON was made of. It also takes `int` where [`to_bson`] writes `long`, because tools that
/// copy collections by way of JSON change the type. The error names a type that no JSON value becomes.
pub(crate) fn to_json(value: &Bson) -> Result<Value, String> {
    Ok(match value {
        Bson::Null => Value::Null,
        Bson::Boolean(value) => Value::Bool(*value),
        Bson::String(text) => Value::String(text.clone()),
        Bson::Int32(integer) => Value::from(*integer),
        Bson::Int64(integer) => Value::from(*integer),
        Bson::Double(number) => {
            Value::Number(Number::from_f64(*number).ok_or_else(|| format!("{number} is not a JSON number"))?)
        }
        Bson::Array(items) => Value::Array(items.iter().map(to_json).collect::<Result<_, _>>()?),
        Bson::Document(members) => {
            let mut object = Map::new();
            for (name, member) in members {
                object.insert(name.clone(), to_json(member)?);
            }
            Value::Object(object)
        }
        other => return Err(format!("{:?} is not the stored form of a JSON value", other.element_type())),
    })
}

#[cfg(test)]
mod tests {
    use mongodb::bson::oid::ObjectId;
    use mongodb::bson::{RawDocumentBuf, doc};
    use serde_json::json;

    use super::*;

    /// Converts the value to BSON bytes and back.
    fn there_and_back(value: &Value) -> Value {
        let document = doc! { "value": to_bson(value).expect("BSON has a place for it") };
        let bytes = RawDocumentBuf::try_from(&document).expect("BSON").into_bytes();
        let raw = RawDocumentBuf::from_bytes(bytes).expect("BSON");
        let read = Document::try_from(&raw).expect("BSON");
        to_json(read.get("value").expect("it is there")).expect("JSON")
    }

    #[test]
    fn numbers_come_back_with_their_type_and_to_the_last_bit() {
        for value in [
            json!(0),
            json!(-1),
            json!(i32::MAX),
            json!(u32::MAX),
            json!(1_000_000_000_000_000_i64),
            json!(i64::MAX),
            json!(i64::MIN),
            json!(0.0),
            json!(-0.0),
            json!(1.0),
            json!(0.1),
            json!(1e300),
            json!(f64::MIN_POSITIVE),
            json!(9_007_199_254_740_993.0_f64),
        ] {
            let read = there_and_back(&value);
            assert_eq!(read, value);
            // Equality alone would accept -0.0 for 0.0.
            assert_eq!(read.to_string(), value.to_string());
        }
        assert_eq!(to_bson(&json!(5)), Some(Bson::Int64(5)));
        assert_eq!(to_bson(&json!(5.0)), Some(Bson::Double(5.0)));
    }

    #[test]
    fn what_looks_like_an_operator_or_like_extended_json_stays_what_it_is() {
        for value in [
            json!({ "$oid": "507f1f77bcf86cd799439011" }),
            json!({ "$numberLong": "5" }),
            json!({ "$date": { "$numberLong": "0" } }),
            json!({ "$binary": { "base64": "", "subType": "04" } }),
            json!({ "$ref": "a", "$id": "b", "$db": "c" }),
            json!({ "a.b": { "$set": [1, "", null, true] }, "": {}, "_id": [] }),
        ] {
            assert_eq!(there_and_back(&value), value);
        }
    }

    #[test]
    fn what_bson_has_no_place_for_is_none() {
        let deep = |levels: u32| (0..levels).fold(json!(1), |inner, _| json!([inner]));
        assert_eq!(to_bson(&json!(u64::MAX)), None);
        assert_eq!(to_bson(&json!([{ "a\0b": 1 }])), None);
        assert_eq!(to_bson(&deep(MAX_DEPTH + 1)), None);
        assert_eq!(there_and_back(&deep(MAX_DEPTH)), deep(MAX_DEPTH));
    }

    #[test]
    fn what_no_json_value_becomes_is_refused() {
        assert!(to_json(&Bson::Double(f64::NAN)).is_err());
        assert!(to_json(&Bson::ObjectId(ObjectId::new())).is_err());
        assert_eq!(to_json(&Bson::Int32(5)), Ok(json!(5)));
    }
}

//! Reads fields of JSON answers tolerantly: ids come as text or numbers, numbers as text, and what is
//! missing, null or empty is the same.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::Value;

use super::date;

/// Text, or a number as text; nothing for missing, null and empty.
pub fn text(value: &Value, name: &str) -> Option<String> {
    plain(value.get(name)?)
}

/// A value itself as text.
pub fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if text.trim().is_empty() => None,
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// A whole number, also from text or with a decimal point.
pub fn number(value: &Value, name: &str) -> Option<u64> {
    let value = value.get(name)?;
    let from_text = || value.as_str().and_then(|text| text.trim().parse().ok());
    let from_float = || {
        value
            .as_f64()
            .filter(|number| *number >= 0.0)
            .map(|number| number as u64)
    };
    value.as_u64().or_else(from_text).or_else(from_float)
}

/// An instant; the first second of 1970 means that there is none.
pub fn time(value: &Value, name: &str) -> Option<DateTime<Utc>> {
    let text = value.get(name)?.as_str()?;
    date::parse(text, Tz::UTC, None)
        .ok()
        .filter(|instant| instant.timestamp() != 0)
}

/// A list; empty when it is missing or none.
pub fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value
        .get(name)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn forms_that_mean_the_same_are_read_the_same() {
        let value = json!({"a": "5", "b": 5, "c": 5.0, "d": "", "e": null, "f": true, "t": "1970-01-01T00:00:00Z"});
        assert_eq!(text(&value, "a"), text(&value, "b"));
        for name in ["a", "b", "c"] {
            assert_eq!(number(&value, name), Some(5));
        }
        for name in ["d", "e", "g"] {
            assert_eq!((text(&value, name), number(&value, name)), (None, None));
        }
        assert_eq!(text(&value, "f").as_deref(), Some("true"));
        assert_eq!(time(&value, "t"), None);
        assert!(list(&value, "a").is_empty());
    }
}

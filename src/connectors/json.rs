//! Reads fields of JSON answers tolerantly: ids come as text or numbers, numbers as text, and what is
//! missing, null or empty is the same.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::Value;

use super::date;

/// No helpdesk has records of the year 5138; larger numbers are milliseconds.
const MILLISECONDS_FROM: f64 = 100_000_000_000.0;

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

/// An instant as a number or as text of digits: seconds since 1970, also with decimals, or milliseconds.
pub fn unix(value: &Value, name: &str) -> Option<DateTime<Utc>> {
    let value = value.get(name)?;
    let from_text = || value.as_str().and_then(|text| text.trim().parse().ok());
    let number = value.as_f64().or_else(from_text)?;
    let seconds = if number >= MILLISECONDS_FROM {
        number / 1_000.0
    } else {
        number
    };
    let micros = (seconds * 1_000_000.0).round();
    (1.0..=7.3e15)
        .contains(&micros)
        .then(|| DateTime::from_timestamp_micros(micros as i64))?
}

/// An instant as a number or as a date-time.
pub fn instant(value: &Value, name: &str) -> Option<DateTime<Utc>> {
    unix(value, name).or_else(|| time(value, name))
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
        let times = json!({"s": 1_772_442_000, "ms": "1772442000000", "t": "2026-03-02T09:00:00Z", "none": 0});
        assert_eq!(instant(&times, "s"), time(&times, "t"));
        assert_eq!(instant(&times, "ms"), time(&times, "t"));
        assert_eq!(instant(&times, "t"), time(&times, "t"));
        assert_eq!(instant(&times, "none"), None);
        assert!(list(&value, "a").is_empty());
    }

    #[test]
    fn numbers_are_instants_in_seconds_or_milliseconds() {
        let value = json!({"s": 1_772_442_000, "ms": 1_772_442_000_000_i64, "d": 1_772_442_000.25, "t": "1772442000000",
            "zero": 0, "null": null, "word": "soon", "date": "2026-03-02T09:00:00Z"});
        let whole: DateTime<Utc> = "2026-03-02T09:00:00Z".parse().unwrap();
        for name in ["s", "ms", "t"] {
            assert_eq!(unix(&value, name), Some(whole), "{name}");
        }
        assert_eq!(
            unix(&value, "d"),
            Some(whole + chrono::TimeDelta::milliseconds(250))
        );
        for name in ["zero", "null", "word", "date", "missing"] {
            assert_eq!(unix(&value, name), None, "{name}");
        }
    }
}

//! Which field of a record is the official category, the product or the account: a path that a person writes. Pure.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::connectors::json;
use crate::section::Section;

/// A path into a record as the helpdesk gives it, such as `custom_fields.cf_reason`, `group.name` or `tag:topic_`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldPath(String);

/// Names by which an entry of a list is known.
const NAMES: [&str; 7] = ["id", "name", "key", "field", "fieldId", "slug", "title"];

/// Where such an entry holds its value.
const VALUES: [&str; 6] = [
    "value",
    "values",
    "text",
    "display_value",
    "displayValue",
    "content",
];

/// What stands for an object when a word is wanted.
const WORDS: [&str; 9] = [
    "name",
    "display_value",
    "displayName",
    "title",
    "label",
    "value",
    "text",
    "tag",
    "id",
];

impl FieldPath {
    /// A path that is known to be one.
    pub fn new(path: &str) -> Self {
        Self(path.to_owned())
    }

    /// Reads a setting.
    pub fn read(section: &mut Section<'_>, key: &str) -> Option<Self> {
        let path = section.optional_text(key)?;
        let rest = path.strip_prefix("tag:").unwrap_or(&path);
        if rest.is_empty() || rest.split('.').any(|step| step.trim().is_empty()) {
            let hint = "give the field's name as the helpdesk's API has it, such as \"type\" or \"custom_fields.reason\", \
                        or tag:<start of the tag>";
            section.problem(key, format!("\"{path}\" is not a path to a field"), hint);
        }
        Some(Self(path))
    }

    /// The value in a record, as a word.
    pub fn value(&self, record: &Value) -> Option<String> {
        if let Some(start) = self.0.strip_prefix("tag:") {
            return ["tags", "labels"]
                .iter()
                .find_map(|name| tagged(record.get(name)?, start));
        }
        // A name may have dots of its own.
        if let Some(value) = record.get(&self.0) {
            return word(value);
        }
        word(step(record, &self.0)?)
    }

    /// Whether a record has the field at all, be it empty.
    pub fn is_in(&self, record: &Value) -> bool {
        self.0.starts_with("tag:") && self.value(record).is_some()
            || record.get(&self.0).is_some()
            || step(record, &self.0).is_some()
    }
}

impl std::fmt::Display for FieldPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

fn step<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let (name, rest) = path
        .split_once('.')
        .map_or((path, None), |(name, rest)| (name, Some(rest)));
    let found = match value {
        Value::Object(fields) => fields.get(name),
        Value::Array(entries) => entries.iter().find(|entry| is_named(entry, name)).map(held),
        _ => None,
    }?;
    rest.map_or(Some(found), |rest| step(found, rest))
}

fn is_named(entry: &Value, name: &str) -> bool {
    NAMES
        .iter()
        .any(|known| json::text(entry, known).is_some_and(|found| found.eq_ignore_ascii_case(name)))
}

fn held(entry: &Value) -> &Value {
    VALUES
        .iter()
        .find_map(|name| entry.get(name))
        .unwrap_or(entry)
}

/// A value as one word: the name of an object, the words of a list.
pub fn word(value: &Value) -> Option<String> {
    match value {
        Value::Object(_) => WORDS.iter().find_map(|name| json::text(value, name)),
        Value::Array(entries) => {
            let words: Vec<String> = entries.iter().filter_map(word).collect();
            (!words.is_empty()).then(|| words.join(", "))
        }
        value => json::plain(value),
    }
}

/// Attributes, without those that a record does not have.
pub fn given<const N: usize>(values: [(&str, Option<String>); N]) -> BTreeMap<String, String> {
    let values = values.into_iter();
    values
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}

/// The words of a list, such as tags, whatever the form of its entries.
pub fn words(record: &Value, name: &str) -> Vec<String> {
    json::list(record, name).iter().filter_map(word).collect()
}

/// How these fields of a row look, as a hash: for rows that are listed again and again, of which most stay as they are.
pub fn state(row: &Value, names: &[&str]) -> u32 {
    let mut hash = Sha256::new();
    for name in names {
        let value = row.get(name).unwrap_or(&Value::Null);
        hash.update(value.to_string().as_bytes());
        hash.update([0]);
    }
    let hash = hash.finalize();
    u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
}

fn tagged(tags: &Value, start: &str) -> Option<String> {
    let tags = tags.as_array()?.iter().filter_map(word);
    tags.filter_map(|tag| tag.strip_prefix(start).map(str::to_owned))
        .find(|rest| !rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_path_finds_its_field_in_every_form_that_helpdesks_use() {
        let record = json!({
            "type": "Problem", "empty": null, "a.b": "dotted", "number": 5,
            "custom_fields": {"cf_reason": "heating", "nested": {"deep": "yes"}},
            "fields": [{"id": 7, "value": "by id"}, {"name": "Topic", "text": "by name"}, {"name": "Many", "values": ["a", "b"]}],
            "group": {"id": 3, "name": "Service"},
            "assignment": {"value": "x1", "display_value": "Team A"},
            "tags": [{"id": 1, "tag": "topic_leak"}, "vip"],
        });
        for (path, expected) in [
            ("type", Some("Problem")),
            ("number", Some("5")),
            ("a.b", Some("dotted")),
            ("custom_fields.cf_reason", Some("heating")),
            ("custom_fields.nested.deep", Some("yes")),
            ("fields.7", Some("by id")),
            ("fields.topic", Some("by name")),
            ("fields.Many", Some("a, b")),
            ("group", Some("Service")),
            ("assignment", Some("Team A")),
            ("assignment.value", Some("x1")),
            ("tag:topic_", Some("leak")),
            ("tag:none_", None),
            ("empty", None),
            ("custom_fields.other", None),
            ("type.more", None),
        ] {
            assert_eq!(
                FieldPath::new(path).value(&record).as_deref(),
                expected,
                "{path}"
            );
        }
        assert!(FieldPath::new("empty").is_in(&record));
        assert!(!FieldPath::new("missing").is_in(&record));
        assert_eq!(words(&record, "tags"), ["topic_leak", "vip"]);
    }
}

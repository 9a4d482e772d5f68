//! Reads one table of the configuration. Every getter notes what is wrong and goes on with the
//! default, so that all mistakes are found at once; `finish` reports keys that nobody asked for.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use toml::{Table, Value};
use url::Url;

use crate::schedule::Schedule;

/// One mistake in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where: `sources[0].schedule`.
    pub path: String,
    /// What is wrong, with the value where it is not a secret.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n    {}", self.path, self.message, self.hint)
    }
}

/// What reading needs beside the tables: the environment, the folder of relative paths, the mistakes so far.
pub struct Reading {
    /// Environment variables, for secrets.
    pub environment: BTreeMap<String, String>,
    /// The folder that relative paths start from: that of the configuration file.
    pub folder: PathBuf,
    problems: RefCell<Vec<Problem>>,
}

impl Reading {
    /// A reading without mistakes so far.
    pub fn new(environment: BTreeMap<String, String>, folder: PathBuf) -> Self {
        Self {
            environment,
            folder,
            problems: RefCell::default(),
        }
    }

    /// The mistakes, in the order of their paths.
    pub fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort();
        problems.dedup();
        problems
    }
}

/// A table of the configuration while it is read.
pub struct Section<'a> {
    path: String,
    table: Table,
    asked: BTreeSet<String>,
    reading: &'a Reading,
}

impl<'a> Section<'a> {
    /// The whole file.
    pub fn root(table: Table, reading: &'a Reading) -> Self {
        Self {
            path: String::new(),
            table,
            asked: BTreeSet::new(),
            reading,
        }
    }

    /// The folder that relative paths start from.
    pub fn folder(&self) -> &Path {
        &self.reading.folder
    }

    /// The path of a key in messages.
    pub fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// Notes a mistake at a key.
    pub fn problem(&self, key: &str, message: impl Into<String>, hint: impl Into<String>) {
        let path = self.path_of(key);
        let problem = Problem {
            path,
            message: message.into(),
            hint: hint.into(),
        };
        self.reading.problems.borrow_mut().push(problem);
    }

    /// Whether the key is given.
    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// The keys that are given, for tables whose keys are names.
    pub fn keys(&self) -> Vec<String> {
        self.table.keys().cloned().collect()
    }

    fn take(&mut self, key: &str) -> Option<Value> {
        self.asked.insert(key.to_owned());
        self.table.remove(key)
    }

    fn wrong_type(&self, key: &str, value: &Value, expected: &str) {
        let message = format!("{value} is not {expected}");
        self.problem(key, message, format!("give {expected}"));
    }

    /// Text that may be left out.
    pub fn optional_text(&mut self, key: &str) -> Option<String> {
        match self.take(key)? {
            Value::String(text) if !text.trim().is_empty() => Some(text),
            Value::String(_) => {
                self.problem(key, "is empty", "give a value or remove the line");
                None
            }
            other => {
                self.wrong_type(key, &other, "text in quotes");
                None
            }
        }
    }

    /// Text with a default.
    pub fn text(&mut self, key: &str, default: &str) -> String {
        self.optional_text(key)
            .unwrap_or_else(|| default.to_owned())
    }

    /// Text that must be given; `hint` says what it is.
    pub fn required_text(&mut self, key: &str, hint: &str) -> String {
        let is_missing = !self.has(key);
        let text = self.optional_text(key);
        if is_missing {
            self.problem(key, "is missing", hint);
        }
        text.unwrap_or_default()
    }

    /// A whole number in a range.
    pub fn number(&mut self, key: &str, default: i64, range: RangeInclusive<i64>) -> i64 {
        match self.take(key) {
            None => default,
            Some(Value::Integer(number)) if range.contains(&number) => number,
            Some(other) => {
                let message = format!("{other} is not a whole number in range");
                let hint = format!(
                    "give {} to {}; the default is {default}",
                    range.start(),
                    range.end()
                );
                self.problem(key, message, hint);
                default
            }
        }
    }

    /// A number with decimals in a range.
    pub fn decimal(&mut self, key: &str, default: f64, range: RangeInclusive<f64>) -> f64 {
        let value = self.take(key);
        let number = match &value {
            None => return default,
            Some(Value::Float(number)) => Some(*number),
            Some(Value::Integer(number)) => Some(*number as f64),
            Some(_) => None,
        };
        number
            .filter(|number| range.contains(number))
            .unwrap_or_else(|| {
                let shown = value.map(|v| v.to_string()).unwrap_or_default();
                let hint = format!(
                    "give {} to {}; the default is {default}",
                    range.start(),
                    range.end()
                );
                self.problem(key, format!("{shown} is not a number in range"), hint);
                default
            })
    }

    /// `true` or `false`.
    pub fn flag(&mut self, key: &str, default: bool) -> bool {
        match self.take(key) {
            None => default,
            Some(Value::Boolean(flag)) => flag,
            Some(other) => {
                self.wrong_type(key, &other, "true or false");
                default
            }
        }
    }

    /// One of several words; `names` lists them for the hint.
    pub fn choice<T>(
        &mut self,
        key: &str,
        default: T,
        names: &[&str],
        parse: impl Fn(&str) -> Option<T>,
    ) -> T {
        let Some(text) = self.optional_text(key) else {
            return default;
        };
        parse(&text).unwrap_or_else(|| {
            let hint = match names {
                [only] => format!("give {only}"),
                _ => format!("give one of {}", names.join(", ")),
            };
            self.problem(key, format!("\"{text}\" is not known"), hint);
            default
        })
    }

    /// A list of texts.
    pub fn list(&mut self, key: &str) -> Vec<String> {
        let Some(value) = self.take(key) else {
            return Vec::new();
        };
        let Value::Array(values) = &value else {
            self.wrong_type(key, &value, "a list of texts");
            return Vec::new();
        };
        let mut texts = Vec::new();
        for (place, item) in values.iter().enumerate() {
            match item.as_str() {
                Some(text) => texts.push(text.to_owned()),
                None => self.wrong_type(&format!("{key}[{place}]"), item, "text in quotes"),
            }
        }
        texts
    }

    /// A table of name = number, each above 0.
    pub fn decimals(&mut self, key: &str) -> BTreeMap<String, f64> {
        let mut table = self.section(key);
        let names: Vec<String> = table.table.keys().cloned().collect();
        let numbers = names.into_iter().map(|name| {
            let number = table.decimal(&name, 1.0, 0.001..=1_000_000_000.0);
            (name, number)
        });
        numbers.collect()
    }

    /// A table of name = "text".
    pub fn texts(&mut self, key: &str) -> BTreeMap<String, String> {
        let Some(value) = self.take(key) else {
            return BTreeMap::new();
        };
        let Value::Table(table) = &value else {
            self.wrong_type(key, &value, "a table of name = \"text\"");
            return BTreeMap::new();
        };
        let mut texts = BTreeMap::new();
        for (name, item) in table {
            match item.as_str() {
                Some(text) => drop(texts.insert(name.clone(), text.to_owned())),
                None => self.wrong_type(&format!("{key}.{name}"), item, "text in quotes"),
            }
        }
        texts
    }

    /// A path; relative ones start from the configuration file's folder.
    pub fn path(&mut self, key: &str, default: &str) -> PathBuf {
        let text = self.text(key, default);
        self.reading.folder.join(text)
    }

    /// An `http` or `https` address that must be given.
    pub fn url(&mut self, key: &str, hint: &str) -> Url {
        let nowhere = || Url::parse("http://invalid.invalid").expect("a constant that parses");
        let text = self.required_text(key, hint);
        if text.is_empty() {
            return nowhere();
        }
        match Url::parse(&text) {
            Ok(url) if ["http", "https"].contains(&url.scheme()) && url.has_host() => url,
            _ => {
                self.problem(key, "is not an http or https address", hint);
                nowhere()
            }
        }
    }

    /// A secret, named by `<key>_env` (a variable) or `<key>_file` (a file that holds it). Never in the file itself.
    pub fn optional_secret(&mut self, key: &str) -> Option<SecretString> {
        let (env_key, file_key) = (format!("{key}_env"), format!("{key}_file"));
        if self.take(key).is_some() {
            let hint =
                format!("put it into a variable or a file and name that: {env_key} or {file_key}");
            self.problem(key, "a secret must not stand in the configuration", hint);
        }
        let variable = self.optional_text(&env_key);
        let file = self.optional_text(&file_key);
        match (variable, file) {
            (Some(_), Some(_)) => {
                let message = format!("both {env_key} and {file_key} are given");
                self.problem(&env_key, message, "keep one of them");
                None
            }
            (Some(name), None) => self.secret_from_variable(&env_key, &name),
            (None, Some(path)) => self.secret_from_file(&file_key, &path),
            (None, None) => None,
        }
    }

    /// A secret that must be given.
    pub fn secret(&mut self, key: &str, hint: &str) -> SecretString {
        let is_missing = ["", "_env", "_file"]
            .iter()
            .all(|end| !self.has(&format!("{key}{end}")));
        if is_missing {
            self.problem(&format!("{key}_env"), "is missing", hint);
        }
        self.optional_secret(key).unwrap_or_default()
    }

    fn secret_from_variable(&self, key: &str, name: &str) -> Option<SecretString> {
        let value = self
            .reading
            .environment
            .get(name)
            .filter(|value| !value.is_empty());
        if value.is_none() {
            let message = format!("the environment variable {name} is not set");
            self.problem(key, message, format!("set {name} before starting"));
        }
        value.map(|value| SecretString::from(value.as_str()))
    }

    fn secret_from_file(&self, key: &str, path: &str) -> Option<SecretString> {
        match std::fs::read_to_string(self.reading.folder.join(path)) {
            Ok(text) if !text.trim().is_empty() => Some(SecretString::from(text.trim())),
            Ok(_) => {
                self.problem(
                    key,
                    format!("the file {path} is empty"),
                    "write the secret into it",
                );
                None
            }
            Err(error) => {
                let message = format!("the file {path} cannot be read: {error}");
                self.problem(key, message, "check the path and its permissions");
                None
            }
        }
    }

    /// A crontab line in a time zone.
    pub fn schedule(&mut self, key: &str, default: &str, zone: chrono_tz::Tz) -> Schedule {
        let text = self.text(key, default);
        Schedule::parse(&text, zone).unwrap_or_else(|reason| {
            let hint =
                format!("give five fields: minute hour day month weekday, such as \"{default}\"");
            self.problem(key, format!("\"{text}\" is not a schedule: {reason}"), hint);
            Schedule::parse(default, zone).expect("defaults are valid")
        })
    }

    /// A table inside this one; empty when it is not given.
    pub fn section(&mut self, key: &str) -> Section<'a> {
        let table = match self.take(key) {
            None => Table::new(),
            Some(Value::Table(table)) => table,
            Some(other) => {
                self.wrong_type(key, &other, &format!("a table, [{}]", self.path_of(key)));
                Table::new()
            }
        };
        Section {
            path: self.path_of(key),
            table,
            asked: BTreeSet::new(),
            reading: self.reading,
        }
    }

    /// A list of tables, `[[key]]`.
    pub fn sections(&mut self, key: &str) -> Vec<Section<'a>> {
        let values = match self.take(key) {
            None => Vec::new(),
            Some(Value::Array(values)) => values,
            Some(other) => {
                self.wrong_type(key, &other, &format!("a list of tables, [[{key}]]"));
                Vec::new()
            }
        };
        let mut sections = Vec::new();
        for (place, value) in values.into_iter().enumerate() {
            let path = format!("{}[{place}]", self.path_of(key));
            match value {
                Value::Table(table) => sections.push(Section {
                    path,
                    table,
                    asked: BTreeSet::new(),
                    reading: self.reading,
                }),
                other => self.wrong_type(&format!("{key}[{place}]"), &other, "a table"),
            }
        }
        sections
    }

    /// Reports the keys that nobody asked for, with the nearest known one.
    pub fn finish(self) {
        for key in self.table.keys() {
            let nearest = self
                .asked
                .iter()
                .min_by_key(|known| (distance(known, key), known.len()));
            let hint = match nearest.filter(|known| distance(known, key) <= 3) {
                Some(known) => format!("did you mean {known}?"),
                None => {
                    let known: Vec<_> = self.asked.iter().map(String::as_str).collect();
                    format!("known here: {}", known.join(", "))
                }
            };
            self.problem(key, "is not a known setting", hint);
        }
    }
}

/// Letters to change, add or remove to get from one word to the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(left != *right);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str, read: impl Fn(&mut Section<'_>)) -> Vec<String> {
        let reading = Reading::new(BTreeMap::new(), PathBuf::from("."));
        let mut section = Section::root(text.parse().unwrap(), &reading);
        read(&mut section);
        section.finish();
        reading
            .into_problems()
            .into_iter()
            .map(|p| format!("{}: {}", p.path, p.message))
            .collect()
    }

    #[test]
    fn every_mistake_is_found_at_once() {
        let found = problems("size = 900\nname = 3\nsiez = 1", |section| {
            section.number("size", 10, 1..=100);
            section.text("name", "x");
        });
        assert_eq!(
            found,
            [
                "name: 3 is not text in quotes",
                "siez: is not a known setting",
                "size: 900 is not a whole number in range",
            ]
        );
    }

    #[test]
    fn a_secret_in_the_file_is_refused_without_being_shown() {
        let found = problems("token = \"abc\"", |section| {
            section.secret("token", "the token of the API user");
        });
        assert_eq!(
            found,
            ["token: a secret must not stand in the configuration"]
        );
    }

    #[test]
    fn an_unset_variable_is_named() {
        let found = problems("token_env = \"RT_TOKEN\"", |section| {
            section.secret("token", "the token of the API user");
        });
        assert_eq!(
            found,
            ["token_env: the environment variable RT_TOKEN is not set"]
        );
    }
}

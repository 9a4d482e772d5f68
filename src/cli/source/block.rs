//! Answers as a block of the configuration file. What a person types is text; whether a setting is text, a number or a
//! list, the configuration knows: each is given in the first shape that it takes.

use std::collections::BTreeSet;

use toml::{Table, Value};

use crate::config::{Config, Problem};
use crate::connectors::kinds::Known;

/// A `[[sources]]` table to be.
pub struct Block {
    entries: Vec<Entry>,
}

struct Entry {
    key: String,
    shapes: Vec<Value>,
    shape: usize,
}

impl Block {
    /// A block with these settings.
    pub fn new(known: &Known, id: &str, settings: &[(String, String)]) -> Self {
        let text = |key: &str, value: &str| Entry {
            key: key.to_owned(),
            shapes: vec![Value::String(value.to_owned())],
            shape: 0,
        };
        let given = settings.iter().map(|(key, value)| {
            let question = known.questions.iter().find(|question| question.key == key);
            Entry {
                key: key.clone(),
                shapes: shapes(value, question.is_some_and(|question| question.is_list)),
                shape: 0,
            }
        });
        let entries = [text("id", id), text("kind", known.name)];
        Self {
            entries: entries.into_iter().chain(given).collect(),
        }
    }

    /// The text that is appended to a configuration.
    pub fn text(&self) -> String {
        let lines = self.entries.iter().map(|entry| {
            let value = &entry.shapes[entry.shape];
            format!("{} = {value}\n", key(&entry.key))
        });
        format!("[[sources]]\n{}", lines.collect::<String>())
    }

    /// Finds the shapes that `read` takes, and gives what it read; else what is wrong with what was given.
    pub fn fit(
        &mut self,
        place: usize,
        read: impl Fn(&str) -> Result<Config, Vec<Problem>>,
    ) -> Result<Config, Vec<Problem>> {
        loop {
            let problems = match read(&self.text()) {
                Ok(config) => return Ok(config),
                Err(problems) => problems,
            };
            let wrong: BTreeSet<&str> = problems.iter().map(|one| one.path.as_str()).collect();
            let is_wrong =
                |entry: &Entry| wrong.contains(format!("sources[{place}].{}", entry.key).as_str());
            let mut is_changed = false;
            for entry in self.entries.iter_mut().filter(|entry| is_wrong(entry)) {
                if entry.shape + 1 < entry.shapes.len() {
                    entry.shape += 1;
                    is_changed = true;
                }
            }
            if !is_changed {
                for entry in self.entries.iter_mut().filter(|entry| is_wrong(entry)) {
                    entry.shape = 0;
                }
                return Err(read(&self.text()).err().unwrap_or(problems));
            }
        }
    }
}

/// What a text may mean, the likeliest first.
fn shapes(text: &str, is_list: bool) -> Vec<Value> {
    let plain = Value::String(text.to_owned());
    let parsed = format!("value = {text}").parse::<Table>().ok();
    let parsed = parsed.and_then(|mut table| table.remove("value"));
    let parsed = parsed.filter(|value| !value.is_str());
    let split = text
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty());
    let list = Value::Array(split.map(|item| Value::String(item.to_owned())).collect());
    match parsed {
        Some(parsed) if is_list => vec![parsed, list],
        None if is_list => vec![list],
        Some(parsed) => vec![plain, parsed, list],
        None => vec![plain, list],
    }
}

/// A key as it must be written.
fn key(key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !key.is_empty() && key.chars().all(is_bare) {
        key.to_owned()
    } else {
        Value::String(key.to_owned()).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::kinds;

    fn fit(kind: &str, settings: &[(&str, &str)]) -> (String, Result<Config, Vec<String>>) {
        let all = kinds::all();
        let known = all.iter().find(|known| known.name == kind).unwrap();
        let settings: Vec<_> = settings
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let mut block = Block::new(known, "desk", &settings);
        let environment = [("KEY".to_owned(), "hidden".to_owned())];
        let config = block.fit(0, |text| {
            Config::parse(text, "/nowhere".into(), environment.clone().into())
        });
        let shown = |problem: &Problem| format!("{}: {}", problem.path, problem.message);
        let config = config.map_err(|problems| problems.iter().map(shown).collect());
        (block.text(), config)
    }

    #[test]
    fn each_setting_gets_the_shape_that_it_takes() {
        let (text, config) = fit(
            "request_tracker",
            &[
                ("url", "https://rt.example.com"),
                ("token_env", "KEY"),
                ("queues", "Support, 24"),
                ("page_records", "50"),
                ("official_figures", "true"),
                ("category_field", "1234"),
                ("call_queues", "[\"Phone\"]"),
            ],
        );
        assert!(config.is_ok(), "{config:?}");
        assert_eq!(
            text,
            "[[sources]]\nid = \"desk\"\nkind = \"request_tracker\"\nurl = \"https://rt.example.com\"\n\
             token_env = \"KEY\"\nqueues = [\"Support\", \"24\"]\npage_records = 50\nofficial_figures = true\n\
             category_field = \"1234\"\ncall_queues = [\"Phone\"]\n"
        );
    }

    #[test]
    fn what_fits_in_no_shape_is_told_as_it_was_given() {
        let (text, config) = fit(
            "request_tracker",
            &[
                ("url", "rt"),
                ("token", "12345"),
                ("page_records", "many"),
                ("a\"b", "1"),
            ],
        );
        let problems = config.unwrap_err();
        assert_eq!(
            problems,
            [
                "sources[0].a\"b: is not a known setting",
                "sources[0].page_records: \"many\" is not a whole number in range",
                "sources[0].token: a secret must not stand in the configuration",
                "sources[0].url: is not an http or https address",
            ]
        );
        assert!(text.contains("page_records = \"many\""));
    }
}

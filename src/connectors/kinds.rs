//! What each kind of source needs to be told, as questions for people. Systems of the pull engine bring their own.

use super::SYSTEMS;
use super::engine::{Kind, Setting};

/// One kind of source.
#[derive(Clone, Debug)]
pub struct Known {
    /// The name in the configuration.
    pub name: &'static str,
    /// The name for people.
    pub title: &'static str,
    /// What it needs to be told.
    pub questions: Vec<Question>,
}

/// What a source needs to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Its key in the configuration; of a secret without `_env`.
    pub key: &'static str,
    /// What is asked.
    pub ask: String,
    /// Whether it is a secret, given by a variable or a file.
    pub is_secret: bool,
    /// Whether it may be left out.
    pub is_optional: bool,
    /// Whether it is a list of texts.
    pub is_list: bool,
}

impl From<&Setting> for Question {
    fn from(setting: &Setting) -> Self {
        Self {
            key: setting.key,
            ask: setting.ask.to_owned(),
            is_secret: setting.is_secret,
            is_optional: setting.is_optional,
            is_list: setting.is_list,
        }
    }
}

const CATEGORY: &str = "the field that the official report is built on";
const START: &str = "the day from which on it is read, such as 2026-01-01";

const FILES: &[Setting] = &[
    Setting::list("paths", "files, and folders of JSONL and CSV files"),
    Setting::optional("date_order", "dmy or mdy: what 03/04/2026 means"),
];

const IMAP: &[Setting] = &[
    Setting::needed("host", "the mail server, such as imap.example.com"),
    Setting::needed("user", "the mailbox's user, such as support@example.com"),
    Setting::secret("password", "the mailbox's password"),
    Setting::list(
        "team_domains",
        "domains whose mails are the team's, such as example.com",
    ),
    Setting::optional("start", START),
];

/// All kinds, by name.
pub fn all() -> Vec<Known> {
    let own = [
        ("files", "JSONL and CSV files", FILES),
        ("imap", "A shared mailbox over IMAP", IMAP),
    ];
    let own = own.into_iter().map(|(name, title, settings)| Known {
        name,
        title,
        questions: settings.iter().map(Question::from).collect(),
    });
    let mut all: Vec<Known> = own.chain(SYSTEMS.iter().map(|kind| of(kind))).collect();
    all.sort_by_key(|known| known.name);
    all
}

/// What all systems of the engine have, around what this one needs.
fn of(kind: &Kind) -> Known {
    let optional = |key, ask: &str| Question {
        ask: ask.to_owned(),
        ..Question::from(&Setting::optional(key, ""))
    };
    let url = Question {
        ask: format!("the address, such as {}", kind.usual.url),
        ..Question::from(&Setting::needed("url", ""))
    };
    let category = match kind.usual.category {
        "" => CATEGORY.to_owned(),
        usual => format!("{CATEGORY}; {usual} when left out"),
    };
    let mut questions: Vec<Question> = kind.settings.iter().map(Question::from).collect();
    if kind.usual.is_url_asked && !questions.iter().any(|question| question.key == "url") {
        questions.insert(0, url);
    }
    let usual = [
        ("category_field", category.as_str()),
        (
            "start",
            "the day to which history is read back, such as 2026-01-01; a year when left out",
        ),
    ];
    for (key, ask) in usual {
        if !questions.iter().any(|question| question.key == key) {
            questions.push(optional(key, ask));
        }
    }
    Known {
        name: kind.name,
        title: kind.title,
        questions,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_the_configuration_has_its_questions() {
        let all = all();
        let names: Vec<_> = all.iter().map(|known| known.name).collect();
        assert_eq!(names, crate::connectors::kinds());
        for known in &all {
            assert!(
                known.questions.iter().any(|question| !question.is_optional),
                "{}",
                known.name
            );
            let mut keys: Vec<_> = known
                .questions
                .iter()
                .map(|question| question.key)
                .collect();
            keys.sort_unstable();
            keys.dedup();
            assert_eq!(keys.len(), known.questions.len(), "{}", known.name);
        }
    }
}

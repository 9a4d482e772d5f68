//! Asks a person what a source needs. A secret is never typed: asked is where it lies.

use std::io::{BufRead, Write};
use std::path::Path;

use anyhow::bail;

use crate::connectors::kinds::{Known, Question};

/// Where questions go and answers come from.
pub struct Talk<'a> {
    /// Lines that the person gives.
    pub input: &'a mut dyn BufRead,
    /// What the person reads.
    pub output: &'a mut dyn Write,
    /// The folder that paths start from.
    pub folder: &'a Path,
    /// Whether a variable is set.
    pub is_set: &'a dyn Fn(&str) -> bool,
}

impl Talk<'_> {
    fn line(&mut self, ask: &str) -> anyhow::Result<String> {
        write!(self.output, "{ask}: ")?;
        self.output.flush()?;
        let mut line = String::new();
        if self.input.read_line(&mut line)? == 0 {
            bail!("no more answers; nothing was written");
        }
        Ok(line.trim().to_owned())
    }

    /// Which kind; by number or name.
    pub fn kind<'k>(&mut self, all: &'k [Known]) -> anyhow::Result<&'k Known> {
        for (number, known) in (1..).zip(all) {
            writeln!(self.output, "{number:3}  {}  ({})", known.title, known.name)?;
        }
        loop {
            let given = self.line("which one")?;
            let by_number = given
                .parse::<usize>()
                .ok()
                .and_then(|number| all.get(number.checked_sub(1)?));
            let by_name = || {
                all.iter()
                    .find(|known| known.name.eq_ignore_ascii_case(&given))
            };
            if let Some(known) = by_number.or_else(by_name) {
                return Ok(known);
            }
            writeln!(self.output, "give a number or a name of the list")?;
        }
    }

    /// Its name.
    pub fn id(&mut self, usual: &str) -> anyhow::Result<String> {
        let given = self.line(&format!("a short name for it [{usual}]"))?;
        Ok(if given.is_empty() {
            usual.to_owned()
        } else {
            given
        })
    }

    /// One setting: the key in the configuration with its value; none when it is left out.
    pub fn setting(&mut self, question: &Question) -> anyhow::Result<Option<(String, String)>> {
        let mut ask = question.ask.clone();
        if question.is_secret {
            ask.push_str("; give the NAME of the variable that holds it, or the path of a file");
        }
        if question.is_list {
            ask.push_str("; several with commas between them");
        }
        if question.is_optional {
            ask.push_str(" (Enter leaves it out)");
        }
        loop {
            let given = self.line(&ask)?;
            if given.is_empty() && question.is_optional {
                return Ok(None);
            }
            if given.is_empty() {
                writeln!(self.output, "this one is needed")?;
            } else if !question.is_secret {
                return Ok(Some((question.key.to_owned(), given)));
            } else if let Some(end) = self.place(&given) {
                return Ok(Some((format!("{}_{end}", question.key), given)));
            } else {
                // What was given may be the secret: it must not be shown again.
                let sentence = "there is no variable and no file of that name; the secret itself must not be typed here";
                writeln!(self.output, "{sentence}")?;
            }
        }
    }

    /// Where a secret lies: in a variable, or in a file.
    fn place(&self, given: &str) -> Option<&'static str> {
        if (self.is_set)(given) {
            return Some("env");
        }
        self.folder.join(given).is_file().then_some("file")
    }

    /// Yes, unless it is said otherwise.
    pub fn is_yes(&mut self, ask: &str) -> anyhow::Result<bool> {
        let given = self.line(&format!("{ask} [Y/n]"))?.to_lowercase();
        Ok(matches!(given.as_str(), "" | "y" | "yes"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::kinds;

    /// What is asked and what comes out of it, for these lines.
    fn talk<T>(
        lines: &str,
        act: impl FnOnce(&mut Talk<'_>) -> anyhow::Result<T>,
    ) -> (String, anyhow::Result<T>) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("key.txt"), "hidden").unwrap();
        let (mut input, mut output) = (lines.as_bytes(), Vec::new());
        let mut talk = Talk {
            input: &mut input,
            output: &mut output,
            folder: folder.path(),
            is_set: &|name| name == "DESK_KEY",
        };
        let result = act(&mut talk);
        (String::from_utf8(output).unwrap(), result)
    }

    #[test]
    fn a_kind_is_chosen_by_number_or_name() {
        let all = kinds::all();
        for (lines, expected) in [("1\n", all[0].name), ("fax\n0\n Zendesk\n", "zendesk")] {
            let (shown, kind) = talk(lines, |talk| Ok(talk.kind(&all)?.name));
            assert_eq!(kind.unwrap(), expected);
            assert!(shown.contains("Zendesk Support  (zendesk)"), "{shown}");
        }
        let (_, none) = talk("", |talk| talk.id("desk"));
        assert!(
            none.unwrap_err()
                .to_string()
                .contains("nothing was written")
        );
    }

    #[test]
    fn a_secret_is_named_and_never_typed() {
        let question = Question {
            key: "api_key",
            ask: "the key".to_owned(),
            is_secret: true,
            is_optional: false,
            is_list: false,
        };
        let (shown, given) = talk("sk-12345\n\nDESK_KEY\n", |talk| talk.setting(&question));
        assert_eq!(
            given.unwrap(),
            Some(("api_key_env".to_owned(), "DESK_KEY".to_owned()))
        );
        assert!(!shown.contains("sk-12345"), "{shown}");
        assert!(
            shown.contains("must not be typed") && shown.contains("is needed"),
            "{shown}"
        );
        let (_, given) = talk("key.txt\n", |talk| talk.setting(&question));
        assert_eq!(given.unwrap().unwrap().0, "api_key_file");
    }

    #[test]
    fn what_is_optional_may_be_left_out() {
        let question = Question {
            key: "start",
            ask: "since when".to_owned(),
            is_secret: false,
            is_optional: true,
            is_list: false,
        };
        assert_eq!(talk("\n", |talk| talk.setting(&question)).1.unwrap(), None);
        assert!(talk("\n", |talk| talk.is_yes("append")).1.unwrap());
        assert!(!talk("no\n", |talk| talk.is_yes("append")).1.unwrap());
    }
}

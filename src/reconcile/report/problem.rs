//! What stops a report from being read: named problems by row and cell, or a question that a person must answer.

use super::sheet::letters;

/// After so many the rest is not listed.
pub const PROBLEMS_MAX: usize = 20;

/// Why a report cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line of the file or the row of the sheet, from 1; 0 where it is about the whole file.
    pub row: u64,
    /// The cell's column, with its header.
    pub column: Option<(usize, String)>,
    /// What is wrong and what was expected.
    pub reason: String,
}

impl Problem {
    /// About the whole file.
    pub fn whole(reason: impl Into<String>) -> Self {
        Self::row(0, reason)
    }

    /// About a row.
    pub fn row(row: u64, reason: impl Into<String>) -> Self {
        Self {
            row,
            column: None,
            reason: reason.into(),
        }
    }

    /// About a cell.
    pub fn at(row: u64, column: usize, header: &str, reason: impl Into<String>) -> Self {
        Self {
            column: Some((column, super::number::clip(header))),
            ..Self::row(row, reason)
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.row, &self.column) {
            (0, _) => f.write_str(&self.reason),
            (row, None) => write!(f, "row {row}: {}", self.reason),
            (row, Some((column, header))) if header.is_empty() => {
                write!(f, "row {row}, column {}: {}", letters(*column), self.reason)
            }
            (row, Some((column, header))) => {
                write!(
                    f,
                    "row {row}, column {} \"{header}\": {}",
                    letters(*column),
                    self.reason
                )
            }
        }
    }
}

/// One answer to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What the flag takes.
    pub value: String,
    /// What it means.
    pub meaning: String,
}

/// What the file alone does not tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The flag that decides, such as `--date-order`.
    pub flag: &'static str,
    /// What is ambiguous.
    pub text: String,
    /// What it may be.
    pub answers: Vec<Answer>,
}

impl std::fmt::Display for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let answers: Vec<String> = self
            .answers
            .iter()
            .map(|answer| format!("{} {}", self.flag, shown(&answer.value)))
            .collect();
        write!(f, "{}: say {}", self.text, answers.join(" or "))
    }
}

/// As it is typed in a shell.
fn shown(value: &str) -> String {
    let is_plain = value
        .chars()
        .all(|letter| letter.is_alphanumeric() || "-_.".contains(letter));
    if is_plain && !value.is_empty() {
        value.to_owned()
    } else {
        format!("\"{value}\"")
    }
}

/// Why a file gives no report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It is ambiguous.
    Ask(Question),
    /// It is wrong, or a choice does not fit it.
    Wrong(Vec<Problem>),
}

impl From<Problem> for Trouble {
    fn from(problem: Problem) -> Self {
        Trouble::Wrong(vec![problem])
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Trouble::Ask(question) => question.fmt(f),
            Trouble::Wrong(problems) => {
                let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
                f.write_str(&lines.join("; "))
            }
        }
    }
}

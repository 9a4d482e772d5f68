//! Three records as they would be stored, for people and programs.

use chrono_tz::Tz;
use serde::Serialize;

use crate::model::{Author, Exclusion, Stored, Visibility};

/// Messages of a record that are shown.
const MESSAGES_MAX: usize = 4;

/// Letters of a message that are shown.
const LETTERS_MAX: usize = 240;

/// A record as it would be stored.
#[derive(Serialize)]
pub struct Shown {
    key: String,
    kind: &'static str,
    opened_at: String,
    status: Option<String>,
    category: Option<String>,
    channel: Option<String>,
    product: Option<String>,
    account: Option<String>,
    requester: Option<String>,
    tags: Vec<String>,
    /// Why it does not count.
    excluded: Option<&'static str>,
    subject: String,
    messages: Vec<ShownMessage>,
    messages_count: usize,
    url: Option<String>,
}

#[derive(Serialize)]
struct ShownMessage {
    author: &'static str,
    is_internal: bool,
    text: String,
}

/// What is shown of a record.
pub fn of(stored: &Stored, zone: Tz) -> Shown {
    let one = &stored.conversation;
    let messages = one.messages.iter().take(MESSAGES_MAX);
    Shown {
        key: one.key.to_string(),
        kind: one.kind.as_str(),
        opened_at: one
            .created_at
            .with_timezone(&zone)
            .format("%Y-%m-%d %H:%M")
            .to_string(),
        status: one.status.clone(),
        category: one.category.clone(),
        channel: one.channel.clone(),
        product: one.product.clone(),
        account: one.account.clone(),
        requester: one.requester.clone(),
        tags: one.tags.clone(),
        excluded: one.exclusion.map(Exclusion::as_str),
        subject: cut(one.subject.as_str()),
        messages: messages
            .map(|message| ShownMessage {
                author: match message.author {
                    Author::Customer => "customer",
                    Author::Agent => "agent",
                    Author::System => "system",
                },
                is_internal: message.visibility == Visibility::Internal,
                text: cut(message.text.as_str()),
            })
            .collect(),
        messages_count: one.messages.len(),
        url: one.url.clone(),
    }
}

/// On one line, not too long, and harmless to a terminal.
fn cut(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line: String = words
        .join(" ")
        .chars()
        .filter(|c| !c.is_control())
        .collect();
    match line.char_indices().nth(LETTERS_MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}  {}, opened {}", self.key, self.kind, self.opened_at)?;
        let fields = [
            ("status", &self.status),
            ("category", &self.category),
            ("channel", &self.channel),
            ("product", &self.product),
            ("account", &self.account),
            ("requester", &self.requester),
        ];
        for (name, value) in fields {
            if let Some(value) = value {
                writeln!(f, "  {name:10} {}", cut(value))?;
            }
        }
        if !self.tags.is_empty() {
            writeln!(f, "  {:10} {}", "tags", cut(&self.tags.join(", ")))?;
        }
        if let Some(reason) = self.excluded {
            writeln!(f, "  {:10} no: {reason}", "counts")?;
        }
        if !self.subject.is_empty() {
            writeln!(f, "  {:10} {}", "subject", self.subject)?;
        }
        for message in &self.messages {
            let author = if message.is_internal {
                "internal"
            } else {
                message.author
            };
            writeln!(f, "  {author:10} {}", message.text)?;
        }
        if self.messages_count > self.messages.len() {
            let more = self.messages_count - self.messages.len();
            writeln!(f, "  {:10} and {more} more", "")?;
        }
        match &self.url {
            Some(url) => writeln!(f, "  {:10} {}", "link", cut(url)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_one_line_and_no_command_to_a_terminal() {
        assert_eq!(cut("a\n\n b\u{1b}[31m"), "a b[31m");
        assert_eq!(cut(&"ä".repeat(300)).chars().count(), LETTERS_MAX + 1);
    }
}

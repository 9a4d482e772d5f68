//! What was said in an Intercom call: a file of lines, or a list of turns. Pure.

use serde_json::Value;

use super::record::{author_of, started_at};
use crate::connectors::engine::word;
use crate::connectors::json;
use crate::model::{Author, Message, Text, Visibility};

/// What was said in a call: a text of lines, or a list of who said what.
pub fn spoken(call: &Value, transcript: Option<&Value>) -> Vec<Message> {
    let said = match transcript {
        Some(Value::String(text)) => lines(text),
        Some(Value::Array(turns)) => turns.iter().filter_map(turn).collect(),
        _ => Vec::new(),
    };
    let at = started_at(call);
    let said = said.into_iter().filter(|(_, text)| !text.trim().is_empty());
    said.map(|(author, text)| Message {
        at,
        author,
        visibility: Visibility::Public,
        text: Text::new(text),
    })
    .collect()
}

fn turn(turn: &Value) -> Option<(Author, String)> {
    let speaker = ["speaker_type", "speaker", "speaker_label", "author", "role"]
        .iter()
        .find_map(|name| turn.get(name));
    let speaker = speaker.and_then(|speaker| json::text(speaker, "type").or_else(|| word(speaker)));
    let text = ["content", "text", "body"]
        .iter()
        .find_map(|name| word(turn.get(name)?))?;
    Some((speaker_of(&speaker.unwrap_or_default()), text))
}

/// `[00:00:09] User: "I need help."`, and so on. What has no speaker goes on with what was said before.
fn lines(text: &str) -> Vec<(Author, String)> {
    let mut said: Vec<(Author, String)> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        match (line_of(line.trim()), said.last_mut()) {
            (Some((author, words)), _) => said.push((author, words)),
            (None, Some((_, words))) => {
                words.push('\n');
                words.push_str(line.trim());
            }
            (None, None) => said.push((Author::System, line.trim().to_owned())),
        }
    }
    said
}

fn line_of(line: &str) -> Option<(Author, String)> {
    let (stamp, rest) = line.strip_prefix('[')?.split_once(']')?;
    let is_time = stamp
        .chars()
        .all(|c| c.is_ascii_digit() || ":., ".contains(c));
    let (speaker, words) = rest.split_once(':').filter(|_| is_time)?;
    let words = words.trim().trim_matches('"').to_owned();
    Some((speaker_of(speaker), words))
}

/// `Teammate 1` is a teammate.
fn speaker_of(speaker: &str) -> Author {
    let kind = speaker.split_whitespace().next().unwrap_or_default();
    author_of(&kind.to_lowercase())
}

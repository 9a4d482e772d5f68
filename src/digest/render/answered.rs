//! What readers answered, in words: the mark of an item, the section that tells what became of each answer, and the links
//! by which a reader of a mail or a chat answers.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::{AskedTopic, Digest, ItemHeard, TopicAnswered, TopicId};

use super::view::{LIST_MAX, NAME_MAX};
use super::words::{plain, quoted, some};

/// Letters of a reason that are shown.
const REASON_MAX: usize = 200;
/// Windows of an asked topic's course that are told.
const COURSE_TOLD: usize = 4;

/// A way to answer from where the digest is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AnswerLink {
    /// `confirm`, `dispute` or `decide`.
    pub kind: &'static str,
    /// What stands on it.
    pub words: &'static str,
    /// Where it leads.
    pub url: String,
}

/// The links of each topic.
pub type AnswerLinks = BTreeMap<TopicId, Vec<AnswerLink>>;

/// Where a digest's reader can go: to the pages, and, where the digest was sent to somebody, to their own answer links.
#[derive(Clone, Copy, Debug)]
pub struct Ways<'a> {
    /// Where the pages are; empty where there are none.
    pub base_url: &'a str,
    /// Links by which this reader answers.
    pub answers: &'a AnswerLinks,
}

static NO_LINKS: AnswerLinks = AnswerLinks::new();

impl<'a> From<&'a str> for Ways<'a> {
    fn from(base_url: &'a str) -> Self {
        Self {
            base_url,
            answers: &NO_LINKS,
        }
    }
}

impl<'a> From<&'a String> for Ways<'a> {
    fn from(base_url: &'a String) -> Self {
        Self::from(base_url.as_str())
    }
}

/// How many hear an item, too, and how many do not.
pub fn heard(heard: &ItemHeard) -> String {
    // What speaks against a disputed item is told where all stands that speaks against it.
    let reasons = match heard.is_disputed() {
        true => &[][..],
        false => heard.reasons.as_slice(),
    };
    let mut words = tally(heard.confirmed, heard.disputed, reasons);
    if heard.is_disputed() {
        words = format!("Disputed: {words}");
    }
    if !heard.pinned.is_empty() {
        let pinned = some(heard.pinned.len() as u64, "pinned conversation");
        let comma = if words.is_empty() { "" } else { "; " };
        words.push_str(&format!("{comma}{pinned} among the quotes"));
    }
    words
}

/// The section "What you answered", one line each.
pub fn answered(digest: &Digest, most: usize) -> Vec<String> {
    if most == 0 {
        return Vec::new();
    }
    let told = &digest.answered;
    let mut lines: Vec<String> = told.topics.iter().map(topic).collect();
    match told.withdrawn {
        0 => {}
        1 => lines.push("One answer was taken back.".to_owned()),
        count => lines.push(format!("{count} answers were taken back.")),
    }
    let noun = digest.cadence.noun();
    lines.extend(told.asked.iter().map(|one| asked(one, noun)));
    if lines.len() > most {
        let more = lines.len() - (most - 1);
        lines.truncate(most - 1);
        lines.push(format!("{more} more on the page of answers."));
    }
    if !told.asked.is_empty() && most == LIST_MAX {
        let note = "What you asked for is a search, counted beside the topics: it may find a conversation whatever topic that one is in.";
        lines.push(note.to_owned());
    }
    lines
}

fn topic(one: &TopicAnswered) -> String {
    let mut words = tally(one.confirmed, one.disputed, &one.reasons);
    if !one.pinned.is_empty() {
        let comma = if words.is_empty() { "" } else { ", " };
        words.push_str(&format!(
            "{comma}{} pinned",
            some(one.pinned.len() as u64, "conversation")
        ));
    }
    let label = quoted(&one.label, NAME_MAX);
    format!("{label}: {words}. {}", plain(&one.outcome, 300))
}

fn tally(confirmed: u64, disputed: u64, reasons: &[String]) -> String {
    let mut parts = Vec::new();
    match confirmed {
        0 => {}
        1 => parts.push("1 hears it too".to_owned()),
        count => parts.push(format!("{count} hear it too")),
    }
    let it = if confirmed == 0 { " hear it" } else { "" };
    match disputed {
        0 => {}
        1 => parts.push(format!("1 does not{it}")),
        count => parts.push(format!("{count} do not{it}")),
    }
    let mut words = parts.join(", ");
    if !reasons.is_empty() {
        let reasons: Vec<String> = reasons
            .iter()
            .take(3)
            .map(|reason| quoted(reason, REASON_MAX))
            .collect();
        words.push_str(&format!(" ({})", reasons.join("; ")));
    }
    words
}

fn asked(one: &AskedTopic, noun: &str) -> String {
    let mut words = format!(
        "You asked for {}: {}",
        quoted(&one.name, NAME_MAX),
        some(one.conversations, "conversation")
    );
    if one.customers > 0 {
        words.push_str(&format!(" of {}", some(one.customers, "customer")));
    }
    words.push_str(&format!(" this {noun}"));
    let before = one.course.len().saturating_sub(1);
    let before = &one.course[before.saturating_sub(COURSE_TOLD)..before];
    if !before.is_empty() {
        let counts: Vec<String> = before.iter().map(|(_, count)| count.to_string()).collect();
        words.push_str(&format!("; before, {}", counts.join(", ")));
    }
    words + "."
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ConversationKey;

    fn item(confirmed: u64, disputed: u64, reasons: &[&str]) -> ItemHeard {
        ItemHeard {
            confirmed,
            disputed,
            reasons: reasons.iter().map(|reason| (*reason).to_owned()).collect(),
            pinned: Vec::new(),
        }
    }

    #[test]
    fn an_item_says_who_hears_it_and_who_does_not() {
        assert_eq!(heard(&item(2, 0, &[])), "2 hear it too");
        assert_eq!(
            heard(&item(1, 1, &["only\nin Bonn"])),
            "1 hears it too, 1 does not (\u{201c}only in Bonn\u{201d})"
        );
        assert_eq!(heard(&item(0, 3, &[])), "Disputed: 3 do not hear it");
        let mut pinned = item(0, 0, &[]);
        pinned.pinned = vec![ConversationKey::new("desk", "1")];
        assert_eq!(heard(&pinned), "1 pinned conversation among the quotes");
    }

    #[test]
    fn an_asked_topic_is_told_with_its_course() {
        let one = AskedTopic {
            number: 3,
            name: "smell".to_owned(),
            query: "smell OR odour".to_owned(),
            conversations: 7,
            customers: 6,
            course: [3, 5, 4, 7].map(|count| (String::new(), count)).to_vec(),
            is_new: true,
        };
        assert_eq!(
            asked(&one, "week"),
            "You asked for \u{201c}smell\u{201d}: 7 conversations of 6 customers this week; before, 3, 5, 4."
        );
    }
}

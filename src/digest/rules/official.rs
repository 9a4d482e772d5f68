//! Rules that go by what the official report does not show.

use crate::model::{FindingKind, SuggestionKind};

use super::facts::TopicFacts;
use super::{Claim, Fired};

/// The official report does not show the topic.
pub fn hidden_under_catch_all(facts: &TopicFacts) -> Option<Fired> {
    if !facts.has(FindingKind::Hidden) {
        return None;
    }
    let noun = facts.cadence.noun();
    facts.fire(
        SuggestionKind::Process,
        Claim::Found,
        format!(
            "No line of the official report shows this topic; a category of its own would, with {} conversations this {noun}.",
            facts.conversations
        ),
        "add the category in the helpdesk and file these conversations under it",
        format!("with the category in place, hardly any conversation is filed under it in the next {noun}s"),
    )
}

/// One line of the official report is several topics.
pub fn lumped_category(facts: &TopicFacts) -> Option<Fired> {
    if !facts.speaks_for_lump || !facts.has(FindingKind::Lumped) {
        return None;
    }
    facts.fire(
        SuggestionKind::Process,
        Claim::Found,
        format!(
            "One line of the official report holds several topics; this one, with {} conversations, is one of them.",
            facts.conversations
        ),
        "split the category along these topics, so that each can be seen to grow or shrink",
        "those who solve them say that it is the same fault with the same remedy",
    )
}

/// The topic changed its category at a date, while it went on as before.
pub fn moved_category(facts: &TopicFacts) -> Option<Fired> {
    if !facts.has(FindingKind::Moved) {
        return None;
    }
    facts.fire(
        SuggestionKind::Process,
        Claim::Found,
        "Its line of the official report changed at a date, while the topic itself went on as before.".to_owned(),
        "find out who changed the rule of filing on that day, and mark the break in both lines of the report",
        "what customers tell before and after that day is not the same",
    )
}

/// Some of its conversations are filed elsewhere than nearly all others.
pub fn misfiled(facts: &TopicFacts) -> Option<Fired> {
    if !facts.has(FindingKind::Misfiled) {
        return None;
    }
    facts.fire(
        SuggestionKind::Process,
        Claim::Found,
        "Some of its conversations are filed elsewhere than nearly all others of it.".to_owned(),
        "file them where the others are, and ask those who filed them which name misled them",
        "those who solved them say that they were about something else",
    )
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn a_hidden_topic_fires() {
        let hidden = TopicFacts {
            findings: finding(FindingKind::Hidden),
            ..quiet()
        };
        check(
            &hidden,
            "hidden_under_catch_all",
            "No line of the official report shows this topic; a category of its own would, with 8 conversations this week.",
        );
        let lumped = TopicFacts {
            findings: finding(FindingKind::Lumped),
            ..quiet()
        };
        check_silent(&lumped, "hidden_under_catch_all");
    }

    fn found(kind: FindingKind) -> TopicFacts {
        TopicFacts {
            findings: finding(kind),
            ..quiet()
        }
    }

    #[test]
    fn a_moved_category_and_misfiled_conversations_fire() {
        check(
            &found(FindingKind::Moved),
            "moved_category",
            "Its line of the official report changed at a date, while the topic itself went on as before.",
        );
        check_silent(&found(FindingKind::Misfiled), "moved_category");
        check(
            &found(FindingKind::Misfiled),
            "misfiled",
            "Some of its conversations are filed elsewhere than nearly all others of it.",
        );
        check_silent(&found(FindingKind::Moved), "misfiled");
    }

    #[test]
    fn a_lumped_category_fires_for_one_of_its_topics_only() {
        let lumped = TopicFacts {
            findings: finding(FindingKind::Lumped),
            ..quiet()
        };
        check_silent(&lumped, "lumped_category");
        check(
            &TopicFacts {
                speaks_for_lump: true,
                ..lumped
            },
            "lumped_category",
            "One line of the official report holds several topics; this one, with 8 conversations, is one of them.",
        );
    }
}

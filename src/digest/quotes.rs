//! Chooses the words that prove an item: a sentence or two of different conversations, exact substrings of what is stored.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::model::{Author, ConversationKey, Quote, Stored, Topic};

use super::signals::Signal;

/// A quote is a sentence or two.
const LETTERS_MAX: usize = 240;
/// Shorter sentences say nothing by themselves.
const LETTERS_MIN: usize = 15;
/// Fewer words are a greeting, a name, a number.
const WORDS_MIN: usize = 4;
/// A first sentence shorter than this takes the next one with it.
const LETTERS_SHORT: usize = 90;

/// How sentences begin that greet, thank or close.
const POLITE_STARTS: [&str; 22] = [
    "hi",
    "hello",
    "hey",
    "dear",
    "good morning",
    "good afternoon",
    "good evening",
    "thanks",
    "thank you",
    "many thanks",
    "kind regards",
    "best regards",
    "regards",
    "cheers",
    "sincerely",
    "best wishes",
    "hallo",
    "guten",
    "sehr geehrte",
    "danke",
    "mit freundlichen",
    "viele grüße",
];
/// A polite sentence longer than this says more than its greeting.
const POLITE_LETTERS_MAX: usize = 45;

/// The best quotes of a topic, at most one of each conversation and, as long as others are there, of each customer.
pub fn choose(
    topic: &Topic,
    members: &[(ConversationKey, Option<String>)],
    stored: &BTreeMap<ConversationKey, Stored>,
    signal: Option<Signal>,
    most: usize,
) -> Vec<Quote> {
    let terms: Vec<String> = topic
        .terms
        .iter()
        .map(|term| term.word.to_lowercase())
        .collect();
    let typical: BTreeSet<&ConversationKey> = topic
        .exemplars
        .iter()
        .map(|exemplar| &exemplar.key)
        .collect();
    let mut found: Vec<(i64, Option<&String>, Quote)> = Vec::new();
    for (key, customer) in members {
        let Some((points, quote)) = stored
            .get(key)
            .and_then(|stored| best(stored, &terms, signal))
        else {
            continue;
        };
        let points = points + i64::from(typical.contains(key));
        found.push((points, customer.as_ref(), quote));
    }
    found.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.2.key.cmp(&b.2.key)));
    let mut chosen: Vec<Quote> = Vec::new();
    let mut heard: BTreeSet<&String> = BTreeSet::new();
    // First different customers, then whoever is left.
    for is_second_round in [false, true] {
        for (_, customer, quote) in &found {
            let is_new = customer.is_none_or(|customer| !heard.contains(customer));
            let is_said = chosen
                .iter()
                .any(|other| other.key == quote.key || is_same(&other.text, &quote.text));
            if chosen.len() < most && !is_said && (is_new || is_second_round) {
                heard.extend(*customer);
                chosen.push(quote.clone());
            }
        }
    }
    chosen
}

/// The first telling sentence of each of these conversations.
pub fn sample(keys: &[ConversationKey], stored: &BTreeMap<ConversationKey, Stored>) -> Vec<Quote> {
    let best = |key| best(stored.get(key)?, &[], None).map(|(_, quote)| quote);
    keys.iter().filter_map(best).collect()
}

fn is_same(one: &str, other: &str) -> bool {
    let letters = |text: &str| -> String {
        text.chars()
            .filter(|letter| letter.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .collect()
    };
    letters(one) == letters(other)
}

/// The best passage of one conversation: the customer's words before the agent's, and only words that are also in the
/// stored text, which is what a reader can check.
fn best(stored: &Stored, terms: &[String], signal: Option<Signal>) -> Option<(i64, Quote)> {
    let conversation = &stored.conversation;
    let whole = stored.text.as_str();
    let messages = conversation.messages.iter().map(|message| {
        let points = if message.author == Author::Customer {
            3
        } else {
            0
        };
        (points, message.text.as_str())
    });
    // The stored text itself comes last: it also has the subject, which is a quote only where nothing else is.
    let places = messages.chain([(-2, whole)]);
    let mut best: Option<(i64, &str)> = None;
    for (base, text) in places {
        for range in passages(text) {
            let words = &text[range];
            let points = base + points(words, terms, signal);
            if best.is_none_or(|(most, _)| points > most) && whole.contains(words) {
                best = Some((points, words));
            }
        }
    }
    let (points, words) = best?;
    let quote = Quote {
        key: conversation.key.clone(),
        text: words.to_owned(),
        url: conversation.url.clone(),
    };
    Some((points, quote))
}

/// How much a passage tells: typical words, the wording that the rule speaks of, and a good length.
fn points(words: &str, terms: &[String], signal: Option<Signal>) -> i64 {
    let lower = words.to_lowercase();
    let hits = terms
        .iter()
        .filter(|term| lower.contains(term.as_str()))
        .count();
    let letters = words.chars().count();
    let length = match letters {
        0..40 => 0,
        40..160 => 2,
        _ => 1,
    };
    let told = if signal.is_some_and(|signal| signal.is_in(words)) {
        4
    } else {
        0
    };
    2 * i64::try_from(hits.min(4)).unwrap_or(4) + length + told
}

/// The passages that may be quoted: each sentence, together with the next one while it is short.
fn passages(text: &str) -> Vec<Range<usize>> {
    let sentences: Vec<Range<usize>> = sentences(text)
        .into_iter()
        .filter(|range| !is_polite(&text[range.clone()]))
        .collect();
    let mut passages = Vec::new();
    for (place, range) in sentences.iter().enumerate() {
        let letters = |range: &Range<usize>| text[range.clone()].chars().count();
        let with_next = sentences.get(place + 1).map(|next| range.start..next.end);
        let joined = with_next.filter(|joined| {
            let is_near = text[range.end..joined.end]
                .chars()
                .take_while(|c| c.is_whitespace())
                .count()
                <= 1;
            letters(range) < LETTERS_SHORT && letters(joined) <= LETTERS_MAX && is_near
        });
        let range = clip(text, joined.unwrap_or_else(|| range.clone()));
        let words = &text[range.clone()];
        if letters(&range) >= LETTERS_MIN && words.split_whitespace().count() >= WORDS_MIN {
            passages.push(range);
        }
    }
    passages
}

/// Where sentences are: up to a full stop, a question or exclamation mark before white space, or the end of a line.
fn sentences(text: &str) -> Vec<Range<usize>> {
    let mut sentences = Vec::new();
    let mut start = 0;
    let mut letters = text.char_indices().peekable();
    while let Some((place, letter)) = letters.next() {
        let after = place + letter.len_utf8();
        let next = letters.peek().map(|(_, next)| *next);
        let ends = letter == '\n'
            || next.is_none()
            || ['。', '！', '？'].contains(&letter)
            || ['.', '!', '?', '…', '؟', '۔'].contains(&letter)
                && next.is_some_and(char::is_whitespace);
        if ends {
            sentences.push(trimmed(text, start..after));
            start = after;
        }
    }
    sentences.retain(|range| !range.is_empty());
    sentences
}

fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let words = &text[range.clone()];
    let start = range.start + (words.len() - words.trim_start().len());
    start..start + words.trim().len()
}

fn is_polite(words: &str) -> bool {
    let lower = words.to_lowercase();
    let is_start = |start: &str| {
        lower
            .strip_prefix(start)
            .is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
    };
    words.chars().count() <= POLITE_LETTERS_MAX && POLITE_STARTS.iter().any(|start| is_start(start))
}

/// At most `LETTERS_MAX` letters, cut before a word where there is one.
fn clip(text: &str, range: Range<usize>) -> Range<usize> {
    let words = &text[range.clone()];
    let Some((end, _)) = words.char_indices().nth(LETTERS_MAX) else {
        return range;
    };
    let cut = words[..end]
        .rfind(char::is_whitespace)
        .filter(|cut| *cut > end / 2);
    trimmed(text, range.start..range.start + cut.unwrap_or(end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Conversation, Message, Text, Visibility};
    use proptest::prelude::*;

    fn shown(text: &str) -> Vec<&str> {
        passages(text)
            .into_iter()
            .map(|range| &text[range])
            .collect()
    }

    fn stored(id: &str, parts: &[(Author, &str)]) -> Stored {
        let at = "2026-03-24T08:00:00Z".parse().unwrap();
        let mut conversation = Conversation::new(ConversationKey::new("desk", id), at);
        conversation.messages = parts
            .iter()
            .map(|(author, text)| Message {
                at: None,
                author: *author,
                visibility: Visibility::Public,
                text: Text::from(*text),
            })
            .collect();
        let text: Vec<&str> = parts.iter().map(|(_, text)| *text).collect();
        Stored {
            conversation,
            text: Text::from(text.join("\n")),
            text_hash: String::new(),
            language: String::new(),
        }
    }

    #[test]
    fn greetings_are_left_out_and_short_sentences_take_the_next_one() {
        assert_eq!(
            shown(
                "Hello Anna,\nWater freezes on the path. My wife slipped this morning. Thanks!\nRegards, [name]"
            ),
            [
                "Water freezes on the path. My wife slipped this morning.",
                "My wife slipped this morning."
            ]
        );
        assert!(shown("Hi\nThanks a lot\nok").is_empty());
    }

    #[test]
    fn a_long_text_is_cut_before_a_word() {
        let text = "word ".repeat(100);
        let quote = shown(&text)[0];
        assert!(quote.chars().count() <= LETTERS_MAX && quote.ends_with("word"));
    }

    #[test]
    fn the_customers_words_go_before_the_agents() {
        let one = stored(
            "1",
            &[
                (
                    Author::Agent,
                    "Customer says the drain is frozen on the path again.",
                ),
                (
                    Author::Customer,
                    "The water from the drain freezes on our path every night.",
                ),
            ],
        );
        let (_, quote) = best(&one, &["drain".to_owned(), "path".to_owned()], None).unwrap();
        assert_eq!(
            quote.text,
            "The water from the drain freezes on our path every night."
        );
    }

    #[test]
    fn words_that_are_not_in_the_stored_text_are_never_quoted() {
        let mut one = stored(
            "1",
            &[(
                Author::Customer,
                "The water from the drain freezes on our path.",
            )],
        );
        one.text = Text::from("Something else was stored of this one.");
        let (_, quote) = best(&one, &[], None).unwrap();
        assert_eq!(quote.text, "Something else was stored of this one.");
    }

    proptest! {
        #[test]
        fn passages_are_within_bounds_for_any_text(text in any::<String>()) {
            for range in passages(&text) {
                let words = &text[range];
                prop_assert!(words.chars().count() <= LETTERS_MAX);
                prop_assert_eq!(words.trim(), words);
            }
        }

        #[test]
        fn quotes_are_exact_substrings(text in "[a-zé .!?\n🙂]{0,600}") {
            let one = stored("1", &[(Author::Customer, &text)]);
            if let Some((_, quote)) = best(&one, &["a".to_owned()], None) {
                prop_assert!(one.text.as_str().contains(&quote.text));
            }
        }
    }
}

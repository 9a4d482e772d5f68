//! The stretch of a text that shows why it was found: plain text, and where in it the words stand.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde::Serialize;
use tantivy::tokenizer::TextAnalyzer;

use super::analysis;

/// Characters of a snippet, and how many of them stand before the first word found.
const CHARACTERS_MAX: usize = 240;
const CHARACTERS_BEFORE: usize = 60;

/// Longer texts are looked through only this far.
const LOOKED_THROUGH_MAX: usize = 100_000;

/// A stretch of a conversation's text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Snippet {
    /// Plain text on one line; escape it before it goes into HTML.
    pub text: String,
    /// From and to (exclusive) of each word found, counted in characters (not bytes), in order, not touching.
    pub highlights: Vec<(usize, usize)>,
}

impl Snippet {
    /// The text cut at its highlights: each piece, and whether it is one.
    pub fn pieces(&self) -> Vec<(String, bool)> {
        let mut pieces = Vec::new();
        let mut characters = self.text.chars();
        let mut at = 0;
        for &(from, to) in &self.highlights {
            let plain: String = characters.by_ref().take(from - at).collect();
            if !plain.is_empty() {
                pieces.push((plain, false));
            }
            pieces.push((characters.by_ref().take(to - from).collect(), true));
            at = to;
        }
        let plain: String = characters.collect();
        if !plain.is_empty() {
            pieces.push((plain, false));
        }
        pieces
    }
}

/// What a query looks for, as terms.
#[derive(Clone, Debug, Default)]
pub(super) struct Sought {
    /// Words and codes as they stand.
    pub exact: BTreeSet<String>,
    /// Beginnings of words.
    pub prefixes: BTreeSet<String>,
    /// Stems by language.
    pub stems: BTreeMap<&'static str, BTreeSet<String>>,
}

/// A word found: where it stands, and what it is, so that different words count more than repeated ones.
#[derive(Debug)]
struct Found {
    bytes: Range<usize>,
    term: String,
}

impl Sought {
    /// The best stretch of a text in this language; its beginning if no word stands in it.
    pub fn snippet(&self, text: &str, language: &str) -> Snippet {
        let text = one_line(text);
        let found = self.find(&text, language);
        cut(&text, &found)
    }

    fn find(&self, text: &str, language: &str) -> Vec<Found> {
        let text = &text[..text.floor_char_boundary(LOOKED_THROUGH_MAX)];
        let mut found = Vec::new();
        if !self.exact.is_empty() || !self.prefixes.is_empty() {
            collect(&mut analysis::exact(), text, &mut found, |term| {
                self.exact.contains(term) || self.starts(term)
            });
        }
        let own = analysis::field_language(language);
        for (name, stems) in &self.stems {
            // A text too short to tell its language was indexed in all of them.
            let is_read = own == Some(*name) || language.is_empty();
            if let Some(mut analyzer) = analysis::stems(name).filter(|_| is_read) {
                collect(&mut analyzer, text, &mut found, |term| stems.contains(term));
            }
        }
        found.sort_by(|a, b| (a.bytes.start, b.bytes.end).cmp(&(b.bytes.start, a.bytes.end)));
        found
    }

    fn starts(&self, term: &str) -> bool {
        self.prefixes
            .iter()
            .any(|prefix| term.starts_with(prefix.as_str()))
    }
}

fn collect(
    analyzer: &mut TextAnalyzer,
    text: &str,
    found: &mut Vec<Found>,
    is_sought: impl Fn(&str) -> bool,
) {
    analyzer.token_stream(text).process(&mut |token| {
        if is_sought(&token.text) {
            found.push(Found {
                bytes: token.offset_from..token.offset_to,
                term: text[token.offset_from..token.offset_to].to_lowercase(),
            });
        }
    });
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Cuts the stretch with the most different words, the earliest of equals.
fn cut(text: &str, found: &[Found]) -> Snippet {
    let starts: Vec<usize> = text
        .char_indices()
        .map(|(at, _)| at)
        .chain([text.len()])
        .collect();
    let character_at = |byte: usize| starts.partition_point(|start| *start < byte);
    let length = starts.len() - 1;
    let window = |found: &Found| {
        let before = character_at(found.bytes.start).saturating_sub(CHARACTERS_BEFORE);
        let from = before.min(length.saturating_sub(CHARACTERS_MAX));
        starts[from]..starts[(from + CHARACTERS_MAX).min(length)]
    };
    let mut best = (0, 0..starts[length.min(CHARACTERS_MAX)]);
    for (index, first) in found.iter().enumerate() {
        let window = window(first);
        let inside = found[index..]
            .iter()
            .take_while(|found| found.bytes.end <= window.end);
        let different: BTreeSet<&str> = inside.map(|found| found.term.as_str()).collect();
        if different.len() > best.0 {
            best = (different.len(), window);
        }
    }
    let bytes = at_words(text, best.1);
    let before = if bytes.start > 0 { "… " } else { "" };
    let after = if bytes.end < text.len() { " …" } else { "" };
    let offset = character_at(bytes.start);
    let highlights = merged(found, &bytes)
        .into_iter()
        .map(|range| {
            let shown = |byte| character_at(byte) - offset + before.chars().count();
            (shown(range.start), shown(range.end))
        })
        .collect();
    Snippet {
        text: format!("{before}{}{after}", &text[bytes]),
        highlights,
    }
}

/// Shrinks a stretch to whole words, unless a single word fills it.
fn at_words(text: &str, bytes: Range<usize>) -> Range<usize> {
    let start = match text[bytes.clone()].find(' ') {
        Some(space) if bytes.start > 0 && !text[..bytes.start].ends_with(' ') => {
            bytes.start + space + 1
        }
        _ => bytes.start,
    };
    let end = match text[start..bytes.end].rfind(' ') {
        Some(space) if bytes.end < text.len() && !text[bytes.end..].starts_with(' ') => {
            start + space
        }
        _ => bytes.end,
    };
    if start < end { start..end } else { bytes }
}

/// The words found inside a stretch, overlapping and touching ones as one.
fn merged(found: &[Found], inside: &Range<usize>) -> Vec<Range<usize>> {
    let mut merged: Vec<Range<usize>> = Vec::new();
    for found in found {
        if found.bytes.start < inside.start || found.bytes.end > inside.end {
            continue;
        }
        match merged.last_mut() {
            Some(last) if found.bytes.start <= last.end => {
                last.end = last.end.max(found.bytes.end);
            }
            _ => merged.push(found.bytes.clone()),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sought(exact: &[&str], german: &[&str]) -> Sought {
        Sought {
            exact: exact.iter().map(|term| (*term).to_owned()).collect(),
            prefixes: BTreeSet::new(),
            stems: [("de", german.iter().map(|term| (*term).to_owned()).collect())].into(),
        }
    }

    fn marked(snippet: &Snippet) -> String {
        let pieces = snippet.pieces();
        let shown = pieces.iter().map(|(text, is_found)| {
            if *is_found {
                format!("[{text}]")
            } else {
                text.clone()
            }
        });
        shown.collect()
    }

    #[test]
    fn words_and_their_forms_are_marked() {
        let sought = sought(&["e17"], &["rechnung"]);
        let snippet = sought.snippet("Zwei  Rechnungen\nfür E17, ärgerlich", "de");
        assert_eq!(marked(&snippet), "Zwei [Rechnungen] für [E17], ärgerlich");
        assert_eq!(snippet.highlights, vec![(5, 15), (20, 23)]);
    }

    #[test]
    fn stems_of_another_language_are_not_marked() {
        let sought = sought(&[], &["rechnung"]);
        assert_eq!(marked(&sought.snippet("Rechnungen", "fr")), "Rechnungen");
        assert_eq!(marked(&sought.snippet("Rechnungen", "")), "[Rechnungen]");
    }

    #[test]
    fn the_stretch_with_most_different_words_is_cut_at_words() {
        let text = format!(
            "pump {} pump leaks here {}",
            "x ".repeat(200),
            "y ".repeat(200)
        );
        let snippet = sought(&["pump", "leaks"], &[]).snippet(&text, "en");
        assert!(snippet.text.starts_with("… x"), "{snippet:?}");
        assert!(snippet.text.ends_with(" …"), "{snippet:?}");
        assert!(
            marked(&snippet).contains("[pump] [leaks] here"),
            "{snippet:?}"
        );
        assert!(snippet.text.chars().count() <= CHARACTERS_MAX + 4);
    }

    #[test]
    fn without_a_word_found_the_beginning_is_shown() {
        assert_eq!(sought(&["z"], &[]).snippet("a b", "en").text, "a b");
        assert_eq!(Sought::default().snippet("", ""), Snippet::default());
    }

    proptest! {
        #[test]
        fn any_text_gives_highlights_in_order_inside_it(text in "\\PC{0,400}", word in "[a-zü ]{1,3}") {
            let mut sought = sought(&["e", "a"], &["u"]);
            sought.prefixes.insert(word);
            let snippet = sought.snippet(&text, "");
            let mut last = 0;
            for &(from, to) in &snippet.highlights {
                prop_assert!(last <= from && from < to);
                last = to;
            }
            prop_assert!(last <= snippet.text.chars().count());
            let joined: String = snippet.pieces().into_iter().map(|(text, _)| text).collect();
            prop_assert_eq!(joined, snippet.text);
        }
    }
}

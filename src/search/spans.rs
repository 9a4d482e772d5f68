//! Where the words and codes of a text stand. Pure: bytes in, positions out.
//!
//! Words are letters and digits. Words joined by single dots, hyphens or underscores are also one code when a digit is
//! among them: `4.2.0`, `E17-B`. Their parts are words all the same, so that phrases work across them.

/// A stretch of text that becomes a term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// First byte.
    pub from: usize,
    /// First byte after it.
    pub to: usize,
    /// Number of the (first) word.
    pub position: usize,
    /// Several parts taken as one: `4.2.0`.
    pub is_code: bool,
}

/// Walks over the words and codes of a text.
pub(super) struct Spans<'a> {
    text: &'a str,
    next_byte: usize,
    next_position: usize,
    /// Spans of the run of characters that was read last, in reverse.
    waiting: Vec<Span>,
}

/// The words and codes of a text.
pub(super) fn spans(text: &str) -> Spans<'_> {
    Spans {
        text,
        next_byte: 0,
        next_position: 0,
        waiting: Vec::new(),
    }
}

impl Iterator for Spans<'_> {
    type Item = Span;

    fn next(&mut self) -> Option<Span> {
        if self.waiting.is_empty() {
            self.read_run();
        }
        self.waiting.pop()
    }
}

impl Spans<'_> {
    /// Reads words held together by single dots, hyphens and underscores.
    fn read_run(&mut self) {
        let mut parts: Vec<(usize, usize)> = Vec::new();
        let mut characters = self.text[self.next_byte..].char_indices().peekable();
        let base = self.next_byte;
        self.next_byte = self.text.len();
        let mut is_inside = false;
        while let Some((offset, character)) = characters.next() {
            let from = base + offset;
            let to = from + character.len_utf8();
            let follows_word = parts.last().is_some_and(|part| part.1 == from);
            if stands_alone(character) {
                if parts.is_empty() {
                    parts.push((from, to));
                    self.next_byte = to;
                } else {
                    self.next_byte = from;
                }
                break;
            }
            if is_word(character) {
                match parts.last_mut() {
                    Some(part) if is_inside => part.1 = to,
                    _ => parts.push((from, to)),
                }
                is_inside = true;
                continue;
            }
            let joins = matches!(character, '.' | '-' | '_')
                && follows_word
                && characters
                    .peek()
                    .is_some_and(|(_, next)| is_word(*next) && !stands_alone(*next));
            if !joins && !parts.is_empty() {
                self.next_byte = to;
                break;
            }
            is_inside = false;
        }
        self.queue(&parts);
    }

    fn queue(&mut self, parts: &[(usize, usize)]) {
        let first = self.next_position;
        self.next_position += parts.len();
        for (index, &(from, to)) in parts.iter().enumerate() {
            for (code_from, code_to) in self.codes_from(parts, index) {
                self.waiting.push(Span {
                    from: code_from,
                    to: code_to,
                    position: first + index,
                    is_code: true,
                });
            }
            self.waiting.push(Span {
                from,
                to,
                position: first + index,
                is_code: false,
            });
        }
        self.waiting.reverse();
    }

    /// The codes that start with a part: the whole run, and what stands between hyphens in it.
    fn codes_from(&self, parts: &[(usize, usize)], index: usize) -> Vec<(usize, usize)> {
        let starts = index == 0 || !self.is_dot_before(parts, index);
        if !starts {
            return Vec::new();
        }
        let dotted = (index + 1..parts.len())
            .take_while(|next| self.is_dot_before(parts, *next))
            .last()
            .unwrap_or(index);
        let mut ends = vec![dotted];
        if index == 0 {
            ends.insert(0, parts.len() - 1);
            ends.dedup();
        }
        ends.into_iter()
            .filter(|end| *end > index)
            .map(|end| (parts[index].0, parts[end].1))
            .filter(|(from, to)| self.text[*from..*to].contains(|c: char| c.is_ascii_digit()))
            .map(|(from, to)| (self.without_version_letter(from), to))
            .collect()
    }

    fn is_dot_before(&self, parts: &[(usize, usize)], index: usize) -> bool {
        self.text[parts[index - 1].1..parts[index].0] == *"."
    }

    /// `v4.2.0` and `4.2.0` are the same to people.
    fn without_version_letter(&self, from: usize) -> usize {
        match self.text.as_bytes()[from..] {
            [b'v' | b'V', digit, ..] if digit.is_ascii_digit() => from + 1,
            _ => from,
        }
    }
}

/// Letters, digits, and the marks that belong to the letter before them.
fn is_word(character: char) -> bool {
    character.is_alphanumeric()
        || matches!(character, '\u{300}'..='\u{36f}' | '\u{bcd}' | '\u{64b}'..='\u{65f}')
}

/// Characters of scripts that put no spaces between words.
fn stands_alone(character: char) -> bool {
    matches!(character,
        '\u{e00}'..='\u{eff}' | '\u{3041}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
        && character.is_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn spans_lie_in_the_text_in_order_and_never_panic(text in "\\PC*") {
            let mut last = 0;
            for span in spans(&text) {
                prop_assert!(span.from < span.to);
                prop_assert!(text.get(span.from..span.to).is_some());
                prop_assert!(span.position >= last);
                last = span.position;
            }
        }

        #[test]
        fn every_letter_is_in_a_word(text in "[a-z0-9 ._ü热-]{0,40}") {
            let covered: usize = spans(&text)
                .filter(|span| !span.is_code)
                .map(|span| text[span.from..span.to].chars().count())
                .sum();
            prop_assert_eq!(covered, text.chars().filter(|c| c.is_alphanumeric()).count());
        }
    }
}

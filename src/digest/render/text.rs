//! For a terminal, a text file and a mail's text part: 78 columns, which a terminal of 80 shows and a mail should keep to
//! (RFC 5322, 2.1.1), and a line of blocks for the course.

use crate::model::Digest;

use super::answered::Ways;
use super::view::{Bar, ItemView, QuoteView, View};
use super::words::{columns, width};

/// Columns of a line; only an address may be longer, because a broken one leads nowhere.
const WIDTH: usize = 78;
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Lays a digest out as text.
pub fn text(digest: &Digest, ways: Ways<'_>) -> String {
    lay_out(&View::whole(digest, ways))
}

/// Lays a view out as text.
pub fn lay_out(view: &View) -> String {
    let mut page = Page::default();
    page.line(&view.title, 0, 0);
    page.rule(width(&view.title));
    view.summary.iter().for_each(|line| page.line(line, 0, 0));
    view.items.iter().for_each(|item| page.item(item));
    if let Some(official) = &view.official {
        page.heading("Beside the official report");
        page.line(&official.sentence, 0, 0);
        for (count, cause) in &official.causes {
            page.line(&format!("{count:>6}  {cause}"), 0, 8);
        }
        for finding in &official.findings {
            page.line(&format!("{}: {}", finding.kind, finding.sentence), 0, 3);
        }
    }
    if let Some(sentence) = &view.unassigned {
        page.heading("In no topic");
        page.line(sentence, 0, 0);
        view.sample.iter().for_each(|quote| page.quote(quote, 2));
    }
    page.list("What you answered", &view.answered);
    page.list("What became of it", &view.follow_up);
    page.list("Changed since", &view.revisions);
    page.list("Please note", &view.notes);
    page.list("How we count", &view.rules);
    page.gap();
    view.left_out.iter().for_each(|line| page.line(line, 0, 0));
    match &view.page {
        Some(url) => page.address(url, 0),
        None => page.line(&view.id, 0, 0),
    }
    page.text
}

/// The course as one line of blocks; a dot where there was none.
pub fn spark(course: &[Bar]) -> String {
    let block = |bar: &Bar| match bar.height {
        0 => '·',
        height => {
            BLOCKS[usize::try_from((height * 8).div_ceil(100))
                .map_or(7, |place| place.clamp(1, 8) - 1)]
        }
    };
    course.iter().map(block).collect()
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn gap(&mut self) {
        self.text.push('\n');
    }

    fn rule(&mut self, columns: usize) {
        self.text.push_str(&"─".repeat(columns.clamp(1, WIDTH)));
        self.gap();
    }

    fn heading(&mut self, words: &str) {
        self.gap();
        self.line(words, 0, 0);
        self.rule(width(words));
    }

    fn list(&mut self, heading: &str, lines: &[String]) {
        if !lines.is_empty() {
            self.heading(heading);
            lines
                .iter()
                .for_each(|line| self.line(&format!("- {line}"), 0, 2));
        }
    }

    fn item(&mut self, item: &ItemView) {
        self.gap();
        let title = format!("{}. {}", item.number, item.label);
        self.line(&title, 0, 3);
        self.line(&item.numbers, 3, 3);
        if !item.course.is_empty() {
            self.line(
                &format!("{} {}", spark(&item.course), item.course_words),
                3,
                3,
            );
        }
        self.line(&capital(&item.change), 3, 3);
        if !item.filed.is_empty() {
            self.line(&format!("Officially: {}", item.filed), 3, 15);
        }
        for finding in &item.findings {
            self.line(&format!("{}: {}", finding.kind, finding.sentence), 3, 11);
        }
        item.quotes.iter().for_each(|quote| self.quote(quote, 3));
        self.line(
            &format!("Suggestion ({}, for {}):", item.kind, item.owner),
            3,
            3,
        );
        self.line(&item.suggestion, 5, 5);
        for reason in &item.reasons {
            let words = format!("{}: {}", reason.kind, reason.sentence);
            self.line(&words, 5, 7 + reason.kind.len());
        }
        self.line(&format!("Next: {}", item.next_step), 5, 11);
        self.line(&format!("Wrong if: {}", item.disproof), 5, 15);
        if let Some(stability) = &item.stability {
            self.line(&format!("Stable: {stability}"), 3, 11);
        }
        if let Some(url) = &item.tickets {
            self.line("All its conversations:", 3, 3);
            self.address(url, 5);
        }
        for answer in &item.answers {
            self.line(&format!("{}:", answer.words), 3, 3);
            self.address(&answer.url, 5);
        }
    }

    fn quote(&mut self, quote: &QuoteView, indent: usize) {
        let from = if quote.url.is_some() {
            String::new()
        } else {
            format!(" [{}]", quote.key)
        };
        self.line(&format!("{}{from}", quote.quoted()), indent, indent + 1);
        if let Some(url) = &quote.url {
            self.address(url, indent + 2);
        }
    }

    fn address(&mut self, url: &str, indent: usize) {
        self.text.push_str(&" ".repeat(indent));
        self.text.push_str(url);
        self.gap();
    }

    /// Writes a paragraph, broken at spaces, and inside a word that is longer than a line.
    fn line(&mut self, words: &str, first: usize, rest: usize) {
        let mut line = " ".repeat(first);
        let mut at = first;
        let mut is_start = true;
        for word in words.split(' ') {
            if !is_start && at + 1 + width(word) > WIDTH {
                self.end(&mut line, &mut at, rest);
                is_start = true;
            }
            if !is_start {
                line.push(' ');
                at += 1;
            }
            for letter in word.chars() {
                if at + columns(letter) > WIDTH {
                    self.end(&mut line, &mut at, rest);
                }
                line.push(letter);
                at += columns(letter);
            }
            is_start = false;
        }
        self.end(&mut line, &mut at, rest);
    }

    fn end(&mut self, line: &mut String, at: &mut usize, indent: usize) {
        self.text.push_str(line.trim_end());
        self.gap();
        *line = " ".repeat(indent);
        *at = indent;
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

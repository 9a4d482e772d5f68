//! Makes foreign words fit to be laid out: no control characters, no tricks with the direction of writing, not too long.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::model::{Cadence, Digest};

/// Marks on one letter, and signs that join letters, in a row: emoji families and every script do with four; more of them
/// run into the lines above and below.
const MARKS_MAX: usize = 4;

/// One line of at most so many letters. White space of any kind becomes one space; control characters, and those that turn
/// the direction of what follows, are left out.
pub fn plain(text: &str, letters_max: usize) -> String {
    let mut line = String::new();
    let mut letters = 0;
    let mut is_gap = false;
    let mut marks = 0;
    // A megabyte of characters that are left out is not worth reading to its end.
    for letter in text.chars().take(letters_max.saturating_mul(20)) {
        if letter.is_whitespace() {
            is_gap = !line.is_empty();
            continue;
        }
        marks = if is_mark(letter) { marks + 1 } else { 0 };
        if is_unwanted(letter) || marks > MARKS_MAX {
            continue;
        }
        if letters + usize::from(is_gap) + 1 >= letters_max.max(2) {
            line.push('…');
            return line;
        }
        if is_gap {
            line.push(' ');
            letters += 1;
            is_gap = false;
        }
        line.push(letter);
        letters += 1;
    }
    line
}

/// Control characters, signs that turn the direction of writing, and those that take room or hide words without being seen.
fn is_unwanted(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{FFFE}'
                | '\u{FFFF}' | '\u{2028}' | '\u{2029}' | '\u{AD}' | '\u{34F}' | '\u{115F}' | '\u{1160}' | '\u{17B4}'
                | '\u{17B5}' | '\u{180E}' | '\u{200B}' | '\u{2060}'..='\u{2064}' | '\u{3164}' | '\u{FFA0}'
                | '\u{E0000}'..='\u{E0FFF}'
        )
}

/// Stands on the letter before it, or joins two.
fn is_mark(letter: char) -> bool {
    matches!(letter as u32,
        0x300..=0x36F | 0x483..=0x489 | 0x1AB0..=0x1AFF | 0x1DC0..=0x1DFF | 0x200C..=0x200F | 0x20D0..=0x20FF
            | 0xFE00..=0xFE0F | 0xFE20..=0xFE2F)
}

/// Foreign words in a line of ours: where they are written from right to left, they keep to themselves and do not turn
/// what follows them (Unicode Standard Annex 9, 2.4).
pub fn isolated(text: &str) -> String {
    if text.chars().any(is_right_to_left) {
        format!("\u{2068}{text}\u{2069}")
    } else {
        text.to_owned()
    }
}

/// A foreign name in a line of ours: short, harmless, and keeping to itself.
pub fn name(text: &str, letters_max: usize) -> String {
    isolated(&plain(text, letters_max))
}

/// The same in quotation marks, which turn with it.
pub fn quoted(text: &str, letters_max: usize) -> String {
    isolated(&format!("\u{201c}{}\u{201d}", plain(text, letters_max)))
}

fn is_right_to_left(letter: char) -> bool {
    matches!(letter as u32,
        0x590..=0x8FF | 0x200F | 0xFB1D..=0xFDFF | 0xFE70..=0xFEFC | 0x10800..=0x10FFF | 0x1E800..=0x1EFFF)
}

/// How many columns of a terminal a letter takes.
pub fn columns(letter: char) -> usize {
    match letter as u32 {
        0x300..=0x36F | 0x483..=0x489 | 0x591..=0x5BD | 0x64B..=0x65F | 0x1AB0..=0x1AFF => 0,
        0x1DC0..=0x1DFF | 0x200B..=0x200F | 0x2066..=0x2069 | 0x20D0..=0x20FF => 0,
        0xFE00..=0xFE0F | 0xFE20..=0xFE2F | 0x1F3FB..=0x1F3FF => 0,
        0x1100..=0x115F | 0x2E80..=0xA4CF | 0xAC00..=0xD7A3 | 0xF900..=0xFAFF | 0xFE30..=0xFE6F => {
            2
        }
        0xFF00..=0xFF60 | 0xFFE0..=0xFFE6 | 0x1F000..=0x1FAFF | 0x20000..=0x3FFFD => 2,
        _ => 1,
    }
}

/// How many columns of a terminal a text takes.
pub fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

/// "1 conversation", "3 conversations".
pub fn some(count: u64, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}

/// A share in whole percent; never 0 or 100 when it is not.
pub fn percent(share: f64) -> String {
    let share = if share.is_finite() {
        share.clamp(0.0, 1.0) * 100.0
    } else {
        0.0
    };
    match share {
        share if share > 0.0 && share < 1.0 => "under 1 %".to_owned(),
        share if share < 100.0 && share > 99.0 => "over 99 %".to_owned(),
        share => format!("{share:.0} %"),
    }
}

/// A number with at most one decimal.
pub fn decimal(number: f64) -> String {
    let number = if number.is_finite() { number } else { 0.0 };
    let text = format!("{number:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// The window in words: "Week 2026-W13, 23 to 29 March 2026".
pub fn window(digest: &Digest) -> String {
    let zone: Tz = digest.zone.parse().unwrap_or(Tz::UTC);
    let local = |at: DateTime<Utc>| at.with_timezone(&zone);
    let first = local(digest.start);
    // The last instant inside; an absurd digest may start at the beginning of time.
    let last = local(
        digest
            .end
            .checked_sub_signed(chrono::TimeDelta::microseconds(1))
            .unwrap_or(digest.end),
    );
    let key = plain(&digest.window, 30);
    match digest.cadence {
        Cadence::Daily => format!("Day {key}, {}", first.format("%A %-d %B %Y")),
        Cadence::Monthly => format!("Month {key}, {}", first.format("%B %Y")),
        Cadence::Weekly => {
            let (start, end) = (
                first.format("%B %Y").to_string(),
                last.format("%B %Y").to_string(),
            );
            let from = if start == end {
                first.format("%-d")
            } else {
                first.format("%-d %B %Y")
            };
            format!("Week {key}, {from} to {}", last.format("%-d %B %Y"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_words_become_one_harmless_line() {
        assert_eq!(plain(" a\u{0}\nb\u{202E}c\t d ", 20), "a bc d");
        assert_eq!(plain("hello world", 8), "hello w…");
        assert_eq!(plain("hello", 6), "hello");
        assert_eq!(plain("שלום 🙂", 20), "שלום 🙂");
        assert_eq!(
            plain("👩\u{200D}👩\u{200D}👧", 20),
            "👩\u{200D}👩\u{200D}👧"
        );
        assert_eq!(plain("hid\u{200B}\u{AD}\u{E0041}den", 20), "hidden");
        let tower = format!("a{}b", "\u{301}".repeat(50));
        assert_eq!(plain(&tower, 20), format!("a{}b", "\u{301}".repeat(4)));
    }

    #[test]
    fn words_from_right_to_left_do_not_turn_what_follows() {
        assert_eq!(isolated("left"), "left");
        assert_eq!(isolated("שלום"), "\u{2068}שלום\u{2069}");
    }

    #[test]
    fn numbers_are_short_and_never_say_none_or_all_when_it_is_not() {
        assert_eq!(percent(0.004), "under 1 %");
        assert_eq!(percent(0.996), "over 99 %");
        assert_eq!(
            (percent(0.0), percent(1.0), percent(f64::NAN)),
            ("0 %".into(), "100 %".into(), "0 %".into())
        );
        assert_eq!((decimal(7.5), decimal(8.0)), ("7.5".into(), "8".into()));
    }
}

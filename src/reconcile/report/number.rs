//! Counts as people write them: with points, commas, spaces or apostrophes between thousands, or with decimals that are zeros.

use serde::{Deserialize, Serialize};

use super::sheet::Cell;

/// More than this is no count of conversations.
const COUNT_MAX: i64 = 1_000_000_000;

/// Which mark stands before decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mark {
    /// `1.204,0`
    Comma,
    /// `1,204.0`
    Point,
}

impl Mark {
    fn letter(self) -> char {
        match self {
            Mark::Comma => ',',
            Mark::Point => '.',
        }
    }
}

/// A count; a dash is nothing. Why it is none, otherwise: a formula is text, and no text is a number.
pub fn count(cell: &Cell, mark: Option<Mark>) -> Result<i64, String> {
    let shown = clip(&cell.text);
    let wrong = || format!("\"{shown}\" is not a count; a whole number such as 1204 was expected");
    if cell.text.is_empty() {
        return Err(
            "is empty; a whole number such as 1204 was expected, or a dash for none".to_owned(),
        );
    }
    let plain = without_spaces(&cell.text);
    if ["-", "\u{2013}", "\u{2014}"].contains(&plain.as_str()) {
        return Ok(0);
    }
    if starts_a_formula(&plain) && !is_signed_number(&plain) {
        return Err(format!(
            "\"{shown}\" is a formula, which is never computed; a whole number such as 1204 was expected"
        ));
    }
    let mark = if cell.is_number {
        Some(Mark::Point)
    } else {
        mark
    };
    let (whole, decimals) = split(&plain, mark).ok_or_else(wrong)?;
    if decimals.bytes().any(|digit| digit != b'0') {
        return Err(format!(
            "\"{shown}\" is no whole number; a count such as 1204 was expected"
        ));
    }
    let number: i64 = whole.parse().map_err(|_| wrong())?;
    if number > COUNT_MAX {
        return Err(format!("{number} is more than any report counts"));
    }
    Ok(number)
}

/// Whether a cell looks like a number of any kind, a share or a time included.
pub fn looks_like_number(cell: &Cell) -> bool {
    let plain = without_spaces(&cell.text);
    let plain = plain.trim_end_matches('%').trim_start_matches(['-', '+']);
    let is_dash = ["", "\u{2013}", "\u{2014}"].contains(&plain);
    cell.is_number
        || (is_dash && !cell.text.is_empty())
        || (plain.bytes().any(|byte| byte.is_ascii_digit())
            && plain
                .chars()
                .all(|letter| letter.is_ascii_digit() || [',', '.', ':'].contains(&letter)))
}

/// The mark of a number that has exactly three digits behind each of its marks, all of one kind: `1.204`.
pub fn lone_mark(cell: &Cell) -> Option<Mark> {
    if cell.is_number {
        return None;
    }
    let plain = without_spaces(&cell.text);
    let mark = [Mark::Comma, Mark::Point]
        .into_iter()
        .find(|mark| plain.contains(mark.letter()))?;
    thousands(&plain, mark.letter()).map(|_| mark)
}

fn without_spaces(text: &str) -> String {
    let is_kept =
        |letter: &char| !letter.is_whitespace() && !['\'', '\u{2019}', '_'].contains(letter);
    text.chars().filter(is_kept).collect()
}

/// What spreadsheets would compute.
pub fn starts_a_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@'])
}

fn is_signed_number(plain: &str) -> bool {
    let digits = plain.trim_start_matches(['+', '-']);
    !digits.is_empty()
        && digits
            .chars()
            .all(|letter| letter.is_ascii_digit() || [',', '.'].contains(&letter))
}

/// The digits of the whole part, and those behind the decimal mark.
fn split(plain: &str, mark: Option<Mark>) -> Option<(String, String)> {
    if let Some(mark) = mark {
        let (whole, decimals) = plain.split_once(mark.letter()).unwrap_or((plain, ""));
        let other = if mark == Mark::Comma { '.' } else { ',' };
        return Some((thousands(whole, other)?, digits(decimals)?));
    }
    let last = plain.rfind([',', '.']).map(|place| plain.split_at(place));
    let Some((whole, rest)) = last else {
        return Some((digits(plain).filter(|d| !d.is_empty())?, String::new()));
    };
    let (used, decimals) = rest.split_at(1);
    let used = if used == "," { ',' } else { '.' };
    let other = if used == ',' { '.' } else { ',' };
    if whole.contains(other) {
        // 1.204,00 and 1,204.00: the last mark is that of the decimals.
        return Some((thousands(whole, other)?, digits(decimals)?));
    }
    // 1.204 is a thousand; 12.0 from a spreadsheet is twelve.
    match thousands(plain, used) {
        Some(whole) => Some((whole, String::new())),
        None => Some((
            digits(whole).filter(|d| !d.is_empty())?,
            digits(decimals).filter(|d| !d.is_empty())?,
        )),
    }
}

/// The digits of a number with this mark between thousands, or with none.
fn thousands(text: &str, mark: char) -> Option<String> {
    let parts: Vec<&str> = text.split(mark).collect();
    let are_digits = parts
        .iter()
        .all(|part| digits(part).is_some() && !part.is_empty());
    let is_grouped =
        parts.len() == 1 || (parts[0].len() <= 3 && parts[1..].iter().all(|part| part.len() == 3));
    (are_digits && is_grouped).then(|| parts.concat())
}

fn digits(text: &str) -> Option<String> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.to_owned())
}

/// A cell as it is quoted in a message.
pub fn clip(text: &str) -> String {
    let shown: String = text
        .chars()
        .take(40)
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect();
    if text.chars().nth(40).is_some() {
        format!("{shown}…")
    } else {
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Cell {
        Cell {
            text: text.to_owned(),
            is_number: false,
        }
    }

    #[test]
    fn counts_with_marks_between_thousands_are_understood() {
        let cases = [
            ("1,234", 1234),
            ("1.234.567", 1_234_567),
            ("1 234", 1234),
            ("1\u{202f}234", 1234),
            ("1'234", 1234),
            ("12.0", 12),
            ("1.204,00", 1204),
            ("1,204.0", 1204),
            ("0", 0),
            ("-", 0),
        ];
        for (cell, expected) in cases {
            assert_eq!(count(&text(cell), None), Ok(expected), "{cell}");
        }
        for cell in [
            "",
            "12.5",
            "-3",
            "=1+1",
            "@sum",
            "+7",
            "many",
            "1,23,456",
            "99999999999",
            "1.2.3,4",
            ",",
            "12,",
        ] {
            assert!(count(&text(cell), None).is_err(), "{cell}");
        }
    }

    #[test]
    fn a_stated_mark_decides() {
        assert_eq!(count(&text("1.204"), Some(Mark::Comma)), Ok(1204));
        assert_eq!(count(&text("1.000"), Some(Mark::Point)), Ok(1));
        assert!(count(&text("1.204"), Some(Mark::Point)).is_err());
        assert_eq!(count(&text("1,204.00"), Some(Mark::Point)), Ok(1204));
        let number = Cell {
            text: "1.204".to_owned(),
            is_number: true,
        };
        assert!(
            count(&number, Some(Mark::Comma)).is_err(),
            "the file says that it is a little more than one"
        );
    }

    #[test]
    fn a_formula_is_named_and_never_computed() {
        let said = count(&text("=SUM(C2:C9)"), None).unwrap_err();
        assert!(said.contains("never computed"), "{said}");
    }
}

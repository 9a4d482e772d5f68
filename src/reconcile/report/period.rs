//! Periods as people write them: `2026-W13`, `KW 13/2026`, `March 2026`, `03/2026`, `30.03.2026`, `03/30/2026`, or a first and a last day.
//!
//! A cell is read first without deciding anything; what `03/04/2026` means, and whether dates stand for days, weeks or
//! months, is settled for the whole column, because the column's other cells tell.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

/// In which order day, month and year stand in a date of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// 3 April is 03/04.
    Dmy,
    /// 3 April is 04/03.
    Mdy,
    /// The year stands first, also with two digits.
    Ymd,
}

/// A day, as far as its cell tells which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Day {
    /// It can be no other.
    Known(NaiveDate),
    /// Three numbers; which is which depends on the order.
    Numbers(u32, u32, u32),
}

impl Day {
    /// The day in an order of its numbers; without one, if only one order makes a day of them.
    pub fn resolve(self, order: Option<Order>) -> Option<NaiveDate> {
        match (self, order) {
            (Day::Known(day), _) => Some(day),
            (Day::Numbers(..), Some(order)) => self.reading(order),
            (Day::Numbers(..), None) => {
                let mut days = [Order::Dmy, Order::Mdy]
                    .map(|order| self.reading(order))
                    .into_iter()
                    .flatten();
                let first = days.next()?;
                days.all(|other| other == first).then_some(first)
            }
        }
    }

    /// The day that an order makes of it.
    pub fn reading(self, order: Order) -> Option<NaiveDate> {
        let (first, second, third) = match self {
            Day::Known(day) => return Some(day),
            Day::Numbers(first, second, third) => (first, second, third),
        };
        let (year, month, day) = match order {
            Order::Dmy => (third, second, first),
            Order::Mdy => (third, first, second),
            Order::Ymd => (first, second, third),
        };
        let year = if year < 100 { year + 2000 } else { year };
        date(year, month, day)
    }
}

/// What a cell says of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// One day; it may stand for its week or month.
    Date(Day),
    /// From a first to a last day.
    Range(Day, Day),
    /// A week, with its year where that is said.
    Week(Option<i32>, u32),
    /// A month, with its year where that is said.
    Month(Option<i32>, u32),
    /// A number alone: a week or month, if its header says so and another column holds the year.
    Number(u32),
}

impl Period {
    /// Reads a cell; `None` where it is no period.
    pub fn parse(cell: &str) -> Option<Self> {
        let cell = cell.trim();
        if cell.len() > 60 || !cell.starts_with(|letter: char| letter.is_alphanumeric()) {
            return None;
        }
        for mark in [
            " - ",
            " \u{2013} ",
            "\u{2013}",
            " \u{2014} ",
            " to ",
            " bis ",
            "..",
            "/",
        ] {
            if let Some((first, last)) = cell.split_once(mark) {
                let days = (single(first.trim()), single(last.trim()));
                if let (Some(Period::Date(first)), Some(Period::Date(last))) = days {
                    return Some(Period::Range(first, last));
                }
            }
        }
        single(cell)
    }

    /// The days that it names.
    pub fn days(&self) -> Vec<Day> {
        match self {
            Period::Date(day) => vec![*day],
            Period::Range(first, last) => vec![*first, *last],
            _ => Vec::new(),
        }
    }
}

/// The pieces of a cell: numbers with how many digits they have, and words that mean something.
#[derive(Default)]
struct Pieces {
    numbers: Vec<(u32, usize)>,
    month: Option<u32>,
    is_week: bool,
    has_points: bool,
}

const MONTHS: [&[&str]; 12] = [
    &["jan", "january", "januar", "jänner"],
    &["feb", "february", "februar"],
    &["mar", "march", "mär", "märz", "maerz", "mrz"],
    &["apr", "april"],
    &["may", "mai"],
    &["jun", "june", "juni"],
    &["jul", "july", "juli"],
    &["aug", "august"],
    &["sep", "sept", "september"],
    &["oct", "okt", "october", "oktober"],
    &["nov", "november"],
    &["dec", "dez", "december", "dezember"],
];

const WEEK_WORDS: [&str; 7] = ["w", "kw", "cw", "wk", "week", "woche", "kalenderwoche"];

/// Words that may stand beside a date and change nothing.
const OTHER_WORDS: [&str; 36] = [
    "s",
    "m",
    "of",
    "the",
    "calendar",
    "ending",
    "starting",
    "commencing",
    "beginning",
    "st",
    "nd",
    "rd",
    "th",
    "uhr",
    "z",
    "mon",
    "tue",
    "wed",
    "thu",
    "fri",
    "sat",
    "sun",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "mo",
    "di",
    "mi",
    "do",
    "fr",
    "sa",
    "so",
];

fn pieces(text: &str) -> Option<Pieces> {
    let mut found = Pieces::default();
    let lower = text.to_lowercase();
    let mut rest = lower.as_str();
    while let Some(letter) = rest.chars().next() {
        let is_digit = letter.is_ascii_digit();
        if !is_digit && !letter.is_alphabetic() {
            found.has_points |= letter == '.';
            let is_mark = letter.is_whitespace() || "-./,'()\u{2019}".contains(letter);
            if !is_mark {
                return None;
            }
            rest = &rest[letter.len_utf8()..];
            continue;
        }
        let is_other =
            |c: char| c.is_ascii_digit() != is_digit || !(c.is_ascii_digit() || c.is_alphabetic());
        let end = rest.find(is_other).unwrap_or(rest.len());
        let (piece, after) = rest.split_at(end);
        rest = after;
        if is_digit {
            found.numbers.push((piece.parse().ok()?, piece.len()));
        } else if let Some(month) = MONTHS.iter().position(|names| names.contains(&piece)) {
            let month = u32::try_from(month + 1).ok()?;
            if found.month.replace(month).is_some() {
                return None;
            }
        } else if WEEK_WORDS.contains(&piece) {
            found.is_week = true;
        } else if !OTHER_WORDS.contains(&piece) {
            return None;
        }
    }
    (found.numbers.len() <= 3).then_some(found)
}

/// A cell without its time of day: spreadsheets add midnight.
fn without_time(text: &str) -> &str {
    let Some(colon) = text.find(':') else {
        return text;
    };
    let start = text[..colon].rfind([' ', 'T', ',']);
    start.map_or(text, |start| text[..start].trim_end_matches(','))
}

fn single(text: &str) -> Option<Period> {
    let found = pieces(without_time(text))?;
    let year = |number: (u32, usize)| {
        (number.1 == 4 && (1970..=2200).contains(&number.0))
            .then(|| i32::try_from(number.0).ok())
            .flatten()
    };
    let short = |number: (u32, usize), most: u32| {
        (number.1 <= 2 && (1..=most).contains(&number.0)).then_some(number.0)
    };
    match (found.month, found.numbers.as_slice()) {
        (Some(month), []) => Some(Period::Month(None, month)),
        (Some(month), &[only]) => match year(only) {
            Some(year) => Some(Period::Month(Some(year), month)),
            // "Mar-26" is how spreadsheets write March 2026.
            None if only.1 == 2 => Some(Period::Month(
                Some(2000 + i32::try_from(only.0).ok()?),
                month,
            )),
            None => None,
        },
        (Some(month), &[one, two]) => {
            let (day, year) = match (year(one), year(two)) {
                (None, Some(year)) => (one, year),
                (Some(year), None) => (two, year),
                (None, None) if two.1 == 2 => (one, 2000 + i32::try_from(two.0).ok()?),
                _ => return None,
            };
            let day = date(u32::try_from(year).ok()?, month, short(day, 31)?)?;
            Some(Period::Date(Day::Known(day)))
        }
        (None, &[only]) if found.is_week => Some(Period::Week(None, short(only, 53)?)),
        (None, &[one, two]) if found.is_week => match (year(one), year(two)) {
            (Some(year), None) => Some(Period::Week(Some(year), short(two, 53)?)),
            (None, Some(year)) => Some(Period::Week(Some(year), short(one, 53)?)),
            _ => None,
        },
        (None, &[one, two]) => match (year(one), year(two)) {
            (Some(year), None) => Some(Period::Month(Some(year), short(two, 12)?)),
            (None, Some(year)) => Some(Period::Month(Some(year), short(one, 12)?)),
            _ => None,
        },
        (None, &[one, two, three]) => {
            three_numbers([one, two, three], found.has_points, year(one).is_some())
        }
        (None, &[(number, 8)]) => date(number / 10_000, number / 100 % 100, number % 100)
            .map(|day| Period::Date(Day::Known(day))),
        (None, &[(number, 6)]) => {
            let (year, month) = (i32::try_from(number / 100).ok()?, number % 100);
            ((1970..=2200).contains(&year) && (1..=12).contains(&month))
                .then_some(Period::Month(Some(year), month))
        }
        (None, &[only]) => short(only, 53).map(Period::Number),
        _ => None,
    }
}

fn three_numbers(
    numbers: [(u32, usize); 3],
    has_points: bool,
    is_year_first: bool,
) -> Option<Period> {
    let [one, two, three] = numbers;
    let known = |year, month, day| date(year, month, day).map(|day| Period::Date(Day::Known(day)));
    if is_year_first {
        return known(one.0, two.0, three.0);
    }
    let is_short = |number: (u32, usize)| number.1 <= 2;
    if !is_short(one) || !is_short(two) || !(three.1 == 4 || three.1 == 2) {
        return None;
    }
    // Dates with points have the day first wherever they are written so.
    if has_points {
        let year = if three.1 == 2 {
            2000 + three.0
        } else {
            three.0
        };
        return known(year, two.0, one.0);
    }
    let day = Day::Numbers(one.0, two.0, three.0);
    let mut orders = [Order::Dmy, Order::Mdy, Order::Ymd].into_iter();
    orders
        .any(|order| day.reading(order).is_some())
        .then_some(Period::Date(day))
}

fn date(year: u32, month: u32, day: u32) -> Option<NaiveDate> {
    let year = i32::try_from(year)
        .ok()
        .filter(|year| (1970..=2200).contains(year))?;
    NaiveDate::from_ymd_opt(year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn known(text: &str) -> Period {
        Period::Date(Day::Known(text.parse().unwrap()))
    }

    #[test]
    fn weeks_and_months_are_read_in_the_ways_that_people_write_them() {
        for text in [
            "2026-W13",
            "2026W13",
            "2026-w13",
            "KW 13/2026",
            "KW13 2026",
            "Week 13, 2026",
            "W13 2026",
            "2026-W13s",
            "CW13/2026",
            "calendar week 13 of 2026",
        ] {
            assert_eq!(
                Period::parse(text),
                Some(Period::Week(Some(2026), 13)),
                "{text}"
            );
        }
        for text in [
            "2026-03",
            "2026/03",
            "03/2026",
            "3.2026",
            "March 2026",
            "Mar 2026",
            "März 2026",
            "2026 March",
            "Mar-26",
            "Mar '26",
            "202603",
            "2026M03",
        ] {
            assert_eq!(
                Period::parse(text),
                Some(Period::Month(Some(2026), 3)),
                "{text}"
            );
        }
        assert_eq!(Period::parse("March"), Some(Period::Month(None, 3)));
        assert_eq!(Period::parse("KW 13"), Some(Period::Week(None, 13)));
        assert_eq!(Period::parse("13"), Some(Period::Number(13)));
    }

    #[test]
    fn days_are_read_in_the_ways_that_people_write_them() {
        for text in [
            "2026-03-30",
            "2026/03/30",
            "30.03.2026",
            "30.3.26",
            "20260330",
            "30 March 2026",
            "March 30, 2026",
            "30. März 2026",
            "2026-03-30 00:00:00",
            "2026-03-30T00:00:00Z",
            "Mon 30 Mar 2026",
            "30-Mar-2026",
            "Week of March 30th, 2026",
        ] {
            assert_eq!(Period::parse(text), Some(known("2026-03-30")), "{text}");
        }
        assert_eq!(
            Period::parse("03/04/2026"),
            Some(Period::Date(Day::Numbers(3, 4, 2026)))
        );
        for text in [
            "2026-03-23/2026-03-29",
            "2026-03-23 - 2026-03-29",
            "23.03.2026\u{2013}29.03.2026",
            "23 Mar 2026 to 29 Mar 2026",
        ] {
            assert!(
                matches!(Period::parse(text), Some(Period::Range(..))),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_period_is_none() {
        for text in [
            "",
            "Billing",
            "2026",
            "1204",
            "2026-3x",
            "2026-13",
            "2026-02-30",
            "=2026-03",
            "12.5",
            "March April 2026",
            "Q1 2026",
            "99/99/2026",
            "2026-W54",
            "3.204",
            "99999999999999999999",
            "É",
            "10,11,12,13",
        ] {
            assert_eq!(Period::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_order_decides_what_numbers_mean() {
        let day = Day::Numbers(3, 4, 2026);
        assert_eq!(day.resolve(None), None);
        assert_eq!(day.resolve(Some(Order::Dmy)), "2026-04-03".parse().ok());
        assert_eq!(day.resolve(Some(Order::Mdy)), "2026-03-04".parse().ok());
        assert_eq!(
            Day::Numbers(25, 3, 2026).resolve(None),
            "2026-03-25".parse().ok()
        );
        assert_eq!(
            Day::Numbers(5, 5, 2026).resolve(None),
            "2026-05-05".parse().ok()
        );
        assert_eq!(
            Day::Numbers(26, 4, 3).reading(Order::Ymd),
            "2026-04-03".parse().ok()
        );
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in "\\PC{0,80}") {
            let _ = Period::parse(&text);
        }

        #[test]
        fn nothing_near_a_date_is_too_strange(text in "[0-9wWkK/. :T,'\u{2013}-]{0,24}") {
            let _ = Period::parse(&text);
        }
    }
}

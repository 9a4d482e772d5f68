//! Reads the many forms of a date-time. One without an offset is wall-clock time in the configured
//! zone: a doubled hour is its first pass, a skipped one the first instant after the gap.

use chrono::{
    DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, SubsecRound, TimeDelta, TimeZone, Utc,
};
use chrono_tz::Tz;

/// Which comes first in `03/04/2026`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateOrder {
    /// 3 April.
    DayFirst,
    /// March 4.
    MonthFirst,
}

const DATES: [&str; 8] = [
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%d.%m.%Y",
    "%d %B %Y",
    "%d-%B-%Y",
    "%B %d, %Y",
    "%B %d %Y",
    "%d. %B %Y",
];

const TIMES: [&str; 5] = ["%H:%M:%S%.f", "%H:%M", "%I:%M:%S %p", "%I:%M %p", "%H.%M"];

/// An instant, or why it is none. The reason never quotes the text.
pub fn parse(
    text: &str,
    zone: Tz,
    order: Option<DateOrder>,
) -> Result<DateTime<Utc>, &'static str> {
    let text = text.trim();
    if text.is_empty() {
        return Err("is empty");
    }
    let instant = match with_offset(text) {
        Some(instant) => instant,
        None => resolve(wall(text, order)?, zone).ok_or("is not a time in the configured zone")?,
    };
    if !(1970..=2200).contains(&instant.year()) {
        return Err("is not between 1970 and 2200");
    }
    Ok(instant.trunc_subsecs(6))
}

fn with_offset(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Some(instant.to_utc());
    }
    let utc = [" UTC", " GMT", "Z"]
        .iter()
        .find_map(|end| text.strip_suffix(end));
    if let Some(wall) = utc.and_then(|bare| wall(bare, None).ok()) {
        return Some(wall.and_utc());
    }
    let formats = [
        "%Y-%m-%dT%H:%M:%S%.f%z",
        "%Y-%m-%d %H:%M:%S%.f %z",
        "%Y-%m-%d %H:%M %z",
    ];
    let found = formats
        .iter()
        .find_map(|format| DateTime::parse_from_str(text, format).ok());
    found
        .or_else(|| DateTime::parse_from_rfc2822(text).ok())
        .map(|instant| instant.to_utc())
}

/// Date and time of day as they stand there.
fn wall(text: &str, order: Option<DateOrder>) -> Result<NaiveDateTime, &'static str> {
    const UNKNOWN: &str = "is not a date-time";
    let (day, rest) = date_part(text, order)?;
    let rest = rest.trim_start_matches([',', 'T', ' ']).trim();
    let rest = rest
        .strip_prefix("at ")
        .or(rest.strip_prefix("um "))
        .unwrap_or(rest);
    let rest = rest.strip_suffix("Uhr").unwrap_or(rest).trim();
    if rest.is_empty() {
        return Ok(day.and_time(NaiveTime::MIN));
    }
    let time = TIMES
        .iter()
        .find_map(|format| NaiveTime::parse_from_str(rest, format).ok());
    time.map(|time| day.and_time(time)).ok_or(UNKNOWN)
}

fn date_part(text: &str, order: Option<DateOrder>) -> Result<(NaiveDate, &str), &'static str> {
    let starts_with_year = text.bytes().take(4).filter(u8::is_ascii_digit).count() == 4;
    for format in DATES
        .into_iter()
        .filter(|format| format.starts_with("%Y") == starts_with_year)
    {
        if let Ok((day, rest)) = NaiveDate::parse_and_remainder(text, format)
            && !rest.starts_with(|c: char| c.is_ascii_digit())
        {
            return Ok((day, rest));
        }
    }
    slashes(text, order)
}

/// `03/04/2026` and `03-04-2026`: only with a stated order, or when one of the two cannot be a month.
fn slashes(text: &str, order: Option<DateOrder>) -> Result<(NaiveDate, &str), &'static str> {
    const UNKNOWN: &str = "is not a date-time";
    let end = text.find([' ', ',', 'T']).unwrap_or(text.len());
    let mark = if text[..end].contains('/') { '/' } else { '-' };
    let parts: Vec<u32> = text[..end]
        .split(mark)
        .filter_map(|part| part.parse().ok())
        .collect();
    let &[first, second, year] = parts.as_slice() else {
        return Err(UNKNOWN);
    };
    let year = if year < 100 { year + 2000 } else { year };
    let (day, month) = match (order, first > 12, second > 12) {
        (Some(DateOrder::DayFirst), ..) | (None, true, _) => (first, second),
        (Some(DateOrder::MonthFirst), ..) | (None, _, true) => (second, first),
        (None, ..) if first == second => (first, second),
        (None, ..) => {
            return Err("may be day/month or month/day: set date_order to \"dmy\" or \"mdy\"");
        }
    };
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).map_err(|_| UNKNOWN)?, month, day);
    date.map(|date| (date, &text[end..])).ok_or(UNKNOWN)
}

fn resolve(wall: NaiveDateTime, zone: Tz) -> Option<DateTime<Utc>> {
    // A gap is mostly an hour; a zone once skipped a whole day.
    (0..=26 * 4)
        .find_map(|quarters| {
            zone.from_local_datetime(&(wall + TimeDelta::minutes(quarters * 15)))
                .earliest()
        })
        .map(|instant| instant.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let found = parse(text, Tz::Europe__Berlin, None);
        assert_eq!(found, Ok(expected.parse().unwrap()), "{text}");
    }

    #[test]
    fn forms_with_an_offset_are_instants() {
        for text in [
            "2026-03-02T09:12:00Z",
            "2026-03-02T10:12:00+01:00",
            "2026-03-02T10:12:00+0100",
            "2026-03-02 09:12:00 UTC",
            "2026-03-02 10:12:00 +0100",
            "2026-03-02 09:12:00Z",
            "Mon, 2 Mar 2026 09:12:00 GMT",
        ] {
            check(text, "2026-03-02T09:12:00Z");
        }
    }

    #[test]
    fn forms_without_one_are_read_in_the_zone() {
        for text in [
            "2026-03-02T10:12:00",
            "2026-03-02 10:12",
            "02.03.2026 10:12",
            "2.3.2026, 10:12 Uhr",
            "2 Mar 2026 10:12",
            "Mar 2, 2026 10:12 AM",
            "2026/03/02 10:12:00",
            "March 2, 2026 10:12",
        ] {
            check(text, "2026-03-02T09:12:00Z");
        }
        check("2026-03-02", "2026-03-01T23:00:00Z");
        check("25/03/2026 10:12", "2026-03-25T09:12:00Z");
        check("03/25/2026 10:12 PM", "2026-03-25T21:12:00Z");
    }

    #[test]
    fn clock_changes_are_defined() {
        check("2026-03-29 02:30", "2026-03-29T01:00:00Z");
        check("2026-10-25 02:30", "2026-10-25T00:30:00Z");
    }

    #[test]
    fn an_ambiguous_date_is_asked_for() {
        let error = parse("03/04/2026", Tz::UTC, None).unwrap_err();
        assert!(error.contains("date_order"), "{error}");
        let with = |order| {
            parse("03/04/2026", Tz::UTC, Some(order))
                .unwrap()
                .to_rfc3339()
        };
        assert!(with(DateOrder::DayFirst).starts_with("2026-04-03"));
        assert!(with(DateOrder::MonthFirst).starts_with("2026-03-04"));
    }

    #[test]
    fn what_is_no_date_says_so_without_quoting() {
        for text in [
            "",
            "yesterday",
            "1234567890",
            "0001-01-01",
            "32.01.2026",
            "2026-03-02 25:00",
            "é",
        ] {
            assert!(parse(text, Tz::UTC, None).is_err(), "{text}");
        }
    }
}

//! What stands in one cell of a report: a period, or a count.

use chrono::{DateTime, NaiveDate, Utc};

use crate::model::{Cadence, Calendar, Window};

/// More than this is no count of conversations.
const COUNT_MAX: i64 = 1_000_000_000;

/// `2026-W13`, `2026-03`, `2026-03-30` or `2026-03-23/2026-03-29`; a date under a header "week" or "month" is that week or month.
pub fn window(cell: &str, stated: Option<Cadence>, calendar: &Calendar) -> Result<Window, String> {
    let wrong = || {
        format!(
            "\"{}\" is not a period such as 2026-W13, 2026-03 or 2026-03-30",
            clip(cell)
        )
    };
    if let Some((first, last)) = cell.split_once('/') {
        let (first, last) = (
            date(first).ok_or_else(wrong)?,
            date(last).ok_or_else(wrong)?,
        );
        return range(first, last, calendar).ok_or_else(|| {
            format!(
                "\"{}\" is neither a day, a week nor a month of this calendar",
                clip(cell)
            )
        });
    }
    let week = calendar
        .parse(Cadence::Weekly, &week_key(cell))
        .or_else(|| calendar.parse(Cadence::Weekly, &format!("{}s", week_key(cell))));
    let found = week
        .or_else(|| calendar.parse(Cadence::Monthly, cell))
        .or_else(|| {
            date(cell)
                .map(|day| calendar.window(stated.unwrap_or(Cadence::Daily), noon(day, calendar)))
        });
    let found = found.ok_or_else(wrong)?;
    match stated {
        Some(stated) if stated != found.cadence && stated != Cadence::Daily => Err(format!(
            "\"{}\" is a {}, but its column says {}",
            clip(cell),
            found.cadence.noun(),
            stated.noun()
        )),
        _ => Ok(found),
    }
}

/// `2026-W13` from `2026W13` and `2026-w13`. Whether weeks start on Sunday is the calendar's business, not the report's.
fn week_key(cell: &str) -> String {
    let plain = cell.to_uppercase().replace('-', "");
    plain.trim_end_matches('S').replace('W', "-W")
}

fn date(cell: &str) -> Option<NaiveDate> {
    let cell = cell.trim();
    // A time after the date is of no matter: spreadsheets add midnight.
    let day = cell.split(['T', ' ']).next().unwrap_or(cell);
    NaiveDate::parse_from_str(day, "%Y-%m-%d").ok()
}

fn range(first: NaiveDate, last: NaiveDate, calendar: &Calendar) -> Option<Window> {
    Cadence::ALL.into_iter().find_map(|cadence| {
        let window = calendar.window(cadence, noon(first, calendar));
        let is_first = calendar.day_of(window.start) == first;
        let is_last = window.contains(noon(last, calendar))
            && !window.contains(noon(last.succ_opt()?, calendar));
        (is_first && is_last).then_some(window)
    })
}

/// An instant that is surely within the day.
fn noon(day: NaiveDate, calendar: &Calendar) -> DateTime<Utc> {
    let noon = day.and_hms_opt(12, 0, 0).expect("noon is a time of day");
    let local = noon.and_local_timezone(calendar.zone).earliest();
    local.map_or_else(|| noon.and_utc(), |local| local.to_utc())
}

/// A whole number, with or without marks between thousands; a dash is nothing.
pub fn count(cell: &str) -> Result<i64, String> {
    let wrong = || format!("\"{}\" is not a count", clip(cell));
    let plain: String = cell
        .chars()
        .filter(|letter| !letter.is_whitespace() && !['\'', '\u{2019}', '_'].contains(letter))
        .collect();
    if ["-", "\u{2013}", "\u{2014}"].contains(&plain.as_str()) {
        return Ok(0);
    }
    if plain.is_empty() {
        return Err("the count is empty".to_owned());
    }
    let parts: Vec<&str> = plain.split([',', '.']).collect();
    let is_digits =
        |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !parts.iter().all(is_digits) {
        return Err(wrong());
    }
    let are_thousands =
        parts.len() > 1 && parts[0].len() <= 3 && parts[1..].iter().all(|part| part.len() == 3);
    let number: String = match parts.as_slice() {
        [whole] => (*whole).to_owned(),
        _ if are_thousands => parts.concat(),
        // 12.0 from a spreadsheet is 12; 12.5 conversations are none.
        [whole, part] if part.bytes().all(|byte| byte == b'0') => (*whole).to_owned(),
        _ => return Err(wrong()),
    };
    let number: i64 = number.parse().map_err(|_| wrong())?;
    if number > COUNT_MAX {
        return Err(format!("{number} is more than any report counts"));
    }
    Ok(number)
}

fn clip(cell: &str) -> String {
    cell.chars().take(40).collect()
}

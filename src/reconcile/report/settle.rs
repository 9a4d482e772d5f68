//! Settles for a whole column what its periods mean: the order of day and month, whether dates stand for days, weeks or months,
//! on which day weeks start, and the year where cells name none. What the cells leave open is asked.

use chrono::{DateTime, Datelike, NaiveDate, Utc, Weekday};

use crate::model::{Cadence, Calendar, WeekStart, Window};

use super::choices::Choices;
use super::number::clip;
use super::period::{Day, Order, Period};
use super::problem::{Answer, Problem, Question, Trouble};
use super::words;

/// What stands around the periods.
#[derive(Clone, Debug, Default)]
pub struct Around {
    /// The header of their column; empty where the periods are headers themselves.
    pub header: String,
    /// The cadence that the header states.
    pub stated: Option<Cadence>,
    /// Years that the titles, the sheet's or the file's name hold.
    pub years: Vec<i32>,
}

/// What the periods of a report mean.
#[derive(Clone, Debug)]
pub struct Conventions {
    /// The order of day and month, where dates of numbers need one.
    pub order: Option<Order>,
    /// What a date stands for.
    pub dates: Cadence,
    /// What the header says, or a person.
    stated: Option<Cadence>,
    /// Time zone and first day of the report's weeks.
    pub calendar: Calendar,
    /// The year of periods that name none.
    year: Option<i32>,
    /// What a reader should know.
    pub notes: Vec<String>,
}

/// Settles what these periods mean, together.
pub fn settle(
    periods: &[Period],
    around: &Around,
    choices: &Choices,
    calendar: &Calendar,
) -> Result<Conventions, Trouble> {
    let mut notes = Vec::new();
    let days: Vec<Day> = periods.iter().flat_map(Period::days).collect();
    let order = order(&days, around, choices)?;
    let mut dates: Vec<NaiveDate> = periods
        .iter()
        .filter_map(|period| match period {
            Period::Date(day) => day.resolve(order),
            _ => None,
        })
        .collect();
    dates.sort_unstable();
    dates.dedup();
    let cadence = cadence(&dates, around, choices)?;
    let mut calendar = *calendar;
    if let Some(zone) = choices.zone.as_deref().and_then(|zone| zone.parse().ok()) {
        calendar.zone = zone;
    }
    let own = calendar.week_start;
    calendar.week_start = match choices.weeks() {
        Some(start) => start,
        None if cadence == Cadence::Weekly => week_start(&dates, around, own)?,
        None => own,
    };
    if calendar.week_start != own {
        let day = if own == WeekStart::Monday {
            "Sunday"
        } else {
            "Monday"
        };
        notes.push(format!("its weeks start on {day}, unlike ours"));
    }
    Ok(Conventions {
        order,
        dates: cadence,
        stated: choices.cadence.or(around.stated),
        calendar,
        year: year(periods, around, choices, &mut notes)?,
        notes,
    })
}

fn ask(flag: &'static str, text: String, answers: &[(&str, String)]) -> Trouble {
    let answers = answers.iter().map(|(value, meaning)| Answer {
        value: (*value).to_owned(),
        meaning: meaning.clone(),
    });
    Trouble::Ask(Question {
        flag,
        text,
        answers: answers.collect(),
    })
}

/// The order that all dates of numbers allow, or that makes a regular series of them.
fn order(days: &[Day], around: &Around, choices: &Choices) -> Result<Option<Order>, Trouble> {
    let numbers: Vec<Day> = days
        .iter()
        .filter(|day| matches!(day, Day::Numbers(..)))
        .copied()
        .collect();
    let Some(first) = numbers.first().filter(|_| choices.order.is_none()) else {
        return Ok(choices.order);
    };
    let fits = |order: &Order| numbers.iter().all(|day| day.reading(*order).is_some());
    let mut orders: Vec<Order> = [Order::Dmy, Order::Mdy].into_iter().filter(fits).collect();
    if orders.is_empty() && fits(&Order::Ymd) {
        orders.push(Order::Ymd);
    }
    let is_same = |day: &Day| day.resolve(None).is_some();
    match orders.as_slice() {
        [only] => return Ok(Some(*only)),
        [] => {
            let reason = "has dates with the day first and dates with the month first; make them alike, such as 2026-04-03";
            return Err(Problem::whole(reason).into());
        }
        _ if numbers.iter().all(is_same) => return Ok(Some(Order::Dmy)),
        _ => {}
    }
    let regular: Vec<Order> = orders
        .into_iter()
        .filter(|order| is_regular(&numbers, *order, choices.cadence.or(around.stated)))
        .collect();
    if let [only] = regular.as_slice() {
        return Ok(Some(*only));
    }
    let shown = numbers.iter().find(|day| !is_same(day)).unwrap_or(first);
    let name = |order| {
        shown
            .reading(order)
            .map_or_else(String::new, |day| day.format("%-d %B %Y").to_string())
    };
    let Day::Numbers(one, two, three) = *shown else {
        return Ok(None);
    };
    let text = format!(
        "{one:02}/{two:02}/{three} may be {} or {}",
        name(Order::Dmy),
        name(Order::Mdy)
    );
    Err(ask(
        "--date-order",
        text,
        &[("dmy", name(Order::Dmy)), ("mdy", name(Order::Mdy))],
    ))
}

/// Whether an order makes first days of months, or the same day of each week, of at least two dates.
fn is_regular(days: &[Day], order: Order, stated: Option<Cadence>) -> bool {
    let dates: Vec<NaiveDate> = days.iter().filter_map(|day| day.reading(order)).collect();
    let is_series = dates.iter().any(|date| *date != dates[0]);
    match stated {
        Some(Cadence::Monthly) => is_series && dates.iter().all(|date| date.day() == 1),
        Some(Cadence::Weekly) => {
            is_series
                && dates
                    .iter()
                    .all(|date| date.weekday() == dates[0].weekday())
        }
        _ => false,
    }
}

/// What a date stands for.
fn cadence(dates: &[NaiveDate], around: &Around, choices: &Choices) -> Result<Cadence, Trouble> {
    if let Some(cadence) = choices.cadence {
        return Ok(cadence);
    }
    if let Some(cadence @ (Cadence::Weekly | Cadence::Monthly)) = around.stated {
        return Ok(cadence);
    }
    let gaps = || dates.windows(2).map(|pair| (pair[1] - pair[0]).num_days());
    let likely = if dates.len() < 2 {
        Cadence::Daily
    } else if dates.iter().all(|date| date.day() == 1) {
        Cadence::Monthly
    } else if gaps().all(|days| days % 7 == 0) {
        Cadence::Weekly
    } else {
        Cadence::Daily
    };
    if words::says_day(&around.header) {
        return Ok(Cadence::Daily);
    }
    // Under "date", the first days of months may be just those days. Two days may be a week apart by chance.
    let is_chance = likely == Cadence::Weekly && dates.len() < 3;
    if around.stated == Some(Cadence::Daily) && is_chance {
        return Ok(Cadence::Daily);
    }
    if around.stated == Some(Cadence::Daily) && likely != Cadence::Daily {
        let text = match likely {
            Cadence::Monthly => "all dates are first days of months",
            _ => "all dates are whole weeks apart",
        };
        let meaning = |cadence: Cadence| format!("each stands for its {}", cadence.noun());
        let answers = [
            (likely.as_str(), meaning(likely)),
            (Cadence::Daily.as_str(), meaning(Cadence::Daily)),
        ];
        return Err(ask("--cadence", text.to_owned(), &answers));
    }
    Ok(likely)
}

/// The first day of weeks that are given by a date.
fn week_start(dates: &[NaiveDate], around: &Around, own: WeekStart) -> Result<WeekStart, Trouble> {
    let Some(first) = dates.first() else {
        return Ok(own);
    };
    if dates.iter().any(|date| date.weekday() != first.weekday()) {
        return Ok(own);
    }
    let (is_end, is_start) = (
        words::says_end(&around.header),
        words::says_start(&around.header),
    );
    match first.weekday() {
        Weekday::Mon if !is_end => Ok(WeekStart::Monday),
        Weekday::Sat if is_end => Ok(WeekStart::Sunday),
        Weekday::Sun if is_end => Ok(WeekStart::Monday),
        Weekday::Sun if is_start || own == WeekStart::Sunday => Ok(WeekStart::Sunday),
        Weekday::Sun => {
            let text = format!("the weeks are given by Sundays, such as {first}");
            let answers = [
                ("sunday", "a week starts on that Sunday".to_owned()),
                (
                    "monday",
                    "a week starts on Monday and ends on that Sunday".to_owned(),
                ),
            ];
            Err(ask("--week-start", text, &answers))
        }
        _ => Ok(own),
    }
}

/// The year of months and weeks that name none.
fn year(
    periods: &[Period],
    around: &Around,
    choices: &Choices,
    notes: &mut Vec<String>,
) -> Result<Option<i32>, Trouble> {
    let is_bare =
        |period: &Period| matches!(period, Period::Week(None, _) | Period::Month(None, _));
    if choices.year.is_some() || !periods.iter().any(is_bare) {
        return Ok(choices.year);
    }
    match around.years.as_slice() {
        [only] => {
            notes.push(format!(
                "its periods name no year; {only} is taken from its title or name"
            ));
            Ok(Some(*only))
        }
        [] => {
            let text = "its periods name no year".to_owned();
            Err(ask(
                "--year",
                text,
                &[("2026", "or another year".to_owned())],
            ))
        }
        several => {
            let text = "its periods name no year, and its title or name several".to_owned();
            let years: Vec<String> = several.iter().map(ToString::to_string).collect();
            let answers: Vec<(&str, String)> = years
                .iter()
                .map(|year| (year.as_str(), String::new()))
                .collect();
            Err(ask("--year", text, &answers))
        }
    }
}

impl Conventions {
    /// The window of a period; `cell` is what stands in the file.
    pub fn window(&self, period: Option<&Period>, cell: &str) -> Result<Window, String> {
        let shown = clip(cell);
        let wrong =
            || format!("\"{shown}\" is not a period such as 2026-W13, 2026-03 or 2026-03-30");
        let calendar = &self.calendar;
        let found = match period.ok_or_else(wrong)? {
            Period::Date(day) => {
                let day = day.resolve(self.order).ok_or_else(wrong)?;
                calendar.window(self.dates, noon(day, calendar))
            }
            Period::Range(first, last) => {
                let first = first.resolve(self.order).ok_or_else(wrong)?;
                let last = last.resolve(self.order).ok_or_else(wrong)?;
                range(first, last, calendar)
                    .ok_or_else(|| format!("\"{shown}\" is neither a day, a week nor a month"))?
            }
            Period::Week(year, week) => self
                .week(year.or(self.year).ok_or_else(wrong)?, *week)
                .ok_or_else(wrong)?,
            Period::Month(year, month) => self
                .month(year.or(self.year).ok_or_else(wrong)?, *month)
                .ok_or_else(wrong)?,
            Period::Number(number) => match (self.stated, self.year) {
                (Some(Cadence::Weekly), Some(year)) => {
                    self.week(year, *number).ok_or_else(wrong)?
                }
                (Some(Cadence::Monthly), Some(year)) => {
                    self.month(year, *number).ok_or_else(wrong)?
                }
                _ => return Err(wrong()),
            },
        };
        match self.stated {
            Some(stated) if stated != found.cadence && stated != Cadence::Daily => Err(format!(
                "\"{shown}\" is a {}, but its column says {}",
                found.cadence.noun(),
                stated.noun()
            )),
            _ => Ok(found),
        }
    }

    fn week(&self, year: i32, week: u32) -> Option<Window> {
        let end = if self.calendar.week_start == WeekStart::Sunday {
            "s"
        } else {
            ""
        };
        self.calendar
            .parse(Cadence::Weekly, &format!("{year:04}-W{week:02}{end}"))
    }

    fn month(&self, year: i32, month: u32) -> Option<Window> {
        self.calendar
            .parse(Cadence::Monthly, &format!("{year:04}-{month:02}"))
    }
}

/// The day, week or month from a first to a last day; weeks may start on either day, since both are told.
fn range(first: NaiveDate, last: NaiveDate, calendar: &Calendar) -> Option<Window> {
    let other = match calendar.week_start {
        WeekStart::Monday => WeekStart::Sunday,
        WeekStart::Sunday => WeekStart::Monday,
    };
    let calendars = [
        *calendar,
        Calendar {
            week_start: other,
            ..*calendar
        },
    ];
    calendars.iter().find_map(|calendar| {
        Cadence::ALL.into_iter().find_map(|cadence| {
            let window = calendar.window(cadence, noon(first, calendar));
            let is_first = calendar.day_of(window.start) == first;
            let is_last = window.contains(noon(last, calendar))
                && !window.contains(noon(last.succ_opt()?, calendar));
            (is_first && is_last).then_some(window)
        })
    })
}

/// An instant that is surely within the day.
pub fn noon(day: NaiveDate, calendar: &Calendar) -> DateTime<Utc> {
    let noon = day.and_hms_opt(12, 0, 0).expect("noon is a time of day");
    let local = noon.and_local_timezone(calendar.zone).earliest();
    local.map_or_else(|| noon.and_utc(), |local| local.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(header: &str, cells: &[&str], choices: &Choices) -> Result<Vec<String>, String> {
        let periods: Vec<Period> = cells
            .iter()
            .map(|cell| Period::parse(cell).unwrap())
            .collect();
        let around = Around {
            header: header.to_owned(),
            stated: words::period_header(header).flatten(),
            years: Vec::new(),
        };
        let settled =
            settle(&periods, &around, choices, &Calendar::default()).map_err(|t| t.to_string())?;
        let window = |(period, cell): (&Period, &&str)| {
            settled.window(Some(period), cell).map(|window| window.key)
        };
        periods.iter().zip(cells).map(window).collect()
    }

    fn told(header: &str, cells: &[&str]) -> Vec<String> {
        keys(header, cells, &Choices::default()).unwrap()
    }

    #[test]
    fn one_cell_that_can_be_no_month_tells_the_order_of_all() {
        assert_eq!(
            told("day", &["03/04/2026", "25/03/2026"]),
            ["2026-04-03", "2026-03-25"]
        );
        assert_eq!(
            told("day", &["03/04/2026", "03/25/2026"]),
            ["2026-03-04", "2026-03-25"]
        );
        assert_eq!(
            told("month", &["01/02/2026", "01/03/2026"]),
            ["2026-02", "2026-03"]
        );
        assert_eq!(
            told("week", &["06/04/2026", "04/05/2026"]),
            ["2026-W15", "2026-W19"]
        );
    }

    #[test]
    fn what_stays_open_is_asked_with_the_flag_that_decides() {
        let said = keys("day", &["03/04/2026", "05/04/2026"], &Choices::default()).unwrap_err();
        assert_eq!(
            said,
            "03/04/2026 may be 3 April 2026 or 4 March 2026: say --date-order dmy or --date-order mdy"
        );
        let mut choices = Choices::default();
        choices.answer("--date-order", "mdy");
        assert_eq!(
            keys("day", &["03/04/2026"], &choices).unwrap(),
            ["2026-03-04"]
        );
        let said = keys("date", &["2026-03-01", "2026-04-01"], &Choices::default()).unwrap_err();
        assert!(
            said.contains("--cadence monthly or --cadence daily"),
            "{said}"
        );
        let said = keys("week", &["2026-03-29", "2026-04-05"], &Choices::default()).unwrap_err();
        assert!(said.contains("--week-start sunday"), "{said}");
        let said = keys("month", &["March", "April"], &Choices::default()).unwrap_err();
        assert!(said.contains("--year"), "{said}");
        let said = keys("day", &["25/03/2026", "03/25/2026"], &Choices::default()).unwrap_err();
        assert!(
            said.contains("day first and dates with the month first"),
            "{said}"
        );
    }

    #[test]
    fn weeks_by_their_first_or_last_day_are_told_apart() {
        assert_eq!(told("week ending", &["2026-03-29"]), ["2026-W13"]);
        assert_eq!(told("week starting", &["2026-03-29"]), ["2026-W14s"]);
        assert_eq!(told("week ending", &["2026-03-28"]), ["2026-W13s"]);
        assert_eq!(told("period", &["2026-03-22 - 2026-03-28"]), ["2026-W13s"]);
        assert_eq!(
            told("period", &["2026-03-23", "2026-03-30"]),
            ["2026-W13", "2026-W14"]
        );
        assert_eq!(
            told("period", &["2026-03-01", "2026-04-01"]),
            ["2026-03", "2026-04"]
        );
    }
}

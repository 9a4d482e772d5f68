//! A helpdesk's export of tickets: one row a ticket, no report yet. It is counted into one, by the date on which tickets were
//! opened, solved or closed, and by the field that reports are built on.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::connectors::date::{self, DateOrder};
use crate::connectors::file::Export;
use crate::model::{Cadence, Calendar, OfficialReport, ReportBasis, ReportRow};

use super::choices::Choices;
use super::gather::About;
use super::layout::Found;
use super::line_key;
use super::lines::Read;
use super::period::{Order, Period};
use super::problem::{Answer, PROBLEMS_MAX, Problem, Question, Trouble};
use super::settle::{Around, settle};
use super::table::Table;

/// Counts the tickets of an export.
pub fn read(
    found: &Found<'_>,
    export: &Export,
    choices: &Choices,
    calendar: &Calendar,
    name: &str,
) -> Result<Read, Trouble> {
    let table = &found.table;
    let (time, basis) = time(export, choices)?;
    let category = category(table, export, choices)?;
    let mut calendar = *calendar;
    if let Some(zone) = choices
        .zone
        .as_deref()
        .and_then(|zone| zone.parse::<Tz>().ok())
    {
        calendar.zone = zone;
    }
    if let Some(start) = choices.weeks() {
        calendar.week_start = start;
    }
    let order = order(table, time, choices, &calendar)?;
    let cadence = choices.cadence.unwrap_or(Cadence::Monthly);
    let tickets = tickets(table, export, time, category, order, &calendar)?;
    let mut lines: BTreeMap<(String, Option<String>), ReportRow> = BTreeMap::new();
    for (at, about) in tickets.counted.values() {
        let window = calendar.window(cadence, *at).key;
        let About::Line(category) = about.clone() else {
            continue;
        };
        let line = lines
            .entry((window.clone(), line_key(category.as_deref())))
            .or_insert(ReportRow {
                window,
                category,
                count: 0,
            });
        line.count += 1;
    }
    let mut rows: Vec<ReportRow> = lines.into_values().collect();
    rows.sort();
    if rows.is_empty() {
        return Err(Problem::whole("the export holds no ticket that could be counted").into());
    }
    let mut notes = vec![format!(
        "{} export of tickets, not a report: {} tickets are counted by {} and {}, {}; --basis, --category and --cadence change that",
        export.helpdesk,
        tickets.counted.len(),
        table.label(time),
        category.map_or_else(|| "no category".to_owned(), |column| table.label(column)),
        cadence,
    )];
    notes.extend(tickets.notes());
    let first = rows.iter().take(5).map(|row| {
        let category = row
            .category
            .clone()
            .unwrap_or_else(|| "no category".to_owned());
        vec![row.window.clone(), category, row.count.to_string()]
    });
    Ok(Read {
        first: first.collect(),
        notes,
        settled: Choices {
            order,
            category: category.map(|column| table.names[column].clone()),
            ..Choices::default()
        },
        reports: vec![OfficialReport {
            name: name.to_owned(),
            cadence,
            basis,
            metric: String::new(),
            zone: choices.zone.clone(),
            rows,
        }],
    })
}

/// The column of the date that tickets are counted by.
fn time(export: &Export, choices: &Choices) -> Result<(usize, ReportBasis), Problem> {
    let missing = |word: &str| {
        Problem::whole(format!(
            "the export has no column of when tickets were {word}"
        ))
    };
    match choices.basis.as_deref() {
        Some("solved") => Ok((
            export.solved.ok_or_else(|| missing("solved"))?,
            ReportBasis::Closed,
        )),
        Some("closed") => {
            let column = export
                .closed
                .or(export.solved)
                .ok_or_else(|| missing("closed"))?;
            Ok((column, ReportBasis::Closed))
        }
        _ => Ok((export.opened, ReportBasis::Opened)),
    }
}

/// The field that reports are built on: chosen, known, or the only one that it may be.
fn category(
    table: &Table<'_>,
    export: &Export,
    choices: &Choices,
) -> Result<Option<usize>, Trouble> {
    match (choices.category.as_deref(), export.category) {
        (Some("none"), _) => return Ok(None),
        (Some(wanted), _) => return Ok(Some(table.required(wanted)?)),
        (None, Some(known)) => return Ok(Some(known)),
        (None, None) => {}
    }
    let is_list = |column: &usize| table.names[*column].trim_end().ends_with("[list]");
    let mut lists = export.candidates.iter().copied().filter(is_list);
    match (lists.next(), lists.next(), export.candidates.as_slice()) {
        (Some(only), None, _) => return Ok(Some(only)),
        (_, _, []) => return Ok(None),
        (_, _, [only]) => return Ok(Some(*only)),
        _ => {}
    }
    let answer = |column: &usize| Answer {
        value: table.names[*column].clone(),
        meaning: String::new(),
    };
    Err(Trouble::Ask(Question {
        flag: "--category",
        text: format!(
            "the {} export holds tickets, and several fields may be the one that reports are built on",
            export.helpdesk
        ),
        answers: export.candidates.iter().map(answer).collect(),
    }))
}

fn order(
    table: &Table<'_>,
    time: usize,
    choices: &Choices,
    calendar: &Calendar,
) -> Result<Option<Order>, Trouble> {
    let periods: Vec<Period> = table
        .body
        .iter()
        .filter_map(|row| Period::parse(row.text(time)))
        .collect();
    let around = Around {
        stated: Some(Cadence::Monthly),
        ..Around::default()
    };
    let asked = Choices {
        cadence: Some(Cadence::Daily),
        ..choices.clone()
    };
    Ok(settle(&periods, &around, &asked, calendar)?.order)
}

/// What the rows hold.
#[derive(Default)]
struct Tickets {
    counted: BTreeMap<String, (DateTime<Utc>, About)>,
    twice: usize,
    without_id: usize,
    without_date: usize,
}

impl Tickets {
    fn notes(&self) -> Vec<String> {
        let told = [
            (
                self.without_date,
                "have no such date yet and are not counted",
            ),
            (
                self.without_id,
                "have no number, such as a totals row, and are not counted",
            ),
            (
                self.twice,
                "name a ticket that another row names too; the last one counts",
            ),
        ];
        let some = told.into_iter().filter(|(count, _)| *count > 0);
        some.map(|(count, what)| format!("{count} rows {what}"))
            .collect()
    }
}

fn tickets(
    table: &Table<'_>,
    export: &Export,
    time: usize,
    category: Option<usize>,
    order: Option<Order>,
    calendar: &Calendar,
) -> Result<Tickets, Trouble> {
    let mut tickets = Tickets::default();
    let mut problems = Vec::new();
    for row in table.body {
        let id = row.text(export.id);
        if id.is_empty() {
            tickets.without_id += 1;
            continue;
        }
        if row.text(time).is_empty() {
            tickets.without_date += 1;
            continue;
        }
        match instant(row.text(time), order, calendar.zone) {
            Ok(at) => {
                let about = category.map_or(About::Total, |column| About::read(row.text(column)));
                // A category called "All" is a category here.
                let about = match about {
                    About::Total => About::Line(Some(
                        category
                            .map_or(ReportRow::TOTAL, |column| row.text(column))
                            .to_owned(),
                    )),
                    line => line,
                };
                tickets.twice +=
                    usize::from(tickets.counted.insert(id.to_owned(), (at, about)).is_some());
            }
            Err(reason) => problems.push(Problem::at(row.number, time, &table.names[time], reason)),
        }
    }
    if problems.is_empty() {
        return Ok(tickets);
    }
    problems.truncate(PROBLEMS_MAX);
    Err(Trouble::Wrong(problems))
}

fn instant(text: &str, order: Option<Order>, zone: Tz) -> Result<DateTime<Utc>, String> {
    let order = match order {
        Some(Order::Dmy) => Some(DateOrder::DayFirst),
        Some(Order::Mdy) => Some(DateOrder::MonthFirst),
        _ => None,
    };
    let shown = super::number::clip(text);
    let wrong = |reason: &str| {
        format!("\"{shown}\" {reason}; a date-time such as 2026-03-30 14:05 was expected")
    };
    date::parse(text, zone, order).map_err(wrong)
}

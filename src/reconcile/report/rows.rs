//! Takes the rows of each layout apart: which cells are period, category and counts, and which rows are remarks.

use crate::model::Cadence;

use super::gather::About;
use super::layout::{Found, Metric, PeriodColumn};
use super::period::Period;
use super::problem::Problem;
use super::sheet::Row;
use super::wide::PeriodAcross;
use super::words;

/// One row, as far as its cells say.
pub struct Line<'a> {
    pub row: &'a Row,
    pub period: Option<Period>,
    /// Where the period stands, with what is there.
    pub place: (u64, usize, &'a str),
    /// Whether it is about all periods.
    pub is_all: bool,
    pub about: About,
    pub counts: Vec<usize>,
}

/// Whether a row holds nothing but one text: a heading between, or a remark below.
fn is_remark(row: &Row, counts: &[usize], period: usize) -> bool {
    let Some((column, cell)) = row.cells().next().filter(|_| row.len() == 1) else {
        return false;
    };
    !counts.contains(&column) && (column != period || Period::parse(&cell.text).is_none())
}

fn note_remarks(rows: &[u64], notes: &mut Vec<String>) {
    if let Some(first) = rows.first() {
        let more = if rows.len() > 1 {
            format!(" and {} more", rows.len() - 1)
        } else {
            String::new()
        };
        notes.push(format!(
            "row {first}{more}: only a text, no figures; left out"
        ));
    }
}

/// The rows of that layout.
pub fn long<'a>(
    found: &'a Found<'_>,
    period: &PeriodColumn,
    category: Option<usize>,
    metrics: &[Metric],
    notes: &mut Vec<String>,
) -> Result<Vec<Line<'a>>, Vec<Problem>> {
    let counts: Vec<usize> = metrics.iter().map(|metric| metric.column).collect();
    let known: Vec<usize> = counts
        .iter()
        .copied()
        .chain([period.column])
        .chain(category)
        .collect();
    let text = |row: &'a Row| category.map_or("", |column| row.text(column));
    let is_filled = |row: &&'a Row| {
        row.text(period.column).is_empty() && !text(row).is_empty() && !words::is_total(text(row))
    };
    let fills_down = found.table.body.iter().any(|row| is_filled(&row));
    let mut before: Option<(Period, u64, &str)> = None;
    let (mut lines, mut remarks, mut outside, mut filled) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for row in found.table.body {
        if is_remark(row, &counts, period.column) {
            remarks.push(row.number);
            continue;
        }
        if row.cells().all(|(column, _)| !known.contains(&column)) {
            outside.push(row.number);
            continue;
        }
        let cell = row.text(period.column);
        let mut is_all = words::is_total(cell);
        let mut place = (row.number, period.column, cell);
        let mut read = with_year(Period::parse(cell), row, period);
        if cell.is_empty() && !text(row).is_empty() {
            match before.filter(|_| fills_down) {
                Some((above, number, shown)) => {
                    (read, place) = (Some(above), (number, period.column, shown));
                    filled += 1;
                }
                None => is_all = words::is_total(text(row)),
            }
        }
        if let Some(read) = read {
            before = Some((read, place.0, place.2));
        }
        let about = match category {
            None => About::Total,
            Some(_) if is_all && text(row).is_empty() => About::Total,
            Some(_) => About::read(text(row)),
        };
        lines.push(Line {
            row,
            period: read.filter(|_| !is_all),
            place,
            is_all,
            about,
            counts: counts.clone(),
        });
    }
    note_remarks(&remarks, notes);
    if let Some(first) = outside.first() {
        notes.push(format!(
            "row {first}: holds nothing in the columns of the report; left out"
        ));
    }
    if filled > 0 {
        notes.push(format!(
            "{filled} rows name no period and have that of the row above"
        ));
    }
    Ok(lines)
}

/// A week or month whose year stands in a column of its own.
fn with_year(period: Option<Period>, row: &Row, column: &PeriodColumn) -> Option<Period> {
    let Some(year) = column
        .year
        .and_then(|year| row.text(year).parse::<i32>().ok())
    else {
        return period;
    };
    let year = Some(year).filter(|year| (1970..=2200).contains(year));
    Some(match (period?, column.stated) {
        (Period::Week(None, week), _) => Period::Week(year, week),
        (Period::Month(None, month), _) => Period::Month(year, month),
        (Period::Number(week), Some(Cadence::Weekly)) => Period::Week(year, week),
        (Period::Number(month), Some(Cadence::Monthly)) => Period::Month(year, month),
        (other, _) => other,
    })
}

/// The rows of that layout.
pub fn across<'a>(
    found: &'a Found<'_>,
    period: &PeriodColumn,
    categories: &[usize],
) -> Result<Vec<Line<'a>>, Vec<Problem>> {
    let mut lines = Vec::new();
    for row in found.table.body {
        if is_remark(row, categories, period.column) {
            continue;
        }
        let cell = row.text(period.column);
        let is_all = words::is_total(cell);
        for &column in categories
            .iter()
            .filter(|column| !row.text(**column).is_empty())
        {
            lines.push(Line {
                row,
                period: with_year(Period::parse(cell), row, period),
                place: (row.number, period.column, cell),
                is_all,
                about: About::read(&found.table.names[column]),
                counts: vec![column],
            });
        }
    }
    Ok(lines)
}

/// The rows of that layout.
pub fn wide<'a>(
    found: &'a Found<'_>,
    category: Option<usize>,
    periods: &[PeriodAcross],
    notes: &mut Vec<String>,
) -> Result<Vec<Line<'a>>, Vec<Problem>> {
    let table = &found.table;
    let (mut lines, mut remarks) = (Vec::new(), Vec::new());
    for row in table.body {
        let holds = |one: &&PeriodAcross| {
            let mut columns = one.columns.iter();
            columns.any(|column| !row.text(*column).is_empty())
        };
        if !periods.iter().any(|one| holds(&one)) {
            remarks.push(row.number);
            continue;
        }
        let about = category.map_or(About::Total, |column| About::read(row.text(column)));
        for one in periods.iter().filter(holds) {
            let first = one.columns[0];
            lines.push(Line {
                row,
                period: one.period,
                place: (table.header.number, first, &table.names[first]),
                is_all: one.period.is_none(),
                about: about.clone(),
                counts: one.columns.clone(),
            });
        }
    }
    note_remarks(&remarks, notes);
    Ok(lines)
}

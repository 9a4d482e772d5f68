//! Finds which column is what. Headers that are known by name are believed first; where a name says nothing, what stands below
//! it does. Where two columns fit equally, a person is asked, and what was left out is told.

use crate::connectors::file::{Export, export};
use crate::model::{Cadence, ReportBasis};

use super::choices::Choices;
use super::columns::{category, metrics, taken};
use super::problem::{Problem, Trouble};
use super::sheet::Sheet;
use super::table::Table;
use super::wide::{PeriodAcross, periods_over_metrics, wide};
use super::words;

/// How many rows may stand above the header.
const ROWS_ABOVE_HEADER_MAX: usize = 12;

/// The column of the period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeriodColumn {
    /// Where it is.
    pub column: usize,
    /// The column of the year, where that is another.
    pub year: Option<usize>,
    /// The cadence that its header states.
    pub stated: Option<Cadence>,
}

/// A column that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Where it is.
    pub column: usize,
    /// What it is called where there are several; else empty.
    pub name: String,
    /// What its header says that it counts.
    pub basis: ReportBasis,
}

/// How a table is laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A row for each period and category.
    Long {
        /// The period.
        period: PeriodColumn,
        /// The category; without one, all rows are totals.
        category: Option<usize>,
        /// The counts.
        metrics: Vec<Metric>,
    },
    /// Periods down, a column for each category.
    Across {
        /// The period.
        period: PeriodColumn,
        /// The categories' columns.
        categories: Vec<usize>,
    },
    /// Categories down, a column for each period, or one for each of its metrics.
    Wide {
        /// The category.
        category: Option<usize>,
        /// The periods, and the totals beside them.
        periods: Vec<PeriodAcross>,
        /// What is counted; without any, one thing that the headers do not name.
        metrics: Vec<Metric>,
    },
    /// A row for each ticket.
    Tickets(Export),
}

/// A table with its layout.
pub struct Found<'a> {
    /// The header and its rows.
    pub table: Table<'a>,
    /// The header's place among the sheet's rows.
    pub place: usize,
    /// Which column is what.
    pub shape: Shape,
    /// What a reader should know.
    pub notes: Vec<String>,
}

/// Finds the header and what its columns are.
pub fn find<'a>(sheet: &'a Sheet, choices: &Choices) -> Result<Found<'a>, Trouble> {
    let places = 0..sheet.rows.len().min(ROWS_ABOVE_HEADER_MAX + 1);
    for is_by_content in [false, true] {
        for place in places.clone() {
            let tables = Table::below_groups(sheet, place).into_iter();
            for table in tables.chain([Table::at(sheet, place)]) {
                let mut notes = Vec::new();
                if let Some(shape) = shape(&table, choices, is_by_content, &mut notes)? {
                    return Ok(Found {
                        table,
                        place,
                        shape,
                        notes,
                    });
                }
            }
        }
    }
    // A column that a person named and that is nowhere is the nearest reason.
    let widest = places
        .clone()
        .max_by_key(|place| (sheet.rows[*place].len(), std::cmp::Reverse(*place)));
    if let Some(place) = widest {
        let table = Table::at(sheet, place);
        let wanted = [&choices.period, &choices.count, &choices.category];
        for name in wanted.into_iter().flatten().filter(|name| *name != "none") {
            table.required(name)?;
        }
    }
    let mut cells = sheet.rows[places].iter().flat_map(|row| row.cells());
    if cells.any(|(_, cell)| words::says_quarter(&cell.text)) {
        let reason = "its periods are quarters, and counts are compared by day, week or month; export the report by month";
        return Err(Problem::whole(reason).into());
    }
    let reason = "no header with a period (such as month, week or date) and a count (such as count, conversations or total) \
                  in the first rows; --period and --count name the columns";
    Err(Problem::whole(reason).into())
}

fn shape(
    table: &Table<'_>,
    choices: &Choices,
    is_by_content: bool,
    notes: &mut Vec<String>,
) -> Result<Option<Shape>, Trouble> {
    if table.header.len() < 2 || table.body.is_empty() && table.header.len() < 3 {
        // A title, or a last line.
        if table.header.len() < 2 {
            return Ok(None);
        }
    }
    let is_chosen = choices.period.is_some() || choices.count.is_some();
    if !is_chosen && let Some(export) = export(&table.names) {
        return Ok(Some(Shape::Tickets(export)));
    }
    if choices.period.is_none() {
        let shape = match periods_over_metrics(table, choices, notes)? {
            Some(shape) => Some(shape),
            None => wide(table, choices, is_by_content, notes)?,
        };
        if shape.is_some() {
            return Ok(shape);
        }
    }
    let Some(period) = period(table, choices, is_by_content) else {
        return Ok(None);
    };
    if let Some(categories) = across(table, &period, choices) {
        return Ok(Some(Shape::Across { period, categories }));
    }
    let Some(metrics) = metrics(table, &period, choices, notes)? else {
        return Ok(None);
    };
    let category = category(table, &taken(&period, &metrics), choices, notes)?;
    Ok(Some(Shape::Long {
        period,
        category,
        metrics,
    }))
}

// ---- periods down

fn period(table: &Table<'_>, choices: &Choices, is_by_content: bool) -> Option<PeriodColumn> {
    let year = table
        .columns()
        .find(|column| words::is_year(&table.names[*column]));
    let of = |column: usize| PeriodColumn {
        column,
        year: year.filter(|year| *year != column),
        stated: words::period_header(&table.names[column]).flatten(),
    };
    if let Some(wanted) = &choices.period {
        return table.column(wanted).map(of);
    }
    let known = |column: &usize| words::period_header(&table.names[*column]).is_some();
    let mut named: Vec<usize> = table.columns().filter(known).collect();
    // Of a first and a last day, the first; of a week and its year, the week.
    named.sort_by_key(|column| words::says_end(&table.names[*column]));
    if let Some(column) = named.first() {
        return Some(of(*column));
    }
    let mut held = table.columns().filter(|column| table.is_period(*column));
    held.next().filter(|_| is_by_content).map(of)
}

/// The categories' columns, where no column of words holds them.
fn across(table: &Table<'_>, period: &PeriodColumn, choices: &Choices) -> Option<Vec<usize>> {
    if choices.count.is_some() || !choices.metrics.is_empty() || choices.category.is_some() {
        return None;
    }
    let others: Vec<usize> = table
        .columns()
        .filter(|column| *column != period.column && Some(*column) != period.year)
        .filter(|column| table.cells(*column).next().is_some())
        .collect();
    let is_named = |column: &usize| {
        let name = &table.names[*column];
        words::metric(name).is_some()
            || words::is_measure(name)
            || words::CATEGORY_HEADERS.contains(&words::plain(name).as_str())
    };
    let is_generic = |column: &usize| words::count_rank(&table.names[*column]).is_some();
    let unknown = others.iter().filter(|column| !is_generic(column)).count();
    let is_total = |column: &usize| words::is_total(&table.names[*column]);
    let fits = unknown >= 2
        && others
            .iter()
            .all(|column| table.is_numeric(*column) && !is_named(column))
        && others
            .iter()
            .all(|column| !is_generic(column) || is_total(column));
    fits.then_some(others)
}

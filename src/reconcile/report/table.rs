//! A header and what stands below it: which columns hold numbers, periods or words, and what a column is called.

use std::collections::BTreeSet;

use super::number::looks_like_number;
use super::period::Period;
use super::problem::Problem;
use super::sheet::{Cell, Row, Sheet, column_of, letters};
use super::words;

/// So many rows tell what a column holds.
const ROWS_LOOKED_AT: usize = 400;

/// A header of two rows: "January 2026" above "opened" and "solved".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grouped {
    /// What stands above this column and those beside it.
    pub above: String,
    /// The column's own.
    pub own: String,
}

impl Grouped {
    /// Whether it is a month or week below its year.
    fn is_period_of_year(&self) -> bool {
        let is_year = self.above.len() == 4 && self.above.chars().all(|c| c.is_ascii_digit());
        let period = Period::parse(&self.own);
        is_year && matches!(period, Some(Period::Month(None, _) | Period::Week(None, _)))
    }

    fn name(&self) -> String {
        if self.is_period_of_year() {
            format!("{} {}", self.own, self.above)
        } else {
            format!("{} {}", self.above, self.own)
        }
    }
}

/// A header with its rows.
pub struct Table<'a> {
    /// The header's texts, by column; of two rows, both.
    pub names: Vec<String>,
    /// The parts of headers of two rows, by column.
    pub groups: Vec<Option<Grouped>>,
    /// The header's row in the file.
    pub header: &'a Row,
    /// The rows below.
    pub body: &'a [Row],
}

impl<'a> Table<'a> {
    /// The table whose header stands at this place among the sheet's rows.
    pub fn at(sheet: &'a Sheet, place: usize) -> Self {
        let header = &sheet.rows[place];
        let width = header
            .cells()
            .map(|(column, _)| column + 1)
            .max()
            .unwrap_or(0);
        Self {
            names: (0..width)
                .map(|column| header.text(column).to_owned())
                .collect(),
            groups: vec![None; width],
            header,
            body: &sheet.rows[place + 1..],
        }
    }

    /// The table whose header has two rows, the second at this place: one that says nothing without the first, because years
    /// stand above months, or because it says the same again and again.
    pub fn below_groups(sheet: &'a Sheet, place: usize) -> Option<Self> {
        let mut table = Self::at(sheet, place);
        let above = &sheet.rows[place.checked_sub(1)?];
        if above.number + 1 != table.header.number {
            return None;
        }
        let mut group = "";
        for (column, own) in table.names.iter_mut().enumerate() {
            let over = above.text(column);
            if !over.is_empty() {
                // Above an empty cell it is the header of its own column.
                group = if own.is_empty() { "" } else { over };
            }
            if own.is_empty() {
                over.clone_into(own);
            } else if !group.is_empty() {
                let (above, own) = (group.to_owned(), own.clone());
                table.groups[column] = Some(Grouped { above, own });
            }
        }
        let grouped: Vec<&Grouped> = table.groups.iter().flatten().collect();
        let own: BTreeSet<String> = grouped.iter().map(|one| words::plain(&one.own)).collect();
        let repeats = own.len() < grouped.len();
        let is_of_years = grouped.iter().all(|one| one.is_period_of_year());
        if grouped.is_empty() || !(repeats || is_of_years) {
            return None;
        }
        for (name, group) in table.names.iter_mut().zip(&table.groups) {
            if let Some(group) = group {
                *name = group.name();
            }
        }
        Some(table)
    }

    /// The columns that have a header.
    pub fn columns(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.names.len()).filter(|column| !self.names[*column].is_empty())
    }

    /// The column that a person named, by its header or its letter.
    pub fn column(&self, wanted: &str) -> Option<usize> {
        let name = words::plain(wanted);
        let named = self
            .names
            .iter()
            .position(|header| !header.is_empty() && words::plain(header) == name);
        named.or_else(|| column_of(wanted.trim()).filter(|column| *column < self.names.len()))
    }

    /// That column, or what there is instead.
    pub fn required(&self, wanted: &str) -> Result<usize, Problem> {
        self.column(wanted).ok_or_else(|| {
            let names: Vec<String> = self
                .columns()
                .take(30)
                .map(|column| self.label(column))
                .collect();
            Problem::whole(format!(
                "there is no column \"{wanted}\"; the header has {}",
                names.join(", ")
            ))
        })
    }

    /// A column for people: its header and its letter.
    pub fn label(&self, column: usize) -> String {
        let name = self.names.get(column).map_or("", String::as_str);
        format!("\"{}\" ({})", super::number::clip(name), letters(column))
    }

    /// The first cells of a column that hold something.
    pub fn cells(&self, column: usize) -> impl Iterator<Item = &'a Cell> {
        let cells = self
            .body
            .iter()
            .take(ROWS_LOOKED_AT)
            .map(move |row| row.cell(column));
        cells.filter(|cell| !cell.text.is_empty())
    }

    fn share(&self, column: usize, test: impl Fn(&Cell) -> bool) -> Option<f64> {
        let all = self.cells(column).count();
        let fitting = self.cells(column).filter(|cell| test(cell)).count();
        (all > 0).then(|| fitting as f64 / all as f64)
    }

    /// Whether most of what stands in a column is a number.
    pub fn is_numeric(&self, column: usize) -> bool {
        self.share(column, looks_like_number)
            .is_some_and(|share| share >= 0.8)
    }

    /// Whether most of what stands in a column is a period.
    pub fn is_period(&self, column: usize) -> bool {
        let is_one = |cell: &Cell| {
            Period::parse(&cell.text).is_some_and(|p| !matches!(p, Period::Number(_)))
        };
        self.share(column, is_one).is_some_and(|share| share >= 0.8)
    }

    /// Whether a column holds words.
    pub fn is_words(&self, column: usize) -> bool {
        self.cells(column).next().is_some() && !self.is_numeric(column) && !self.is_period(column)
    }
}

//! A header and what stands below it: which columns hold numbers, periods or words, and what a column is called.

use super::number::looks_like_number;
use super::period::Period;
use super::problem::Problem;
use super::sheet::{Cell, Row, Sheet, column_of, letters};
use super::words;

/// So many rows tell what a column holds.
const ROWS_LOOKED_AT: usize = 400;

/// A header with its rows.
pub struct Table<'a> {
    /// The header's texts, by column.
    pub names: Vec<String>,
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
            header,
            body: &sheet.rows[place + 1..],
        }
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

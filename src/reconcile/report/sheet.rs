//! A table before anything of it is understood: rows of cells, each cell known by its place, and only those that hold something.
//! A single cell at the far corner of a sheet is one cell, not a rectangle.

/// What stands in a cell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// Its text; a date of a spreadsheet as `2026-03-30`, a number of one with a point and no other mark.
    pub text: String,
    /// Whether the file holds it as a number, so that no mark in it has to be guessed.
    pub is_number: bool,
}

/// A row with its number in the file, from 1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// The line of a text, the row of a spreadsheet.
    pub number: u64,
    cells: Vec<(u32, Cell)>,
}

static NOTHING: Cell = Cell {
    text: String::new(),
    is_number: false,
};

impl Row {
    /// A row of texts, from the first column on.
    pub fn of_texts(number: u64, texts: impl Iterator<Item = String>) -> Self {
        let mut row = Row {
            number,
            cells: Vec::new(),
        };
        for (column, text) in (0..).zip(texts) {
            let is_number = false;
            row.put(column, Cell { text, is_number });
        }
        row
    }

    /// Adds a cell behind those that are there; an empty one is none.
    pub fn put(&mut self, column: u32, mut cell: Cell) {
        let trimmed = cell.text.trim();
        if trimmed.is_empty() {
            return;
        }
        if trimmed.len() != cell.text.len() {
            cell.text = trimmed.to_owned();
        }
        match self.cells.last_mut() {
            Some((last, held)) if *last == column => *held = cell,
            _ => self.cells.push((column, cell)),
        }
    }

    /// The cell of a column; an empty one where there is none.
    pub fn cell(&self, column: usize) -> &Cell {
        let found = u32::try_from(column)
            .ok()
            .and_then(|column| self.cells.binary_search_by_key(&column, |(at, _)| *at).ok());
        found.map_or(&NOTHING, |place| &self.cells[place].1)
    }

    /// The text of a column's cell.
    pub fn text(&self, column: usize) -> &str {
        &self.cell(column).text
    }

    /// The cells that hold something, with their columns, from left to right.
    pub fn cells(&self) -> impl Iterator<Item = (usize, &Cell)> {
        self.cells
            .iter()
            .map(|(column, cell)| (*column as usize, cell))
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// How many cells hold something.
    pub fn len(&self) -> usize {
        self.cells.len()
    }
}

/// A table as it stands in the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sheet {
    /// The sheet's name; empty for text.
    pub name: String,
    /// What it is, for people: `CSV with semicolons`.
    pub form: String,
    /// Its rows that are not empty, in order.
    pub rows: Vec<Row>,
    /// What a reader should know of how it was read.
    pub notes: Vec<String>,
    /// How many cells hold a formula; their stored values are taken.
    pub formula_count: u64,
}

/// A column's letters, as spreadsheets count: A, B, … Z, AA.
pub fn letters(column: usize) -> String {
    let mut rest = column;
    let mut letters = Vec::new();
    loop {
        letters.push(char::from(b'A' + u8::try_from(rest % 26).unwrap_or(0)));
        if rest < 26 {
            break;
        }
        rest = rest / 26 - 1;
    }
    letters.iter().rev().collect()
}

/// The column of these letters.
pub fn column_of(letters: &str) -> Option<usize> {
    let is_fine =
        (1..=3).contains(&letters.len()) && letters.bytes().all(|b| b.is_ascii_alphabetic());
    is_fine.then(|| {
        letters.bytes().fold(0, |sum, byte| {
            sum * 26 + usize::from(byte.to_ascii_uppercase() - b'A') + 1
        }) - 1
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_the_letters_of_spreadsheets() {
        for (column, expected) in [
            (0, "A"),
            (25, "Z"),
            (26, "AA"),
            (701, "ZZ"),
            (16_383, "XFD"),
        ] {
            assert_eq!(letters(column), expected);
            assert_eq!(column_of(expected), Some(column));
        }
        assert_eq!(column_of("count"), None);
        assert_eq!(column_of("1"), None);
    }

    #[test]
    fn cells_are_found_by_their_place() {
        let texts = ["a", "", " b\u{a0}", ""].map(str::to_owned);
        let row = Row::of_texts(3, texts.into_iter());
        assert_eq!(
            (row.text(0), row.text(1), row.text(2), row.text(99)),
            ("a", "", "b", "")
        );
        assert_eq!(row.len(), 2);
    }
}

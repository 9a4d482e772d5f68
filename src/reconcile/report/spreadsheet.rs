//! Spreadsheets (XLSX), read cell by cell and never as a rectangle, after their archive was looked through.
//!
//! An XLSX is a ZIP of XML. What its headers say of sizes is not believed: every entry is inflated once into nothing, under a cap,
//! before the reader of spreadsheets sees it; so a bomb ends here, in the memory of one small buffer. The two places where the reader
//! would trust a number of the file (how many shared strings there are, how long one text is) are checked as well.
//!
//! Formulas are never computed. Where a formula's cell stores the plain number or text that a spreadsheet program computed and
//! saved, that is what the file shows to people and what is taken; where it stores nothing, the cell is empty; a stored error such
//! as `#REF!` is text, which is no count.

use std::io::{Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};

use calamine::{DataRef, ExcelDateTime, Reader, Xlsx};

use super::problem::Problem;
use super::sheet::{Cell, Row, Sheet};
use super::text::CELLS_MAX;

/// A spreadsheet of counts has some tens of entries.
const ENTRIES_MAX: usize = 2_000;
/// An entry other than a sheet is held whole while it is checked.
const HELD_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// A spreadsheet's cell holds at most 32,767 letters.
const TEXT_BYTES_MAX: u64 = 1024 * 1024;
/// All texts of all cells.
const TEXTS_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The sheets that hold something.
pub fn sheets(bytes: &[u8], inflated_bytes_max: u64) -> Result<Vec<Sheet>, Problem> {
    let formula_counts = inspect(bytes, inflated_bytes_max)?;
    // The reader is another's: whatever it stumbles over on broken files is a broken file.
    let read = catch_unwind(AssertUnwindSafe(|| read(bytes)));
    let mut sheets = read.unwrap_or_else(|_| Err(broken()))?;
    let formula_count = formula_counts;
    for sheet in &mut sheets {
        sheet.formula_count = formula_count;
    }
    Ok(sheets)
}

fn broken() -> Problem {
    Problem::whole(
        "is a broken spreadsheet; open it in a spreadsheet program, save it as XLSX or CSV, and import that",
    )
}

// ---- looked through before it is read

/// Inflates every entry once; how many formulas the sheets hold.
fn inspect(bytes: &[u8], inflated_bytes_max: u64) -> Result<u64, Problem> {
    let entries = bytes
        .windows(4)
        .filter(|four| *four == b"PK\x01\x02")
        .take(ENTRIES_MAX + 1)
        .count();
    if entries > ENTRIES_MAX {
        let reason = format!(
            "holds more than {ENTRIES_MAX} parts, which no spreadsheet of counts does; nothing was read"
        );
        return Err(Problem::whole(reason));
    }
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|_| broken())?;
    let mut left = inflated_bytes_max;
    let mut formulas = 0;
    for place in 0..archive.len() {
        let entry = archive.by_index(place).map_err(|_| broken())?;
        let name = entry.name().map_err(|_| broken())?.to_lowercase();
        let is_xml = name.ends_with(".xml") || name.ends_with(".rels");
        let mut look = Look {
            held: (is_xml && !name.contains("worksheets/")).then(Vec::new),
            ..Look::default()
        };
        left = look
            .through(entry, is_xml, left)
            .map_err(|found| found.problem(inflated_bytes_max))?;
        formulas += look.formulas;
        let size = look.size;
        if look
            .held
            .is_some_and(|held| declares_more_than(&held, size))
        {
            return Err(Problem::whole(
                "declares more texts than it holds; nothing was read",
            ));
        }
    }
    Ok(formulas)
}

/// Why an entry is not read on.
enum Found {
    Bomb,
    LongText,
    Broken,
}

impl Found {
    fn problem(&self, inflated_bytes_max: u64) -> Problem {
        let megabytes = inflated_bytes_max / (1024 * 1024);
        match self {
            Found::Bomb => Problem::whole(format!(
                "is more than {megabytes} MB once unpacked; nothing was read. Save the report's sheet alone, or as CSV"
            )),
            Found::LongText => Problem::whole(
                "holds a single text of more than 1 MB, which no cell can; nothing was read",
            ),
            Found::Broken => broken(),
        }
    }
}

/// One pass over an entry.
#[derive(Default)]
struct Look {
    size: u64,
    since_tag: u64,
    formulas: u64,
    last: [u8; 2],
    held: Option<Vec<u8>>,
}

impl Look {
    /// How many bytes the other entries may have.
    fn through(&mut self, mut entry: impl Read, is_xml: bool, left: u64) -> Result<u64, Found> {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let count = entry.read(&mut buffer).map_err(|_| Found::Broken)?;
            if count == 0 {
                return Ok(left - self.size);
            }
            self.size += count as u64;
            if self.size > left {
                return Err(Found::Bomb);
            }
            if is_xml {
                self.texts(&buffer[..count])?;
            }
            if let Some(held) = &mut self.held {
                if self.size > HELD_BYTES_MAX {
                    return Err(Found::Bomb);
                }
                held.extend_from_slice(&buffer[..count]);
            }
        }
    }

    /// No text is longer than a cell's, and all of it is text; formulas are counted on the way.
    fn texts(&mut self, bytes: &[u8]) -> Result<(), Found> {
        for &byte in bytes {
            match byte {
                b'<' => self.since_tag = 0,
                0 => return Err(Found::Broken),
                _ => self.since_tag += 1,
            }
            if self.since_tag > TEXT_BYTES_MAX {
                return Err(Found::LongText);
            }
            self.formulas += u64::from(self.last == *b"<f" && [b'>', b' ', b'/'].contains(&byte));
            self.last = [self.last[1], byte];
        }
        Ok(())
    }
}

/// Whether the table of shared strings says that it is longer than its bytes allow: the reader would make room for all of them.
fn declares_more_than(xml: &[u8], size: u64) -> bool {
    let name = b"uniqueCount";
    let mut places = xml
        .windows(name.len())
        .enumerate()
        .filter(|(_, bytes)| bytes == name);
    places.any(|(place, _)| {
        let rest = &xml[place + name.len()..];
        let digits = rest
            .iter()
            .skip_while(|byte| byte.is_ascii_whitespace() || b"='\"".contains(byte));
        let digits: Vec<u8> = digits
            .take_while(|byte| byte.is_ascii_digit())
            .take(20)
            .copied()
            .collect();
        let number = String::from_utf8_lossy(&digits)
            .parse::<u64>()
            .unwrap_or(u64::from(digits.len() == 20) * u64::MAX);
        number > size
    })
}

// ---- read

fn read(bytes: &[u8]) -> Result<Vec<Sheet>, Problem> {
    let mut book = Xlsx::new(Cursor::new(bytes)).map_err(|error| match error {
        calamine::XlsxError::Password => {
            Problem::whole("is protected with a password; save it without one")
        }
        _ => broken(),
    })?;
    let mut cells_left = CELLS_MAX;
    let mut bytes_left = TEXTS_BYTES_MAX;
    let mut sheets = Vec::new();
    for name in book.sheet_names() {
        // A sheet that is a chart has no cells.
        let Ok(mut reader) = book.worksheet_cells_reader(&name) else {
            continue;
        };
        let mut cells: Vec<(u32, u32, Cell)> = Vec::new();
        while let Some(cell) = reader.next_cell().map_err(|_| broken())? {
            let Some(value) = shown(cell.get_value()) else {
                continue;
            };
            let (row, column) = cell.get_position();
            cells_left = cells_left.checked_sub(1).ok_or_else(|| {
                Problem::whole(format!(
                    "has more than {CELLS_MAX} cells; give the table of the report alone"
                ))
            })?;
            bytes_left = bytes_left.checked_sub(value.text.len()).ok_or_else(|| {
                Problem::whole("holds more than 64 MB of text; give the table of the report alone")
            })?;
            cells.push((row, column, value));
        }
        let rows = rows(cells);
        if !rows.is_empty() {
            sheets.push(Sheet {
                form: format!("XLSX, sheet \"{name}\""),
                name,
                rows,
                ..Sheet::default()
            });
        }
    }
    if sheets.is_empty() {
        return Err(Problem::whole(
            "is a spreadsheet without any cell that holds something",
        ));
    }
    Ok(sheets)
}

/// Cells in the order of the file become rows, in the order of the sheet.
fn rows(mut cells: Vec<(u32, u32, Cell)>) -> Vec<Row> {
    cells.sort_by_key(|(row, column, _)| (*row, *column));
    let mut rows: Vec<Row> = Vec::new();
    for (row, column, cell) in cells {
        let number = u64::from(row) + 1;
        if rows.last().is_none_or(|last| last.number != number) {
            rows.push(Row::of_texts(number, std::iter::empty()));
        }
        if let Some(last) = rows.last_mut() {
            last.put(column, cell);
        }
    }
    rows.retain(|row| !row.is_empty());
    rows
}

fn shown(value: &DataRef<'_>) -> Option<Cell> {
    let number = |text: String| Cell {
        text,
        is_number: true,
    };
    let text = |text: String| Cell {
        text,
        is_number: false,
    };
    Some(match value {
        DataRef::Empty => return None,
        DataRef::Int(whole) => number(whole.to_string()),
        DataRef::Float(value) => number(value.to_string()),
        DataRef::DateTime(at) => text(day(at)),
        DataRef::String(held) | DataRef::DateTimeIso(held) | DataRef::DurationIso(held) => {
            text(held.clone())
        }
        DataRef::SharedString(held) => text((*held).to_owned()),
        DataRef::Bool(held) => text(if *held { "TRUE" } else { "FALSE" }.to_owned()),
        DataRef::Error(error) => text(error.to_string()),
    })
}

/// A date without the midnight that spreadsheets add; the time of day where there is one.
fn day(at: &ExcelDateTime) -> String {
    let (year, month, day, hour, minute, second, _) = at.to_ymd_hms_milli();
    let date = format!("{year:04}-{month:02}-{day:02}");
    if !at.is_datetime() {
        return at.as_f64().to_string();
    }
    if (hour, minute, second) == (0, 0, 0) {
        date
    } else {
        format!("{date} {hour:02}:{minute:02}:{second:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_xlsxwriter::{ExcelDateTime as Date, Format, Formula, Workbook};
    use std::io::Write;
    use zip::write::SimpleFileOptions;

    const CAP: u64 = 16 * 1024 * 1024;

    fn book(fill: impl FnOnce(&mut rust_xlsxwriter::Worksheet)) -> Vec<u8> {
        let mut book = Workbook::new();
        fill(book.add_worksheet());
        book.save_to_buffer().unwrap()
    }

    /// The archive with one entry's bytes replaced.
    fn with_entry(book: &[u8], wanted: &str, change: impl Fn(&str) -> String) -> Vec<u8> {
        let mut archive = zip::ZipArchive::new(Cursor::new(book)).unwrap();
        let mut out = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for place in 0..archive.len() {
            let mut entry = archive.by_index(place).unwrap();
            let name = entry.name().unwrap().into_owned();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            out.start_file(&name, SimpleFileOptions::default()).unwrap();
            let text = if name == wanted { change(&text) } else { text };
            out.write_all(text.as_bytes()).unwrap();
        }
        out.finish().unwrap().into_inner()
    }

    fn small() -> Vec<u8> {
        book(|sheet| {
            sheet.write(0, 0, "month").unwrap();
            sheet.write(0, 1, "count").unwrap();
            sheet.write(1, 0, "2026-03").unwrap();
            sheet.write(1, 1, 12).unwrap();
        })
    }

    #[test]
    fn dates_numbers_and_stored_values_of_formulas_are_read() {
        let bytes = book(|sheet| {
            let date = Format::new().set_num_format("dd/mm/yyyy");
            let at = Date::parse_from_str("2026-03-30").unwrap();
            sheet.write_with_format(0, 0, &at, &date).unwrap();
            sheet.write(0, 1, 1204.5).unwrap();
            sheet.write(0, 2, "Größe").unwrap();
            sheet
                .write(1, 1, Formula::new("=1+1").set_result("2"))
                .unwrap();
            sheet.write(1, 2, true).unwrap();
        });
        let sheets = sheets(&bytes, CAP).unwrap();
        let row = &sheets[0].rows[0];
        assert_eq!(
            (row.text(0), row.text(1), row.text(2)),
            ("2026-03-30", "1204.5", "Größe")
        );
        assert!(row.cell(1).is_number && !row.cell(2).is_number);
        assert_eq!(
            (sheets[0].rows[1].number, sheets[0].rows[1].text(1)),
            (2, "2")
        );
        assert_eq!(sheets[0].formula_count, 1);
    }

    #[test]
    fn a_cell_in_the_last_corner_is_one_cell() {
        let bytes = book(|sheet| {
            sheet.write(0, 0, "month").unwrap();
            sheet.write(1_048_575, 16_383, "far").unwrap();
        });
        let rows = sheets(&bytes, CAP).unwrap().remove(0).rows;
        assert_eq!(rows.len(), 2);
        assert_eq!(
            (rows[1].number, rows[1].text(16_383), rows[1].len()),
            (1_048_576, "far", 1)
        );
    }

    #[test]
    fn a_bomb_is_refused_whatever_its_header_says() {
        let mut out = zip::ZipWriter::new(Cursor::new(Vec::new()));
        out.start_file("xl/worksheets/sheet1.xml", SimpleFileOptions::default())
            .unwrap();
        let zeros = vec![b' '; 1024 * 1024];
        for _ in 0..40 {
            out.write_all(b"<c>").unwrap();
            out.write_all(&zeros[..900_000]).unwrap();
        }
        let mut bytes = out.finish().unwrap().into_inner();
        assert!(bytes.len() < 200_000);
        let said = sheets(&bytes, CAP).unwrap_err().to_string();
        assert!(said.contains("more than 16 MB once unpacked"), "{said}");
        // The size in the local and in the central header lie: ten bytes.
        for (mark, offset) in [(b"PK\x03\x04", 22), (b"PK\x01\x02", 24)] {
            let place = bytes.windows(4).position(|four| four == mark).unwrap() + offset;
            bytes[place..place + 4].copy_from_slice(&10_u32.to_le_bytes());
        }
        assert!(sheets(&bytes, CAP).is_err());
    }

    #[test]
    fn what_the_file_says_of_its_own_sizes_is_not_believed() {
        for count in [
            "99999999999",
            "18446744073709551615",
            "99999999999999999999999",
        ] {
            let bytes = with_entry(&small(), "xl/sharedStrings.xml", |text| {
                text.replacen("uniqueCount=\"", &format!("uniqueCount=\"{count}"), 1)
            });
            let said = sheets(&bytes, CAP).unwrap_err().to_string();
            assert!(said.contains("declares more texts"), "{said}");
        }
        let bytes = with_entry(&small(), "xl/worksheets/sheet1.xml", |text| {
            text.replacen("A1:B2", "A1:XFD1048576", 1)
        });
        assert_eq!(sheets(&bytes, CAP).unwrap()[0].rows.len(), 2);
        let bytes = with_entry(&small(), "xl/worksheets/sheet1.xml", |text| {
            text.replacen("r=\"B2\"", "r=\"ZZZZZZZZZZ99999999999\"", 1)
        });
        let _ = sheets(&bytes, CAP);
    }

    #[test]
    fn a_text_without_end_and_many_parts_are_refused() {
        let bytes = with_entry(&small(), "xl/sharedStrings.xml", |text| {
            text.replacen("month", &"m".repeat(2_000_000), 1)
        });
        let said = sheets(&bytes, CAP).unwrap_err().to_string();
        assert!(said.contains("single text"), "{said}");
        let mut out = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for number in 0..=ENTRIES_MAX {
            out.start_file(format!("xl/{number}.xml"), SimpleFileOptions::default())
                .unwrap();
        }
        let said = sheets(&out.finish().unwrap().into_inner(), CAP)
            .unwrap_err()
            .to_string();
        assert!(said.contains("parts"), "{said}");
    }

    #[test]
    fn broken_archives_are_broken_files() {
        let whole = small();
        for end in (0..whole.len()).step_by(97) {
            assert!(sheets(&whole[..end], CAP).is_err());
        }
        for place in (0..whole.len()).step_by(13) {
            let mut one = whole.clone();
            one[place] ^= 0x55;
            let _ = sheets(&one, CAP);
        }
        let empty = book(|_| {});
        assert!(
            sheets(&empty, CAP)
                .unwrap_err()
                .to_string()
                .contains("without any cell")
        );
    }
}

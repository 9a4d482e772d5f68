//! Tables of text: CSV with commas, semicolons, tabs or pipes; a Markdown table; columns that are aligned with spaces, as they
//! are pasted out of mails and terminals. Whatever bytes come, they are some table.

use crate::connectors::file::decode;

use super::problem::Problem;
use super::sheet::{Row, Sheet};

/// A longer cell is a quote that is never closed, not a cell.
const CELL_BYTES_MAX: usize = 32 * 1024;
/// More cells are no report.
pub const CELLS_MAX: usize = 2_000_000;
/// So many lines tell what a table is made of.
const LINES_LOOKED_AT: usize = 60;

/// The text of a file: what its mark of bytes says, else UTF-8, else Windows-1252, in which old spreadsheets write.
pub fn text_of(bytes: &[u8]) -> Result<(String, Option<&'static str>), Problem> {
    let utf16 = |bytes: &[u8], read: fn([u8; 2]) -> u16| {
        let units = bytes.as_chunks::<2>().0.iter().map(|pair| read(*pair));
        char::decode_utf16(units)
            .map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect::<String>()
    };
    let (text, form) = match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => (String::from_utf8_lossy(rest).into_owned(), None),
        [0xff, 0xfe, rest @ ..] => (utf16(rest, u16::from_le_bytes), Some("UTF-16")),
        [0xfe, 0xff, rest @ ..] => (utf16(rest, u16::from_be_bytes), Some("UTF-16")),
        _ => {
            let (text, is_old) = decode(bytes);
            (text, is_old.then_some("Windows-1252"))
        }
    };
    if text.contains('\0') {
        return Err(Problem::whole(
            "is no text and no spreadsheet; a report comes as CSV, XLSX or a pasted table",
        ));
    }
    Ok((text, form))
}

/// The table of a text.
pub fn sheet(text: &str, encoding: Option<&str>) -> Result<Sheet, Problem> {
    let (declared, text, above) = without_declaration(text);
    let first: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .take(LINES_LOOKED_AT)
        .collect();
    let mut sheet = if is_markdown(&first) {
        markdown(text)?
    } else if declared.is_none() && is_aligned(&first) {
        aligned(text)?
    } else {
        delimited(text, declared.unwrap_or_else(|| separator(&first)))?
    };
    for row in &mut sheet.rows {
        row.number += above;
    }
    if let Some(encoding) = encoding {
        sheet.form = format!("{}, {encoding}", sheet.form);
    }
    Ok(sheet)
}

/// Excel writes its separator into a line of its own.
fn without_declaration(text: &str) -> (Option<u8>, &str, u64) {
    let declared = text
        .strip_prefix("sep=")
        .and_then(|rest| rest.split_once('\n'));
    match declared {
        Some((mark, rest)) if mark.trim_end().len() == 1 => (Some(mark.as_bytes()[0]), rest, 1),
        _ if text.starts_with("sep=\t") => {
            let rest = text.split_once('\n').map_or("", |(_, rest)| rest);
            (Some(b'\t'), rest, 1)
        }
        _ => (None, text, 0),
    }
}

fn add(sheet: &mut Sheet, cells: &mut usize, row: Row) -> Result<(), Problem> {
    *cells += row.len();
    if *cells > CELLS_MAX {
        return Err(Problem::whole(format!(
            "has more than {CELLS_MAX} cells; give the table of the report alone"
        )));
    }
    let long = row
        .cells()
        .find(|(_, cell)| cell.text.len() > CELL_BYTES_MAX);
    if let Some((column, _)) = long {
        let reason = format!("has more than {CELL_BYTES_MAX} letters; is a quote never closed?");
        return Err(Problem::at(row.number, column, "", reason));
    }
    if !row.is_empty() {
        sheet.rows.push(row);
    }
    Ok(())
}

// ---- separated

fn delimited(text: &str, separator: u8) -> Result<Sheet, Problem> {
    let name = match separator {
        b';' => "semicolons",
        b'\t' => "tabs",
        b'|' => "pipes",
        _ => "commas",
    };
    let mut sheet = Sheet {
        form: format!("CSV with {name}"),
        ..Sheet::default()
    };
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator)
        .from_reader(text.as_bytes());
    let mut cells = 0;
    for record in reader.records() {
        let record = record.map_err(|error| {
            let line = error.position().map_or(0, csv::Position::line);
            Problem::row(line, "cannot be read as CSV")
        })?;
        let line = record.position().map_or(0, csv::Position::line);
        add(
            &mut sheet,
            &mut cells,
            Row::of_texts(line, record.iter().map(str::to_owned)),
        )?;
    }
    Ok(sheet)
}

/// The separator that most lines have the same number of; of equals, the one that occurs most, and the comma last of all,
/// because it stands in numbers too.
fn separator(lines: &[&str]) -> u8 {
    let scored = [b',', b'|', b';', b'\t'].into_iter().map(|separator| {
        let mut counts: Vec<usize> = counts(lines, separator)
            .into_iter()
            .filter(|count| *count > 0)
            .collect();
        counts.sort_unstable();
        let alike = counts
            .chunk_by(|one, other| one == other)
            .map(<[usize]>::len)
            .max();
        (
            (alike.unwrap_or(0), counts.iter().sum::<usize>()),
            separator,
        )
    });
    scored
        .max_by_key(|(score, _)| *score)
        .map_or(b',', |(_, separator)| separator)
}

/// How often a separator stands outside quotes, for each line; a line within quotes counts nothing.
fn counts(lines: &[&str], separator: u8) -> Vec<usize> {
    let mut is_quoted = false;
    let count = |line: &&str| {
        let mut count = 0;
        for byte in line.bytes() {
            is_quoted ^= byte == b'"';
            count += usize::from(!is_quoted && byte == separator);
        }
        count
    };
    lines.iter().map(count).collect()
}

// ---- Markdown

fn is_rule(line: &str) -> bool {
    let line = line.trim();
    line.contains("--")
        && (line.contains('|') || line.contains('+'))
        && line.chars().all(|letter| "|:-+ ".contains(letter))
}

fn is_markdown(lines: &[&str]) -> bool {
    let is_piped = |line: &&&str| line.trim_start().starts_with('|') || is_rule(line);
    let piped = lines.iter().filter(is_piped).count();
    piped >= 2 && piped * 2 > lines.len()
        || lines.iter().any(|line| is_rule(line) && line.contains('|'))
}

fn markdown(text: &str) -> Result<Sheet, Problem> {
    let mut sheet = Sheet {
        form: "Markdown table".to_owned(),
        ..Sheet::default()
    };
    let mut cells = 0;
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() || is_rule(line) {
            continue;
        }
        let line = line.trim();
        let line = line.strip_prefix('|').unwrap_or(line);
        let line = line.strip_suffix('|').unwrap_or(line);
        // A pipe within a cell is written \|.
        let held = line.replace("\\|", "\u{1}");
        let texts = held
            .split('|')
            .map(|cell| cell.replace('\u{1}', "|").replace("**", ""));
        add(&mut sheet, &mut cells, Row::of_texts(number, texts))?;
    }
    Ok(sheet)
}

// ---- aligned with spaces

/// Whether a line has columns that two spaces or more keep apart.
fn has_gaps(line: &str) -> bool {
    line.trim().contains("  ")
}

fn is_aligned(lines: &[&str]) -> bool {
    let gapped: Vec<&&str> = lines.iter().filter(|line| has_gaps(line)).collect();
    let Some(header) = gapped.first() else {
        return false;
    };
    // A header holds no number, so a mark in it is a separator.
    gapped.len() >= 2 && gapped.len() * 2 > lines.len() && !header.contains([',', ';', '\t', '|'])
}

/// Columns are where every line of the table has two blanks at once.
fn aligned(text: &str) -> Result<Sheet, Problem> {
    let mut sheet = Sheet {
        form: "columns aligned with spaces".to_owned(),
        ..Sheet::default()
    };
    let lines: Vec<Vec<char>> = text
        .lines()
        .map(|line| line.trim_end().chars().collect())
        .collect();
    let is_table = |line: &&Vec<char>| has_gaps(&line.iter().collect::<String>());
    let width = lines
        .iter()
        .filter(is_table)
        .map(Vec::len)
        .max()
        .unwrap_or(0)
        .min(10_000);
    let mut is_blank = vec![true; width];
    for line in lines.iter().filter(is_table) {
        for (place, letter) in line.iter().enumerate().take(width) {
            is_blank[place] &= *letter == ' ';
        }
    }
    let starts = column_starts(&is_blank);
    let mut cells = 0;
    for (number, line) in (1..).zip(&lines) {
        let whole: String = line.iter().collect();
        if line.iter().all(|letter| "-= ".contains(*letter)) {
            continue;
        }
        let row = if is_table(&line) {
            let cell = |place: usize| {
                let end = starts
                    .get(place + 1)
                    .copied()
                    .unwrap_or(line.len())
                    .min(line.len());
                line.get(starts[place].min(end)..end)
                    .unwrap_or_default()
                    .iter()
                    .collect::<String>()
            };
            Row::of_texts(number, (0..starts.len()).map(cell))
        } else {
            Row::of_texts(number, std::iter::once(whole))
        };
        add(&mut sheet, &mut cells, row)?;
    }
    Ok(sheet)
}

/// A column starts at the first letter behind two blanks.
fn column_starts(is_blank: &[bool]) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut blanks = 2;
    for (place, blank) in is_blank.iter().enumerate() {
        if !blank && blanks >= 2 {
            starts.push(place);
        }
        blanks = if *blank { blanks + 1 } else { 0 };
    }
    starts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cells(text: &str) -> Vec<Vec<String>> {
        let row = |row: &Row| {
            (0..row.cells().map(|(at, _)| at + 1).max().unwrap_or(0))
                .map(|at| row.text(at).to_owned())
                .collect()
        };
        sheet(text, None).unwrap().rows.iter().map(row).collect()
    }

    #[test]
    fn every_separator_gives_the_same_cells() {
        let expected = vec![
            vec!["week", "category", "count"],
            vec!["2026-W13", "Hot, water", "1,204"],
        ];
        for text in [
            "week,category,count\n2026-W13,\"Hot, water\",\"1,204\"\n",
            "week;category;count\n2026-W13;Hot, water;1,204\n",
            "week\tcategory\tcount\r\n2026-W13\tHot, water\t1,204\r\n",
            "week|category|count\n2026-W13|Hot, water|1,204\n",
            "sep=;\nweek;category;count\n2026-W13;Hot, water;1,204\n",
            "| week | category | count |\n|:--|---|--:|\n| 2026-W13 | Hot, water | **1,204** |\n",
            "week | category | count\n---|---|---\n2026-W13 | Hot, water | 1,204\n",
            "week       category     count\n--------   ----------   -----\n2026-W13   Hot, water   1,204\n",
        ] {
            assert_eq!(cells(text), expected, "{text}");
        }
    }

    #[test]
    fn aligned_columns_may_hold_empty_cells() {
        let text = "Figures of March\nweek      category   count\n2026-W13                 7\n2026-W13  Login         12\n";
        assert_eq!(cells(text)[2], ["2026-W13", "", "7"]);
        assert_eq!(cells(text)[0], ["Figures of March"]);
        assert_eq!(sheet(text, None).unwrap().rows[3].number, 4);
    }

    #[test]
    fn marks_of_bytes_and_old_letters_are_read() {
        let utf16: Vec<u8> = [0xff, 0xfe]
            .into_iter()
            .chain("Größe".encode_utf16().flat_map(u16::to_le_bytes))
            .collect();
        assert_eq!(
            text_of(&utf16).unwrap(),
            ("Größe".to_owned(), Some("UTF-16"))
        );
        assert_eq!(
            text_of(b"\xef\xbb\xbfweek").unwrap(),
            ("week".to_owned(), None)
        );
        assert_eq!(
            text_of(b"Gr\xf6\xdfe \x80").unwrap(),
            ("Größe €".to_owned(), Some("Windows-1252"))
        );
        assert!(text_of(b"\x7fELF\0\0").is_err());
    }

    #[test]
    fn a_quote_that_is_never_closed_is_named() {
        let text = format!(
            "week,count\n2026-W13,\"12\n{}",
            "2026-W14,9\n".repeat(4_000)
        );
        let said = sheet(&text, None).unwrap_err().to_string();
        assert!(
            said.starts_with("row 2, column B") && said.contains("quote"),
            "{said}"
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_some_table(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            if let Ok((text, encoding)) = text_of(&bytes) {
                let _ = sheet(&text, encoding);
            }
        }

        #[test]
        fn any_marks_are_some_table(text in "[a-c0-9 |;,\t\"\n=+-]{0,200}") {
            let _ = sheet(&text, None);
        }
    }
}

//! Takes one record after the other out of a file, as bytes: a line, or for CSV as many lines as its
//! quotes span. Memory stays bounded however long a line is.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use super::cursor::Place;

/// One record's bytes, without the newline.
#[derive(Debug)]
pub struct Unit {
    pub bytes: Vec<u8>,
    /// Where the next record starts.
    pub after: Place,
    /// The number of its first line, from 1.
    pub line: u64,
    pub end: End,
}

/// How a record ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With a newline.
    Newline,
    /// With the file: more of it may come.
    File,
    /// It is longer than allowed; `after` is behind its first line.
    TooLong,
    /// A quote is never closed; `after` is behind its first line.
    OpenQuote,
}

/// Where fields end and quotes open; `None` for JSONL.
pub type Delimiter = Option<u8>;

/// A file from a position on.
pub struct Lines<R> {
    reader: BufReader<R>,
    place: Place,
    bytes_max: usize,
}

impl<R: Read + Seek> Lines<R> {
    pub fn new(file: R, place: Place, bytes_max: usize) -> io::Result<Self> {
        let mut reader = BufReader::with_capacity(64 * 1024, file);
        reader.seek(SeekFrom::Start(place.offset))?;
        Ok(Self {
            reader,
            place,
            bytes_max,
        })
    }

    /// The next record, without moving behind it; `None` at the end of the file.
    pub fn next(&mut self, delimiter: Delimiter) -> io::Result<Option<Unit>> {
        let mut unit = Unit {
            bytes: Vec::new(),
            after: self.place,
            line: self.place.line + 1,
            end: End::File,
        };
        let mut quotes = Quotes::new(delimiter);
        let mut first_line = None;
        loop {
            let is_long = self.line(&mut unit)?;
            if unit.after.offset == self.place.offset {
                return Ok(None);
            }
            let is_whole = unit.end == End::Newline;
            quotes.feed(&unit.bytes);
            if is_whole {
                first_line.get_or_insert(unit.after);
            }
            let end = match (is_long, quotes.is_open(), is_whole) {
                (true, ..) => End::TooLong,
                (_, true, true) => {
                    unit.bytes.push(b'\n');
                    continue;
                }
                (_, true, false) => End::OpenQuote,
                (_, false, _) => unit.end,
            };
            unit.end = end;
            if matches!(end, End::TooLong | End::OpenQuote) {
                unit.after = first_line.unwrap_or(unit.after);
                self.reader.seek(SeekFrom::Start(unit.after.offset))?;
            }
            return Ok(Some(unit));
        }
    }

    /// Goes on behind a record.
    pub fn accept(&mut self, unit: &Unit) {
        self.place = unit.after;
    }

    /// Where the next record starts.
    pub fn place(&self) -> Place {
        self.place
    }

    /// Appends one line; true when the record is longer than allowed.
    fn line(&mut self, unit: &mut Unit) -> io::Result<bool> {
        let mut is_long = false;
        unit.end = End::File;
        loop {
            let chunk = self.reader.fill_buf()?;
            if chunk.is_empty() {
                return Ok(is_long);
            }
            let newline = chunk.iter().position(|byte| *byte == b'\n');
            let taken = newline.map_or(chunk.len(), |place| place + 1);
            let kept = newline.unwrap_or(taken);
            is_long |= unit.bytes.len() + kept > self.bytes_max;
            if !is_long {
                unit.bytes.extend_from_slice(&chunk[..kept]);
            }
            unit.after.advance(&chunk[..taken]);
            self.reader.consume(taken);
            if newline.is_some() {
                unit.end = End::Newline;
                return Ok(is_long);
            }
        }
    }
}

/// Follows the quotes of a CSV record. A quote opens a field only at its start; elsewhere it is a
/// letter, such as in `5" pipe`.
struct Quotes {
    delimiter: Delimiter,
    seen: usize,
    is_open: bool,
    is_field_start: bool,
}

impl Quotes {
    fn new(delimiter: Delimiter) -> Self {
        Self {
            delimiter,
            seen: 0,
            is_open: false,
            is_field_start: true,
        }
    }

    /// Reads on in a record that has grown.
    fn feed(&mut self, bytes: &[u8]) {
        let Some(delimiter) = self.delimiter else {
            return;
        };
        for &byte in &bytes[self.seen.min(bytes.len())..] {
            if self.is_open {
                // A doubled quote closes and opens again: the same in the end.
                self.is_open = byte != b'"';
                self.is_field_start = byte == b'"';
            } else if byte == b'"' && self.is_field_start {
                self.is_open = true;
            } else {
                self.is_field_start = byte == delimiter;
            }
        }
        self.seen = bytes.len();
    }

    fn is_open(&self) -> bool {
        self.is_open
    }
}

/// The text of a record. What is not UTF-8 is read as Windows-1252, in which old exports come.
pub fn decode(bytes: &[u8]) -> (String, bool) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (text.to_owned(), false),
        Err(_) => (bytes.iter().map(|&byte| windows_1252(byte)).collect(), true),
    }
}

fn windows_1252(byte: u8) -> char {
    const HIGH: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž',
        '\u{8f}', '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}',
        'ž', 'Ÿ',
    ];
    match byte {
        0x80..=0x9f => HIGH[usize::from(byte - 0x80)],
        _ => char::from(byte),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn units(text: &str, delimiter: Delimiter, bytes_max: usize) -> Vec<(u64, String, End)> {
        let mut lines =
            Lines::new(Cursor::new(text.as_bytes()), Place::default(), bytes_max).unwrap();
        let mut found = Vec::new();
        while let Some(unit) = lines.next(delimiter).unwrap() {
            found.push((unit.line, decode(&unit.bytes).0, unit.end));
            lines.accept(&unit);
        }
        assert_eq!(lines.place().offset, text.len() as u64);
        found
    }

    fn whole(line: u64, text: &str) -> (u64, String, End) {
        (line, text.into(), End::Newline)
    }

    #[test]
    fn quoted_newlines_belong_to_a_record_and_stray_quotes_do_not_open() {
        assert_eq!(
            units(
                "a,\"b\nc\"\nd,5\" pipe\ne,\"f \"\"g\"\"\"\n",
                Some(b','),
                100
            ),
            [
                whole(1, "a,\"b\nc\""),
                whole(3, "d,5\" pipe"),
                whole(4, "e,\"f \"\"g\"\"\"")
            ]
        );
    }

    #[test]
    fn a_long_line_is_passed_over() {
        let text = format!("{}\nok\n", "x".repeat(200));
        let found = units(&text, None, 100);
        assert_eq!((found[0].0, found[0].2), (1, End::TooLong));
        assert_eq!(found[1], whole(2, "ok"));
    }

    #[test]
    fn an_open_quote_costs_its_line_and_no_more() {
        let found = units("a,\"b\nc,d\ne,f\n", Some(b','), 100);
        assert_eq!((found[0].0, found[0].2), (1, End::OpenQuote));
        assert_eq!(found[1..], [whole(2, "c,d"), whole(3, "e,f")]);
    }

    #[test]
    fn the_last_line_may_lack_its_newline() {
        let found = units("a\nb", None, 100);
        assert_eq!(found, [whole(1, "a"), (2, "b".into(), End::File)]);
    }

    #[test]
    fn old_encodings_are_read() {
        assert_eq!(decode(b"Gr\xfc\xdfe \x80"), ("Grüße €".into(), true));
        assert_eq!(decode("Grüße".as_bytes()), ("Grüße".into(), false));
    }
}

//! Fills one page from the files: what is new in each since the cursor.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::time::UNIX_EPOCH;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::cursor::{FileCursor, FilesCursor, Place};
use super::lines::{End, Lines, Unit, decode};
use super::{CompleteUntil, FilesConfig, Format, csv, files, jsonl, plain};
use crate::connectors::{Cursor, Page, PullError, Skipped};
use crate::model::{Record, SourceId};

/// A page ends after this many bytes, whatever it holds.
const PAGE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// One pull: the settings and the time.
pub struct Reading {
    pub source: SourceId,
    pub config: FilesConfig,
    pub zone: Tz,
    pub now: DateTime<Utc>,
}

/// What lines are turned into.
enum Layout {
    Jsonl,
    Csv(csv::Header),
}

/// A page while it is filled.
#[derive(Default)]
struct Filling {
    records: Vec<Record>,
    skipped: Vec<Skipped>,
    remarks: Vec<String>,
    bytes: u64,
}

impl Filling {
    fn is_full(&self, config: &FilesConfig) -> bool {
        self.records.len() + self.skipped.len() >= config.page_records
            || self.bytes >= PAGE_BYTES_MAX
    }
}

impl Reading {
    /// The page after a cursor.
    pub fn page(&self, cursor: Option<&Cursor>) -> Result<Page, PullError> {
        let mut cursor = FilesCursor::read(cursor);
        let files = files(&self.config.paths)?;
        let names: Vec<String> = files
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        cursor.files.retain(|name, _| names.contains(name));
        let mut filling = Filling::default();
        let mut is_last = true;
        for (path, name) in files.iter().zip(names) {
            if filling.is_full(&self.config) {
                is_last = false;
                break;
            }
            let before = cursor.files.remove(&name).unwrap_or_default();
            let (after, is_done) = self.file(path, before, &mut filling)?;
            is_last &= is_done;
            cursor.files.insert(name, after);
        }
        let opened = filling.records.iter().filter_map(|record| match record {
            Record::Conversation(conversation) => Some(conversation.created_at),
            _ => None,
        });
        cursor.newest = opened.chain(cursor.newest).max();
        let complete_until = match self.config.complete_until {
            CompleteUntil::Now => Some(self.now),
            CompleteUntil::NewestRecord => cursor.newest,
        };
        Ok(Page {
            records: filling.records,
            skipped: filling.skipped,
            is_last,
            complete_until: complete_until.filter(|_| is_last),
            remarks: filling.remarks,
            ..Page::at(cursor.write())
        })
    }

    /// Reads on in one file until it ends or the page is full.
    fn file(
        &self,
        path: &Path,
        mut cursor: FileCursor,
        filling: &mut Filling,
    ) -> Result<(FileCursor, bool), PullError> {
        let failed = |error: io::Error| {
            PullError::Transient(format!(
                "{} cannot be read: {}",
                path.display(),
                plain(&error)
            ))
        };
        let metadata = path.metadata().map_err(failed)?;
        let changed = metadata
            .modified()
            .ok()
            .and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        let changed_ns = changed.map_or(0, |since| i128::try_from(since.as_nanos()).unwrap_or(0));
        if (cursor.size, cursor.changed_ns) != (metadata.len(), changed_ns) {
            if !starts_as_before(path, &cursor.place).map_err(failed)? {
                cursor = FileCursor::default();
            }
            (cursor.size, cursor.changed_ns) = (metadata.len(), changed_ns);
        }
        if cursor.place.offset >= cursor.size || cursor.tail_size == Some(cursor.size) {
            return Ok((cursor, true));
        }
        let Some(layout) = self.layout(path, &mut cursor.place)? else {
            return Ok((cursor, true));
        };
        let age_ns = i128::from(self.now.timestamp_micros()) * 1_000 - changed_ns;
        let is_settled =
            age_ns >= i128::try_from(self.config.settle.as_nanos()).unwrap_or(i128::MAX);
        let file = File::open(path).map_err(failed)?;
        let mut lines =
            Lines::new(file, cursor.place, self.config.line_bytes_max).map_err(failed)?;
        let delimiter = match &layout {
            Layout::Jsonl => None,
            Layout::Csv(header) => Some(header.delimiter),
        };
        let mut reading = OneFile {
            reading: self,
            path,
            layout,
            repaired: 0,
        };
        let mut is_done = false;
        while !filling.is_full(&self.config) {
            let Some(unit) = lines.next(delimiter).map_err(failed)? else {
                is_done = true;
                break;
            };
            filling.bytes += unit.after.offset - lines.place().offset;
            match unit.end {
                // It is looked at again from its start when the file has grown.
                End::File => {
                    if reading.tail(&unit, is_settled, filling) {
                        cursor.tail_size = Some(unit.after.offset);
                    }
                    is_done = true;
                    break;
                }
                End::OpenQuote if !is_settled && is_at_end(&unit, cursor.size) => {
                    is_done = true;
                    break;
                }
                _ => {
                    reading.unit(&unit, filling);
                    lines.accept(&unit);
                }
            }
        }
        cursor.place = lines.place();
        reading.remark(filling);
        Ok((cursor, is_done))
    }

    /// JSONL or CSV with its header; `None` while the file is too young to tell. Moves a position
    /// at the start behind a byte order mark and the header.
    fn layout(&self, path: &Path, place: &mut Place) -> Result<Option<Layout>, PullError> {
        let failed = |error: io::Error| {
            PullError::Transient(format!(
                "{} cannot be read: {}",
                path.display(),
                plain(&error)
            ))
        };
        let mut start = Vec::new();
        let file = File::open(path).map_err(failed)?;
        file.take(csv::HEADER_BYTES_MAX)
            .read_to_end(&mut start)
            .map_err(failed)?;
        if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) {
            let reason = format!("{} is UTF-16: save it as UTF-8", path.display());
            return Err(PullError::Malformed(reason));
        }
        let mark = if start.starts_with(&[0xef, 0xbb, 0xbf]) {
            3
        } else {
            0
        };
        if format(self.config.format, path, &start[mark..]) == Format::Jsonl {
            if place.offset < mark as u64 {
                place.advance(&start[..mark]);
            }
            return Ok(Some(Layout::Jsonl));
        }
        let read = csv::Header::read(&start[mark..], &self.config, self.zone);
        let header = match read {
            Ok(Some(header)) => header,
            Ok(None) => return Ok(None),
            Err(reason) => {
                return Err(PullError::Malformed(format!(
                    "{}: {reason}",
                    path.display()
                )));
            }
        };
        let end = mark + header.bytes;
        if place.offset < end as u64 {
            *place = Place::default();
            place.advance(&start[..end]);
        }
        Ok(Some(Layout::Csv(header)))
    }
}

/// One file while it is read.
struct OneFile<'a> {
    reading: &'a Reading,
    path: &'a Path,
    layout: Layout,
    repaired: u64,
}

impl OneFile<'_> {
    /// A record with its end.
    fn unit(&mut self, unit: &Unit, filling: &mut Filling) {
        let reason = match unit.end {
            End::TooLong => Err(format!(
                "is longer than {} bytes",
                self.reading.config.line_bytes_max
            )),
            End::OpenQuote => Err("has a quote that is never closed".to_owned()),
            End::Newline | End::File => self.read(unit),
        };
        match reason {
            Ok(record) => filling.records.extend(record),
            Err(reason) => filling.skipped.push(Skipped {
                place: self.place(unit),
                reason,
            }),
        }
    }

    /// The last line, without a newline: counts when it is whole, waits while the file is young.
    fn tail(&mut self, unit: &Unit, is_settled: bool, filling: &mut Filling) -> bool {
        let is_whole = match self.layout {
            Layout::Jsonl => serde_json::from_slice::<serde_json::Value>(&unit.bytes).is_ok(),
            Layout::Csv(_) => false,
        };
        if is_whole || is_settled {
            self.unit(unit, filling);
        }
        is_whole || is_settled
    }

    fn read(&mut self, unit: &Unit) -> Result<Option<Record>, String> {
        let (text, is_repaired) = decode(&unit.bytes);
        let line = text.strip_suffix('\r').unwrap_or(&text);
        if line.trim().is_empty() {
            return Ok(None);
        }
        self.repaired += u64::from(is_repaired);
        let record = match &self.layout {
            Layout::Jsonl => jsonl::record(
                line,
                &self.reading.source,
                self.reading.zone,
                &self.reading.config.columns,
            ),
            Layout::Csv(header) => header.record(line, &self.reading.source),
        };
        record.map(Some)
    }

    fn place(&self, unit: &Unit) -> String {
        let name = self
            .path
            .file_name()
            .map_or(self.path.as_os_str(), |name| name);
        format!("{}:{}", name.to_string_lossy(), unit.line)
    }

    fn remark(&self, filling: &mut Filling) {
        if self.repaired > 0 {
            filling.remarks.push(format!(
                "{}: {} lines are not UTF-8 and were read as Windows-1252",
                self.path.display(),
                self.repaired
            ));
        }
    }
}

/// An open quote is told by reading to the end of the file or of the limit.
fn is_at_end(unit: &Unit, size: u64) -> bool {
    unit.after.offset + unit.bytes.len() as u64 >= size
}

fn starts_as_before(path: &Path, place: &Place) -> io::Result<bool> {
    let mut file = File::open(path)?.take(place.offset);
    let mut now = Place::default();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(now == *place);
        }
        now.advance(&buffer[..count]);
    }
}

fn format(configured: Format, path: &Path, start: &[u8]) -> Format {
    if configured != Format::Auto {
        return configured;
    }
    let end = path
        .extension()
        .map(|end| end.to_string_lossy().to_lowercase());
    match end.as_deref() {
        Some("csv" | "tsv") => Format::Csv,
        Some("jsonl" | "ndjson") => Format::Jsonl,
        _ if start.trim_ascii_start().starts_with(b"{") => Format::Jsonl,
        _ => Format::Csv,
    }
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;

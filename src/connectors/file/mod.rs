//! JSONL and CSV files, or watched folders of them, as a source.
//!
//! The cursor holds, for each file, how far it was read and a fingerprint of what was read: appended
//! lines are read on, a replaced file is read anew. A last line without its newline is looked at
//! again when it has grown. Lines that cannot be read are reported by file and line.

mod columns;
mod csv;
mod cursor;
mod jsonl;
mod lines;
mod reader;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use futures_util::future::BoxFuture;

use super::date::DateOrder;
pub use columns::{Export, export};
pub use lines::decode;

use super::{Connector, Cursor, Page, PullError};
use crate::model::SourceId;
use crate::section::Section;

/// How many records a page holds.
const PAGE_RECORDS: usize = 1_000;

/// A longer line is skipped and reported.
const LINE_BYTES_MAX: usize = 1024 * 1024;

/// A last line without a newline is still being written while the file is younger than this.
const SETTLE: Duration = Duration::from_secs(60);

/// How lines are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// By the file's name, else by its first character.
    #[default]
    Auto,
    /// One JSON object a line.
    Jsonl,
    /// A header and rows.
    Csv,
}

/// What a source of files is complete up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CompleteUntil {
    /// Now: whatever writes the files writes at once.
    #[default]
    Now,
    /// The newest conversation read: files come late, such as last night's export.
    NewestRecord,
}

/// Settings of a source of files.
#[derive(Clone, Debug)]
pub struct FilesConfig {
    /// Files and folders, in this order; the files of a folder by name.
    pub paths: Vec<PathBuf>,
    /// How lines are read.
    pub format: Format,
    /// Which column of a CSV file is what: our name, the header's name.
    pub columns: BTreeMap<String, String>,
    /// Which comes first in `03/04/2026`.
    pub date_order: Option<DateOrder>,
    /// How many records a page holds.
    pub page_records: usize,
    /// A longer line is skipped and reported.
    pub line_bytes_max: usize,
    /// How long a last line without a newline is waited for.
    pub settle: Duration,
    /// What the source is complete up to once everything is read.
    pub complete_until: CompleteUntil,
}

impl Default for FilesConfig {
    fn default() -> Self {
        Self {
            paths: Vec::new(),
            format: Format::Auto,
            columns: BTreeMap::new(),
            date_order: None,
            page_records: PAGE_RECORDS,
            line_bytes_max: LINE_BYTES_MAX,
            settle: SETTLE,
            complete_until: CompleteUntil::Now,
        }
    }
}

impl FilesConfig {
    /// Reads the settings out of a `[[sources]]` table.
    pub fn read(section: &mut Section<'_>) -> Self {
        let folder = section.folder().to_owned();
        let paths: Vec<PathBuf> = section
            .list("paths")
            .iter()
            .map(|path| folder.join(path))
            .collect();
        if paths.is_empty() {
            let hint = "give a list of files and folders, such as paths = [\"inbox\"]";
            section.problem("paths", "is missing", hint);
        }
        let formats = ["auto", "jsonl", "csv"];
        let format = section.choice("format", Format::Auto, &formats, |name| match name {
            "auto" => Some(Format::Auto),
            "jsonl" => Some(Format::Jsonl),
            "csv" => Some(Format::Csv),
            _ => None,
        });
        let order = section.choice("date_order", None, &["dmy", "mdy"], |name| match name {
            "dmy" => Some(Some(DateOrder::DayFirst)),
            "mdy" => Some(Some(DateOrder::MonthFirst)),
            _ => None,
        });
        let complete = section.choice(
            "complete_until",
            CompleteUntil::Now,
            &["now", "newest_record"],
            |name| match name {
                "now" => Some(CompleteUntil::Now),
                "newest_record" => Some(CompleteUntil::NewestRecord),
                _ => None,
            },
        );
        let columns = section.texts("columns");
        for name in columns.keys().filter(|name| !columns::is_known(name)) {
            let hint = format!("known: {}", columns::names().join(", "));
            section.problem(&format!("columns.{name}"), "is not one of our fields", hint);
        }
        let records = section.number("page_records", PAGE_RECORDS as i64, 1..=100_000);
        let bytes = section.number(
            "line_bytes_max",
            LINE_BYTES_MAX as i64,
            1_024..=64 * 1024 * 1024,
        );
        let settle = section.number("settle_seconds", 60, 0..=86_400);
        Self {
            paths,
            format,
            columns,
            date_order: order,
            page_records: usize::try_from(records).unwrap_or(PAGE_RECORDS),
            line_bytes_max: usize::try_from(bytes).unwrap_or(LINE_BYTES_MAX),
            settle: Duration::from_secs(settle.unsigned_abs()),
            complete_until: complete,
        }
    }
}

/// The connector of a source of files.
pub struct Files {
    source: SourceId,
    config: FilesConfig,
    zone: Tz,
}

impl Files {
    /// A source that reads dates without an offset in `zone`.
    pub fn new(source: SourceId, config: FilesConfig, zone: Tz) -> Self {
        Self {
            source,
            config,
            zone,
        }
    }
}

impl Connector for Files {
    fn pull<'a>(
        &'a self,
        cursor: Option<&'a Cursor>,
        now: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<Page, PullError>> {
        let reading = reader::Reading {
            source: self.source.clone(),
            config: self.config.clone(),
            zone: self.zone,
            now,
        };
        let cursor = cursor.cloned();
        Box::pin(async move {
            let page = tokio::task::spawn_blocking(move || reading.page(cursor.as_ref()));
            page.await
                .map_err(|_| PullError::Transient("reading files was interrupted".into()))?
        })
    }

    fn check<'a>(&'a self, _now: DateTime<Utc>) -> BoxFuture<'a, Result<Vec<String>, PullError>> {
        Box::pin(async move {
            let found = files(&self.config.paths)?;
            let remark = || {
                let paths: Vec<_> = self
                    .config
                    .paths
                    .iter()
                    .map(|p| p.display().to_string())
                    .collect();
                format!("no .jsonl or .csv file in {} yet", paths.join(", "))
            };
            Ok(if found.is_empty() {
                vec![remark()]
            } else {
                Vec::new()
            })
        })
    }
}

/// The files to read, in order. A folder's hidden and unfinished files are left out.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, PullError> {
    let unreadable = |path: &Path, error: &std::io::Error| {
        PullError::Transient(format!(
            "{} cannot be read: {}",
            path.display(),
            plain(error)
        ))
    };
    let mut files = Vec::new();
    for path in paths {
        let metadata = path.metadata().map_err(|error| unreadable(path, &error))?;
        if !metadata.is_dir() {
            files.push(path.clone());
            continue;
        }
        let entries = path.read_dir().map_err(|error| unreadable(path, &error))?;
        let mut inside = Vec::new();
        for entry in entries {
            let file = entry.map_err(|error| unreadable(path, &error))?.path();
            if is_data(&file) && file.is_file() {
                inside.push(file);
            }
        }
        inside.sort();
        files.append(&mut inside);
    }
    let mut seen = std::collections::BTreeSet::new();
    files.retain(|file| seen.insert(file.clone()));
    Ok(files)
}

fn is_data(file: &Path) -> bool {
    let is_hidden = file
        .file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let ends = ["jsonl", "ndjson", "csv", "tsv"];
    let is_known = file
        .extension()
        .is_some_and(|end| ends.iter().any(|known| end.eq_ignore_ascii_case(known)));
    is_known && !is_hidden
}

/// An error's kind in words, the same on every system.
fn plain(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file or folder".into(),
        std::io::ErrorKind::PermissionDenied => "permission denied".into(),
        _ => error.to_string().to_lowercase(),
    }
}

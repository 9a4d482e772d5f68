//! Reads an official report: what management publishes, as a table of counts by period and category.
//!
//! Bytes become sheets of cells (`text`, `spreadsheet`), a layout is found in one (`layout`, `words`), what its periods mean is
//! settled (`period`, `settle`), and its rows are added up and checked (`lines`, `gather`); an export of tickets is counted
//! (`tickets`). What is ambiguous is asked (`problem`), what a person chose is remembered by the headers (`choices`). Pure: bytes
//! in, report out. What cannot be read is told by row and cell, and then nothing of the report is taken.

mod choices;
mod columns;
mod gather;
mod layout;
mod limits;
mod lines;
mod number;
mod period;
mod problem;
mod rows;
mod settle;
mod sheet;
mod spreadsheet;
mod table;
mod text;
mod tickets;
mod wide;
mod words;

#[cfg(test)]
mod tests;

use sha2::{Digest, Sha256};

use crate::model::{Calendar, OfficialReport, WeekStart};

pub use choices::Choices;
pub use limits::{ReportConfig, too_large};
pub use number::Mark;
pub use period::Order;
pub use problem::{Answer, Problem, Question, Trouble};
pub use sheet::Sheet;

use layout::{Found, Shape};
use period::Period;
use settle::Around;

/// What two spellings of one category share: letters in one case, single spaces. `None` where the cell means "no category".
pub fn line_key(category: Option<&str>) -> Option<String> {
    let name = line_name(category?);
    (!words::is_no_category(&name)).then(|| name.to_lowercase())
}

/// A category's name without stray spaces.
pub fn line_name(category: &str) -> String {
    category.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a file was understood to say.
#[derive(Clone, Debug)]
pub struct Understood {
    /// A report for each metric.
    pub reports: Vec<OfficialReport>,
    /// What the file is: `CSV with semicolons`.
    pub form: String,
    /// What is what: `period`, `"Monat" (A)`.
    pub columns: Vec<(String, String)>,
    /// The first lines as understood: period, category, counts.
    pub first: Vec<Vec<String>>,
    /// What a reader should know.
    pub notes: Vec<String>,
    /// Tells headers like these apart from others.
    pub fingerprint: String,
    /// How files with these headers are to be read from now on.
    pub settled: Choices,
}

/// The tables of a file, whatever it is.
pub fn open(bytes: &[u8], config: ReportConfig) -> Result<Vec<Sheet>, Problem> {
    if bytes.len() as u64 > config.file_bytes_max() {
        return Err(too_large(config));
    }
    match bytes {
        [b'P', b'K', 3, 4, ..] => spreadsheet::sheets(bytes, config.inflated_bytes_max()),
        [0xd0, 0xcf, 0x11, 0xe0, ..] => Err(Problem::whole(
            "is an old or protected spreadsheet (XLS); save it as XLSX without a password, or as CSV",
        )),
        [b'%', b'P', b'D', b'F', ..] => Err(Problem::whole(
            "is a PDF; give the table as XLSX or CSV, or paste it",
        )),
        _ => {
            let (text, encoding) = text::text_of(bytes)?;
            Ok(vec![text::sheet(&text, encoding)?])
        }
    }
}

/// What tells a layout apart: its headers, whatever their case; the periods among them are all alike.
pub fn fingerprint(sheet: &Sheet) -> String {
    let rows = sheet.rows.iter().take(12);
    let is_header = |row: &&sheet::Row| {
        let mut cells = row.cells();
        row.len() >= 2
            && cells.all(|(_, cell)| {
                !number::looks_like_number(cell) || Period::parse(&cell.text).is_some()
            })
    };
    let header = rows.filter(is_header).rev().max_by_key(|row| row.len());
    let mut names: Vec<String> = Vec::new();
    for (_, cell) in header.iter().flat_map(|row| row.cells()) {
        let name = match Period::parse(&cell.text) {
            Some(_) => "\u{0}".to_owned(),
            None => words::plain(&cell.text),
        };
        if names.last() != Some(&name) {
            names.push(name);
        }
    }
    let hash = Sha256::digest(names.join("\u{1f}").as_bytes());
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads the report in a file's tables. `name` is what it is called from now on, unless that is chosen; `calendar` cuts its
/// periods into our windows.
pub fn read(
    sheets: &[Sheet],
    name: &str,
    choices: &Choices,
    calendar: &Calendar,
) -> Result<Understood, Trouble> {
    let (sheet, picked) = pick(sheets, choices)?;
    let found = layout::find(sheet, choices)?;
    let title = choices.name.as_deref().unwrap_or(name);
    let read = match &found.shape {
        Shape::Tickets(export) => tickets::read(&found, export, choices, calendar, title)?,
        _ => lines::read(
            &found,
            around(sheet, &found, name),
            choices,
            calendar,
            title,
        )?,
    };
    let mut notes: Vec<String> = sheet.notes.iter().cloned().chain(picked).collect();
    if sheet.formula_count > 0 {
        notes.push(format!(
            "{} cells of the file hold formulas; the values stored beside them are taken, nothing is computed",
            sheet.formula_count
        ));
    }
    notes.extend(read.notes);
    let settled = Choices {
        sheet: (sheets.len() > 1).then(|| sheet.name.clone()),
        week_start: weeks_of(&read.reports, calendar),
        ..settled_columns(&found)
    };
    Ok(Understood {
        columns: shown_columns(&found),
        form: sheet.form.clone(),
        first: read.first,
        fingerprint: fingerprint(sheet),
        settled: choices.clone().over(read.settled).over(settled),
        reports: read.reports,
        notes,
    })
}

/// Reads a report whose layout leaves nothing open, such as a file beside `analyze`.
pub fn parse(text: &str, name: &str, calendar: &Calendar) -> Result<OfficialReport, Trouble> {
    let sheets = open(text.as_bytes(), ReportConfig::default())?;
    let understood = read(&sheets, name, &Choices::default(), calendar)?;
    let first = understood.reports.into_iter().next();
    first.ok_or_else(|| Problem::whole("the report has no rows below its header").into())
}

/// The sheet that holds the report.
fn pick<'a>(
    sheets: &'a [Sheet],
    choices: &Choices,
) -> Result<(&'a Sheet, Option<String>), Trouble> {
    let names = || {
        sheets
            .iter()
            .map(|sheet| format!("\"{}\"", sheet.name))
            .collect::<Vec<_>>()
            .join(", ")
    };
    if let Some(wanted) = choices
        .sheet
        .as_deref()
        .filter(|_| sheets.iter().any(|sheet| !sheet.name.is_empty()))
    {
        let number = wanted
            .parse::<usize>()
            .ok()
            .and_then(|number| sheets.get(number.checked_sub(1)?));
        let named = sheets
            .iter()
            .find(|sheet| sheet.name.eq_ignore_ascii_case(wanted));
        let sheet = named.or(number);
        return sheet.map(|sheet| (sheet, None)).ok_or_else(|| {
            Problem::whole(format!(
                "there is no sheet \"{wanted}\"; the file has {}",
                names()
            ))
            .into()
        });
    }
    if let [only] = sheets {
        return Ok((only, None));
    }
    let has_report =
        |sheet: &&Sheet| !matches!(layout::find(sheet, choices), Err(Trouble::Wrong(_)));
    let fitting: Vec<&Sheet> = sheets.iter().filter(has_report).collect();
    match fitting.as_slice() {
        [] => {
            let first = sheets
                .first()
                .ok_or_else(|| Problem::whole("holds no table"))?;
            Ok((first, None))
        }
        [only] => Ok((
            only,
            Some(format!(
                "sheet \"{}\" of {} is read, the only one with a report",
                only.name,
                sheets.len()
            )),
        )),
        several => Err(Trouble::Ask(Question {
            flag: "--sheet",
            text: format!("{} sheets may hold the report", several.len()),
            answers: several
                .iter()
                .map(|sheet| Answer {
                    value: sheet.name.clone(),
                    meaning: format!("{} rows", sheet.rows.len()),
                })
                .collect(),
        })),
    }
}

/// What stands around the periods: their header, and years in titles and names.
fn around(sheet: &Sheet, found: &Found<'_>, name: &str) -> Around {
    let (header, stated) = match &found.shape {
        Shape::Long { period, .. } | Shape::Across { period, .. } => {
            (found.table.names[period.column].clone(), period.stated)
        }
        _ => (String::new(), None),
    };
    let above = sheet.rows[..found.place]
        .iter()
        .flat_map(|row| row.cells())
        .map(|(_, cell)| cell.text.as_str());
    let texts = above.chain([sheet.name.as_str(), name]);
    let mut years: Vec<i32> = texts.flat_map(years_in).collect();
    years.sort_unstable();
    years.dedup();
    Around {
        header,
        stated,
        years,
    }
}

fn years_in(text: &str) -> Vec<i32> {
    let numbers = text
        .split(|letter: char| !letter.is_ascii_digit())
        .filter(|digits| digits.len() == 4);
    let year = |digits: &str| {
        digits
            .parse()
            .ok()
            .filter(|year| (2000..=2099).contains(year))
    };
    numbers.filter_map(year).collect()
}

/// The first day of weeks that are not ours.
fn weeks_of(reports: &[OfficialReport], calendar: &Calendar) -> Option<String> {
    let is_sunday = reports
        .iter()
        .flat_map(|report| &report.rows)
        .any(|row| row.window.ends_with('s'));
    (is_sunday && calendar.week_start == WeekStart::Monday).then(|| "sunday".to_owned())
}

/// The columns as they are remembered: by their headers.
fn settled_columns(found: &Found<'_>) -> Choices {
    let name = |column: usize| {
        found
            .table
            .names
            .get(column)
            .filter(|name| !name.is_empty())
            .cloned()
    };
    match &found.shape {
        Shape::Long {
            period,
            category,
            metrics,
        } => Choices {
            period: name(period.column),
            category: category.map_or_else(|| Some("none".to_owned()), name),
            count: metrics.first().and_then(|metric| name(metric.column)),
            metrics: metrics
                .iter()
                .skip(1)
                .filter_map(|metric| name(metric.column))
                .collect(),
            ..Choices::default()
        },
        Shape::Wide { category, .. } => Choices {
            category: category.and_then(name),
            ..Choices::default()
        },
        _ => Choices::default(),
    }
}

/// The columns for people.
fn shown_columns(found: &Found<'_>) -> Vec<(String, String)> {
    let table = &found.table;
    let mut shown = Vec::new();
    let mut add = |role: &str, text: String| shown.push((role.to_owned(), text));
    match &found.shape {
        Shape::Long {
            period,
            category,
            metrics,
        } => {
            add("period", table.label(period.column));
            if let Some(year) = period.year {
                add("year", table.label(year));
            }
            add(
                "category",
                category.map_or_else(|| "none: totals".to_owned(), |column| table.label(column)),
            );
            for metric in metrics {
                let role = if metric.name.is_empty() {
                    "count"
                } else {
                    &metric.name
                };
                add(role, table.label(metric.column));
            }
        }
        Shape::Across { period, categories } => {
            add("period", table.label(period.column));
            let labels: Vec<String> = categories
                .iter()
                .map(|column| table.label(*column))
                .collect();
            add("categories", labels.join(", "));
        }
        Shape::Wide {
            category,
            periods,
            metrics,
        } => {
            add(
                "category",
                category.map_or_else(|| "none: totals".to_owned(), |column| table.label(column)),
            );
            let columns = periods.iter().filter(|one| one.period.is_some());
            let labels: Vec<String> = columns.map(|one| table.label(one.columns[0])).collect();
            add("periods", labels.join(", "));
            let names: Vec<&str> = metrics.iter().map(|metric| metric.name.as_str()).collect();
            if names.len() > 1 {
                add("metrics", names.join(", "));
            }
        }
        Shape::Tickets(export) => add("tickets", table.label(export.id)),
    }
    shown
}

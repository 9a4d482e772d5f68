//! Reads an official report: a CSV table of period, category and count. What cannot be read is told by row, and then nothing
//! of the report is taken.

mod cells;

use std::collections::BTreeMap;

use crate::model::{Cadence, Calendar, OfficialReport, ReportBasis, ReportRow};

use cells::{count, window};

/// Headers of the period's column, and the cadence that they state.
const PERIOD_HEADERS: [(&str, Option<Cadence>); 12] = [
    ("window", None),
    ("period", None),
    ("zeitraum", None),
    ("month", Some(Cadence::Monthly)),
    ("monat", Some(Cadence::Monthly)),
    ("week", Some(Cadence::Weekly)),
    ("calendar week", Some(Cadence::Weekly)),
    ("woche", Some(Cadence::Weekly)),
    ("kw", Some(Cadence::Weekly)),
    ("day", Some(Cadence::Daily)),
    ("date", Some(Cadence::Daily)),
    ("datum", Some(Cadence::Daily)),
];

/// Headers of the category's column, the surest first.
const CATEGORY_HEADERS: [&str; 14] = [
    "category",
    "kategorie",
    "official category",
    "type",
    "service_type",
    "reason",
    "contact reason",
    "topic",
    "group",
    "class",
    "subject area",
    "thema",
    "grund",
    "typ",
];

/// Headers of the count's column, the surest first.
const COUNT_HEADERS: [&str; 16] = [
    "count",
    "conversations",
    "tickets",
    "incidents",
    "cases",
    "calls",
    "contacts",
    "number",
    "volume",
    "total",
    "anzahl",
    "gesamt",
    "closed",
    "solved",
    "resolved",
    "opened",
];

/// Words of headers and of the file's name that say by which date the report counts.
const CLOSED_WORDS: [&str; 5] = ["closed", "solved", "resolved", "geschlossen", "gelöst"];
const OPENED_WORDS: [&str; 5] = ["opened", "created", "new tickets", "received", "eröffnet"];

/// Cells that mean a total over categories or periods.
const TOTAL_CELLS: [&str; 10] = [
    "total",
    "totals",
    "grand total",
    "sum",
    "all",
    "overall",
    "gesamt",
    "summe",
    "insgesamt",
    "(total)",
];

/// Cells that mean "no category".
const NO_CATEGORY: [&str; 12] = [
    "",
    "-",
    "\u{2013}",
    "none",
    "(none)",
    "(blank)",
    "n/a",
    "null",
    "no category",
    "uncategorised",
    "uncategorized",
    "ohne kategorie",
];

/// How many rows may stand above the header.
const ROWS_ABOVE_HEADER_MAX: usize = 10;
/// After so many wrong rows the rest is not listed.
const PROBLEMS_MAX: usize = 20;

/// Why a report cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line of the file, from 1; 0 where it is about the whole file.
    pub row: u64,
    /// What is wrong and what was expected.
    pub reason: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.row {
            0 => f.write_str(&self.reason),
            row => write!(f, "row {row}: {}", self.reason),
        }
    }
}

/// What two spellings of one category share: letters in one case, single spaces. `None` where the cell means "no category".
pub fn line_key(category: Option<&str>) -> Option<String> {
    let key = line_name(category?).to_lowercase();
    (!NO_CATEGORY.contains(&key.as_str())).then_some(key)
}

/// A category's name without stray spaces.
pub fn line_name(category: &str) -> String {
    category.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Reads the CSV text of a report. `name` is what it is called from now on, such as the file's name; `calendar` cuts its
/// periods into our windows.
pub fn parse(text: &str, name: &str, calendar: &Calendar) -> Result<OfficialReport, Vec<Problem>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let records = records(text).map_err(|problem| vec![problem])?;
    let (header_place, layout) = find_header(&records).ok_or_else(|| {
        let reason = "no header with a period (such as month, week or date) and a count (such as count, conversations \
                      or total) in the first rows";
        vec![whole(reason)]
    })?;
    let mut reading = Rows::default();
    for (row, cells) in &records[header_place + 1..] {
        if cells.iter().all(|cell| cell.is_empty()) {
            continue;
        }
        if let Err(reason) = reading.take(cells, &layout, calendar) {
            reading.problems.push(Problem { row: *row, reason });
        }
    }
    reading.finish(name, &layout)
}

fn whole(reason: impl Into<String>) -> Problem {
    Problem {
        row: 0,
        reason: reason.into(),
    }
}

type Record = (u64, Vec<String>);

fn records(text: &str) -> Result<Vec<Record>, Problem> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .delimiter(separator(text))
        .from_reader(text.as_bytes());
    let mut records = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| Problem {
            row: error.position().map_or(0, csv::Position::line),
            reason: "cannot be read as CSV".to_owned(),
        })?;
        let row = record.position().map_or(0, csv::Position::line);
        let cells = record
            .iter()
            .map(|cell| cell.trim_matches('\u{a0}').to_owned());
        records.push((row, cells.collect()));
    }
    Ok(records)
}

/// The separator that occurs most in the first lines, outside quotes.
fn separator(text: &str) -> u8 {
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0)];
    let mut is_quoted = false;
    let first = text.lines().take(ROWS_ABOVE_HEADER_MAX);
    for byte in first.flat_map(str::bytes) {
        is_quoted ^= byte == b'"';
        for (separator, count) in &mut counts {
            *count += usize::from(!is_quoted && byte == *separator);
        }
    }
    // The last of equal ones wins, so the comma stands first here and is tried last.
    counts.reverse();
    counts
        .into_iter()
        .max_by_key(|(_, count)| *count)
        .map_or(b',', |(separator, _)| separator)
}

/// Which column is what.
#[derive(Clone, Debug)]
struct Layout {
    period: usize,
    stated: Option<Cadence>,
    category: Option<usize>,
    count: usize,
    header: String,
}

fn find_header(records: &[Record]) -> Option<(usize, Layout)> {
    let first = records.iter().take(ROWS_ABOVE_HEADER_MAX + 1).enumerate();
    first
        .filter_map(|(place, (_, cells))| Some((place, layout(cells)?)))
        .next()
}

fn layout(cells: &[String]) -> Option<Layout> {
    let headers: Vec<String> = cells
        .iter()
        .map(|cell| line_name(cell).to_lowercase())
        .collect();
    let find = |names: &[&str], taken: &[usize]| {
        let place = |name: &&str| headers.iter().position(|header| header == name);
        let places = names.iter().filter_map(place);
        places.into_iter().find(|place| !taken.contains(place))
    };
    let (period, stated) = headers.iter().enumerate().find_map(|(place, header)| {
        let known = PERIOD_HEADERS.iter().find(|(name, _)| name == header)?;
        Some((place, known.1))
    })?;
    // "closed tickets", "Conversations solved": any header with a telling word, if none is exactly one.
    let named_in = |header: &String| COUNT_HEADERS.iter().any(|name| header.contains(name));
    let count = find(&COUNT_HEADERS, &[period]).or_else(|| {
        let others = headers
            .iter()
            .enumerate()
            .filter(|(place, _)| *place != period);
        others
            .into_iter()
            .find(|(_, header)| named_in(header))
            .map(|(place, _)| place)
    })?;
    let category = find(&CATEGORY_HEADERS, &[period, count]).or_else(|| {
        let mut rest = (0..headers.len()).filter(|place| ![period, count].contains(place));
        let only = rest.next();
        only.filter(|_| rest.next().is_none())
    });
    Some(Layout {
        period,
        stated,
        category,
        count,
        header: headers.join(" "),
    })
}

#[derive(Default)]
struct Rows {
    counts: BTreeMap<(String, Option<String>), ReportRow>,
    totals: BTreeMap<String, ReportRow>,
    cadence: Option<Cadence>,
    problems: Vec<Problem>,
}

impl Rows {
    fn take(
        &mut self,
        cells: &[String],
        layout: &Layout,
        calendar: &Calendar,
    ) -> Result<(), String> {
        let cell = |place: usize| cells.get(place).map_or("", String::as_str);
        if is_total_cell(cell(layout.period)) {
            return Ok(());
        }
        let window = window(cell(layout.period), layout.stated, calendar)?;
        let count = count(cell(layout.count))?;
        if *self.cadence.get_or_insert(window.cadence) != window.cadence {
            return Err(format!(
                "\"{}\" is a {}, unlike the rows before",
                cell(layout.period),
                window.cadence.noun()
            ));
        }
        let category = match layout.category {
            None => Some(ReportRow::TOTAL.to_owned()),
            Some(place) if is_total_cell(cell(place)) => Some(ReportRow::TOTAL.to_owned()),
            Some(place) => line_key(Some(cell(place))).map(|_| line_name(cell(place))),
        };
        let row = ReportRow {
            window: window.key.clone(),
            category,
            count,
        };
        if row.is_total() {
            let total = self
                .totals
                .entry(window.key)
                .or_insert(ReportRow { count: 0, ..row });
            total.count += count;
            return Ok(());
        }
        let key = (window.key, line_key(row.category.as_deref()));
        let sum = self
            .counts
            .entry(key)
            .or_insert(ReportRow { count: 0, ..row });
        sum.count += count;
        Ok(())
    }

    fn finish(mut self, name: &str, layout: &Layout) -> Result<OfficialReport, Vec<Problem>> {
        let more = self.problems.len().saturating_sub(PROBLEMS_MAX);
        if more > 0 {
            self.problems.truncate(PROBLEMS_MAX);
            self.problems
                .push(whole(format!("{more} further rows cannot be read")));
        }
        let has_categories = !self.counts.is_empty();
        let mut rows: Vec<ReportRow> = self.counts.into_values().collect();
        if !has_categories {
            rows = self.totals.into_values().collect();
        }
        rows.sort();
        let Some(cadence) = self.cadence.filter(|_| !rows.is_empty()) else {
            self.problems
                .push(whole("the report has no rows below its header"));
            return Err(self.problems);
        };
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        Ok(OfficialReport {
            name: name.to_owned(),
            cadence,
            basis: basis(&format!("{} {}", layout.header, name.to_lowercase())),
            metric: String::new(),
            zone: None,
            rows,
        })
    }
}

fn is_total_cell(cell: &str) -> bool {
    TOTAL_CELLS.contains(&line_name(cell).to_lowercase().as_str())
}

fn basis(words: &str) -> ReportBasis {
    let says = |list: &[&str]| list.iter().any(|word| words.contains(word));
    match (says(&OPENED_WORDS), says(&CLOSED_WORDS)) {
        (true, false) => ReportBasis::Opened,
        (false, true) => ReportBasis::Closed,
        _ => ReportBasis::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::WeekStart;

    fn read(text: &str) -> Result<OfficialReport, Vec<String>> {
        parse(text, "report.csv", &Calendar::default())
            .map_err(|problems| problems.iter().map(Problem::to_string).collect())
    }

    fn shown(text: &str) -> Vec<String> {
        let report = read(text).unwrap();
        let row = |row: &ReportRow| {
            let category = row.category.as_deref().unwrap_or("-");
            format!("{} {category} {}", row.window, row.count)
        };
        report.rows.iter().map(row).collect()
    }

    #[test]
    fn the_first_named_category_wins_and_duplicates_are_summed() {
        let text = "month,category,service_type,incidents\n2009-01,Height,Bird,2\n2009-01,Height,Pet,13\n\
                    2009-02,Below ground,Pet,1\n2009-01,,Pet,4\n";
        assert_eq!(
            shown(text),
            ["2009-01 - 4", "2009-01 Height 15", "2009-02 Below ground 1"]
        );
        assert_eq!(read(text).unwrap().cadence, Cadence::Monthly);
    }

    #[test]
    fn totals_are_left_out_of_lines() {
        let text = "\u{feff}Week;Category;Total\n2026-W13;Billing;1.204\n2026-W13;Total;1.204\nTotal;;1.204\n";
        assert_eq!(shown(text), ["2026-W13 Billing 1204"]);
        assert_eq!(
            shown("week\tcount\n2026-W13\t12\n2026-W14\t9\n"),
            ["2026-W13 (total) 12", "2026-W14 (total) 9"]
        );
    }

    #[test]
    fn periods_of_every_kind_are_understood() {
        assert_eq!(
            shown("date,category,count\n2026-03-30,A,1\n"),
            ["2026-03-30 A 1"]
        );
        assert_eq!(
            shown("week,category,count\n2026-03-30,A,1\n2026-W15,A,2\n"),
            ["2026-W14 A 1", "2026-W15 A 2"]
        );
        assert_eq!(
            shown("period,category,count\n2026-03-23/2026-03-29,A,1\n"),
            ["2026-W13 A 1"]
        );
        assert_eq!(
            shown("period,category,count\n2026-03-01/2026-03-31,A,1\n"),
            ["2026-03 A 1"]
        );
        let sunday = Calendar {
            week_start: WeekStart::Sunday,
            ..Calendar::default()
        };
        let report = parse("week,category,count\n2026-03-29,A,1\n", "r", &sunday).unwrap();
        assert_eq!(report.rows[0].window, "2026-W14s");
    }

    #[test]
    fn counts_with_marks_between_thousands_are_understood() {
        let cases = [
            ("1,234", 1234),
            ("1.234.567", 1_234_567),
            ("1 234", 1234),
            ("1'234", 1234),
            ("12.0", 12),
            ("-", 0),
        ];
        for (cell, expected) in cases {
            assert_eq!(count(cell), Ok(expected), "{cell}");
        }
        for cell in ["", "12.5", "-3", "=1+1", "many", "1,23,456", "99999999999"] {
            assert!(count(cell).is_err(), "{cell}");
        }
    }

    #[test]
    fn every_wrong_row_is_named_and_nothing_is_taken() {
        let text = "Monthly figures\nmonth,category,count\n2026-03,A,1\n2026-3x,A,1\n2026-04,A,few\n2026-W13,B,1\n";
        assert_eq!(
            read(text).unwrap_err(),
            [
                "row 4: \"2026-3x\" is not a period such as 2026-W13, 2026-03 or 2026-03-30",
                "row 5: \"few\" is not a count",
                "row 6: \"2026-W13\" is a week, but its column says month",
            ]
        );
        assert_eq!(
            read("").unwrap_err(),
            [
                "no header with a period (such as month, week or date) and a count (such as count, conversations or total) \
              in the first rows"
            ]
        );
        assert_eq!(
            read("month,category,count\n").unwrap_err(),
            ["the report has no rows below its header"]
        );
    }

    #[test]
    fn the_header_may_tell_by_which_date_it_counts() {
        let basis = |header: &str| read(&format!("{header}\n2026-03,A,1\n")).unwrap().basis;
        assert_eq!(basis("month,category,solved tickets"), ReportBasis::Closed);
        assert_eq!(basis("month,category,tickets created"), ReportBasis::Opened);
        assert_eq!(basis("month,category,tickets"), ReportBasis::Unknown);
    }
}

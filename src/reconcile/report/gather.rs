//! Adds up the lines of one metric, and checks the report's own totals against them.

use std::collections::BTreeMap;

use crate::model::{Cadence, OfficialReport, ReportBasis, ReportRow, Window};

use super::{line_key, line_name, words};

/// More totals that do not match are not listed.
const NOTES_MAX: usize = 5;

/// What a row is about.
#[derive(Clone, Debug)]
pub enum About {
    /// A category, or none.
    Line(Option<String>),
    /// All of them.
    Total,
}

impl About {
    /// What stands in a category's cell.
    pub fn read(cell: &str) -> Self {
        if words::is_total(cell) {
            About::Total
        } else {
            About::Line(line_key(Some(cell)).map(|_| line_name(cell)))
        }
    }

    fn name(&self) -> Option<String> {
        match self {
            About::Line(name) => name.clone(),
            About::Total => Some(ReportRow::TOTAL.to_owned()),
        }
    }
}

/// A total that the report states.
struct Stated {
    row: u64,
    count: i64,
}

/// The lines of one metric while they are read.
#[derive(Default)]
pub struct Gather {
    lines: BTreeMap<(String, Option<String>), ReportRow>,
    windows: BTreeMap<String, Stated>,
    categories: BTreeMap<Option<String>, Stated>,
    grand: Option<Stated>,
}

impl Gather {
    /// A count of a window; without one, of all of them.
    pub fn take(&mut self, row: u64, window: Option<&Window>, about: &About, count: i64) {
        match (window, about) {
            (None, About::Total) => add(self.grand.get_or_insert(Stated { row, count: 0 }), count),
            (None, About::Line(name)) => {
                let key = line_key(name.as_deref());
                add(
                    self.categories
                        .entry(key)
                        .or_insert(Stated { row, count: 0 }),
                    count,
                );
            }
            (Some(window), About::Total) => {
                let stated = self.windows.entry(window.key.clone());
                add(stated.or_insert(Stated { row, count: 0 }), count);
            }
            (Some(window), About::Line(_)) => {
                let category = about.name();
                let key = (window.key.clone(), line_key(category.as_deref()));
                let line = self.lines.entry(key).or_insert_with(|| ReportRow {
                    window: window.key.clone(),
                    category,
                    count: 0,
                });
                line.count += count;
            }
        }
    }

    /// The report, and what is odd about its totals; `None` where it has no lines.
    pub fn finish(
        mut self,
        name: &str,
        cadence: Cadence,
        basis: ReportBasis,
    ) -> Option<(OfficialReport, Vec<String>)> {
        let mut notes = Vec::new();
        if self.lines.is_empty() {
            for (window, stated) in std::mem::take(&mut self.windows) {
                let row = ReportRow {
                    window: window.clone(),
                    category: About::Total.name(),
                    count: stated.count,
                };
                self.lines.insert((window, None), row);
            }
        } else {
            self.check_windows(&mut notes);
            self.suspect_totals(&mut notes);
        }
        self.check_categories(&mut notes);
        if let Some(grand) = &self.grand {
            let sum = self.lines.values().map(|line| line.count).sum();
            compare("the total of all periods", grand, sum, &mut notes);
        }
        if notes.len() > NOTES_MAX {
            let more = notes.len() - NOTES_MAX;
            notes.truncate(NOTES_MAX);
            notes.push(format!("{more} further totals do not match their lines"));
        }
        let mut rows: Vec<ReportRow> = self.lines.into_values().collect();
        rows.sort();
        let report = OfficialReport {
            name: name.to_owned(),
            cadence,
            basis,
            metric: String::new(),
            zone: None,
            rows,
        };
        (!report.rows.is_empty()).then_some((report, notes))
    }

    fn check_windows(&self, notes: &mut Vec<String>) {
        for (window, stated) in &self.windows {
            let lines = self.lines.values().filter(|line| line.window == *window);
            let sum = lines.map(|line| line.count).sum();
            compare(&format!("the total of {window}"), stated, sum, notes);
        }
    }

    fn check_categories(&self, notes: &mut Vec<String>) {
        for (key, stated) in &self.categories {
            let lines = self.lines.iter().filter(|((_, of), _)| of == key);
            let sum = lines.map(|(_, line)| line.count).sum();
            let shown = key.as_deref().unwrap_or("no category");
            compare(&format!("the total of {shown}"), stated, sum, notes);
        }
    }

    /// A line that is the sum of all others in every period is a total by another name.
    fn suspect_totals(&self, notes: &mut Vec<String>) {
        let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
        let mut sizes: BTreeMap<&str, usize> = BTreeMap::new();
        for line in self.lines.values() {
            *sums.entry(&line.window).or_default() += line.count;
            *sizes.entry(&line.window).or_default() += 1;
        }
        let mut fitting: BTreeMap<&Option<String>, (usize, bool, &ReportRow)> = BTreeMap::new();
        for ((window, key), line) in &self.lines {
            let is_sum = line.count > 0
                && line.count * 2 == sums[window.as_str()]
                && sizes[window.as_str()] >= 3;
            let entry = fitting.entry(key).or_insert((0, true, line));
            entry.0 += 1;
            entry.1 &= is_sum;
        }
        for (windows, is_always, line) in fitting.into_values() {
            if is_always && windows >= 2 {
                notes.push(format!(
                    "\"{}\" is the sum of all other lines in all {windows} periods: if it is a total, call it total in the file",
                    line.category.as_deref().unwrap_or("no category")
                ));
            }
        }
    }
}

fn add(stated: &mut Stated, count: i64) {
    stated.count += count;
}

fn compare(what: &str, stated: &Stated, sum: i64, notes: &mut Vec<String>) {
    if stated.count != sum {
        notes.push(format!(
            "row {}: {what} says {}, its lines add up to {sum}; the lines are taken",
            stated.row, stated.count
        ));
    }
}

//! Reads the rows of a table whose layout is known: each row's period, category and counts, or what is wrong with which cell.

use crate::model::{Cadence, Calendar, OfficialReport, ReportBasis, Window};

use super::choices::Choices;
use super::gather::{About, Gather};
use super::layout::{Found, Metric, Shape};
use super::number::{Mark, count, lone_mark, starts_a_formula};
use super::period::Period;
use super::problem::{Answer, PROBLEMS_MAX, Problem, Question, Trouble};
use super::rows::{Line, across, long, wide};
use super::settle::{Around, Conventions, settle};
use super::sheet::Cell;
use super::table::Table;
use super::words;

/// So many lines are shown as they were understood.
const SHOWN: usize = 5;

/// What the rows of a table say.
#[derive(Debug, Default)]
pub struct Read {
    /// A report for each metric.
    pub reports: Vec<OfficialReport>,
    /// What a reader should know.
    pub notes: Vec<String>,
    /// The first lines as understood: period, category, counts.
    pub first: Vec<Vec<String>>,
    /// What was settled beside what was chosen.
    pub settled: Choices,
}

/// What the rows are read with.
struct Reading<'a> {
    table: &'a Table<'a>,
    settled: Conventions,
    mark: Option<Mark>,
    gathers: Vec<Gather>,
    metrics: Vec<Metric>,
    cadence: Option<Cadence>,
    problems: Vec<Problem>,
    first: Vec<Vec<String>>,
    formulas: u64,
}

/// Reads all rows, or says what is wrong with which; nothing of a report is taken when one cell is wrong.
pub fn read(
    found: &Found<'_>,
    around: Around,
    choices: &Choices,
    calendar: &Calendar,
    name: &str,
) -> Result<Read, Trouble> {
    let mut notes = found.notes.clone();
    let (lines, metrics) = match &found.shape {
        Shape::Long {
            period,
            category,
            metrics,
        } => (
            long(found, period, *category, metrics, &mut notes),
            metrics.clone(),
        ),
        Shape::Across { period, categories } => {
            (across(found, period, categories), vec![lone_metric(found)])
        }
        Shape::Wide {
            category,
            periods,
            metrics,
        } => {
            let lines = wide(found, *category, periods, &mut notes);
            let metrics = match metrics.as_slice() {
                [] => vec![lone_metric(found)],
                metrics => metrics.to_vec(),
            };
            (lines, metrics)
        }
        Shape::Tickets(_) => (Ok(Vec::new()), Vec::new()),
    };
    let lines = lines.map_err(Trouble::Wrong)?;
    let periods: Vec<Period> = lines.iter().filter_map(|line| line.period).collect();
    let settled = settle(&periods, &around, choices, calendar)?;
    notes.extend(settled.notes.iter().cloned());
    let counted = lines
        .iter()
        .flat_map(|line| line.counts.iter().map(|column| line.row.cell(*column)));
    let mut reading = Reading {
        table: &found.table,
        mark: mark(counted, choices)?,
        gathers: metrics.iter().map(|_| Gather::default()).collect(),
        metrics,
        cadence: None,
        problems: Vec::new(),
        first: Vec::new(),
        formulas: 0,
        settled,
    };
    for line in &lines {
        reading.take(
            line,
            matches!(found.shape, Shape::Wide { .. } | Shape::Across { .. }),
        );
    }
    reading.finish(name, choices, notes)
}

/// The metric of a table whose headers are periods or categories.
fn lone_metric(found: &Found<'_>) -> Metric {
    Metric {
        column: 0,
        name: String::new(),
        basis: words::basis(&found.table.names.join(" ")),
    }
}

/// Which mark stands before decimals, where the cells leave it open.
fn mark<'a>(
    cells: impl Iterator<Item = &'a Cell>,
    choices: &Choices,
) -> Result<Option<Mark>, Trouble> {
    if choices.decimal.is_some() {
        return Ok(choices.decimal);
    }
    let (mut all, mut zeros, mut comma, mut point) = (0, 0, None, None);
    for cell in cells.filter(|cell| !cell.text.is_empty()) {
        all += 1;
        let lone = lone_mark(cell);
        zeros += u32::from(lone.is_some() && cell.text.trim().ends_with("000"));
        match lone {
            Some(Mark::Comma) => comma = comma.or(Some(&cell.text)),
            Some(Mark::Point) => point = point.or(Some(&cell.text)),
            None => {}
        }
    }
    let text = match (comma, point) {
        (Some(comma), Some(point)) => {
            format!("\"{comma}\" and \"{point}\" cannot both have a mark between thousands")
        }
        (Some(one), None) | (None, Some(one)) if all >= 2 && zeros == all => {
            format!("\"{one}\" may be thousands, or a whole number with three decimals")
        }
        _ => return Ok(None),
    };
    let answer = |value: &str, meaning: &str| Answer {
        value: value.to_owned(),
        meaning: meaning.to_owned(),
    };
    Err(Trouble::Ask(Question {
        flag: "--decimal",
        text,
        answers: vec![
            answer(
                "comma",
                "a comma stands before decimals, points between thousands",
            ),
            answer(
                "point",
                "a point stands before decimals, commas between thousands",
            ),
        ],
    }))
}

// ---- taking

impl Reading<'_> {
    fn take(&mut self, line: &Line<'_>, may_be_empty: bool) {
        let window = match self.window(line) {
            Ok(window) => window,
            Err(problem) => return self.problem(problem),
        };
        let is_empty = |column: &usize| line.row.text(*column).is_empty();
        let skips_empty = may_be_empty || !line.counts.iter().all(is_empty);
        let mut shown = vec![
            window
                .as_ref()
                .map_or_else(|| "all".to_owned(), |window| window.key.clone()),
            about_shown(&line.about),
        ];
        for (place, &column) in line.counts.iter().enumerate() {
            let cell = line.row.cell(column);
            if cell.text.is_empty() && skips_empty {
                shown.push(String::new());
                continue;
            }
            match count(cell, self.mark) {
                Ok(count) => {
                    shown.push(count.to_string());
                    self.gathers[place].take(line.row.number, window.as_ref(), &line.about, count);
                }
                Err(reason) => {
                    let header = self.table.names.get(column).map_or("", String::as_str);
                    self.problem(Problem::at(line.row.number, column, header, reason));
                }
            }
        }
        if let About::Line(Some(name)) = &line.about {
            self.formulas += u64::from(starts_a_formula(name));
        }
        if self.first.len() < SHOWN {
            self.first.push(shown);
        }
    }

    fn window(&mut self, line: &Line<'_>) -> Result<Option<Window>, Problem> {
        if line.is_all {
            return Ok(None);
        }
        let (row, column, cell) = line.place;
        let header = self.table.names.get(column).map_or("", String::as_str);
        let at = |reason: String| Problem::at(row, column, header, reason);
        if cell.is_empty() {
            return Err(at(
                "is empty; a period such as 2026-W13, 2026-03 or 2026-03-30 was expected"
                    .to_owned(),
            ));
        }
        let window = self
            .settled
            .window(line.period.as_ref(), cell)
            .map_err(at)?;
        if *self.cadence.get_or_insert(window.cadence) != window.cadence {
            let noun = window.cadence.noun();
            return Err(at(format!(
                "\"{}\" is a {noun}, unlike the rows before",
                super::number::clip(cell)
            )));
        }
        Ok(Some(window))
    }

    fn problem(&mut self, problem: Problem) {
        // A wrong header of a wide table is one problem, not one for each row.
        if self.problems.last() != Some(&problem) {
            self.problems.push(problem);
        }
    }

    fn finish(
        mut self,
        name: &str,
        choices: &Choices,
        mut notes: Vec<String>,
    ) -> Result<Read, Trouble> {
        let more = self.problems.len().saturating_sub(PROBLEMS_MAX);
        if more > 0 {
            self.problems.truncate(PROBLEMS_MAX);
            self.problems.push(Problem::whole(format!(
                "{more} further cells cannot be read"
            )));
        }
        if !self.problems.is_empty() {
            return Err(Trouble::Wrong(self.problems));
        }
        let words = format!("{} {name}", self.table.names.join(" "));
        let mut reports = Vec::new();
        for (metric, gather) in self.metrics.iter().zip(self.gathers) {
            let basis = match (choices.counts_by(), metric.basis) {
                (Some(basis), _) if self.metrics.len() == 1 => basis,
                (_, ReportBasis::Unknown) if self.metrics.len() == 1 => words::basis(&words),
                (_, basis) => basis,
            };
            let finished = self
                .cadence
                .and_then(|cadence| gather.finish(name, cadence, basis));
            if let Some((report, totals)) = finished {
                notes.extend(totals);
                reports.push(OfficialReport {
                    metric: metric.name.clone(),
                    zone: choices.zone.clone(),
                    ..report
                });
            }
        }
        if reports.is_empty() {
            return Err(Problem::whole("the report has no rows below its header").into());
        }
        if self.formulas > 0 {
            notes.push(format!(
                "{} lines have a category that looks like a formula; it is kept as text",
                self.formulas
            ));
        }
        let settled = Choices {
            order: self.settled.order,
            decimal: self.mark,
            ..Choices::default()
        };
        Ok(Read {
            reports,
            notes,
            first: self.first,
            settled,
        })
    }
}

fn about_shown(about: &About) -> String {
    match about {
        About::Line(Some(name)) => name.clone(),
        About::Line(None) => "no category".to_owned(),
        About::Total => "total".to_owned(),
    }
}

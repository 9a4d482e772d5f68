//! Tables with their periods among the headers: a column for each, or below each the same metrics.

use crate::model::ReportBasis;

use super::choices::Choices;
use super::columns::category;
use super::layout::{Metric, Shape};
use super::period::Period;
use super::problem::Trouble;
use super::table::{Grouped, Table};
use super::words;

/// A period among the headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeriodAcross {
    /// The period; none of a total of all periods.
    pub period: Option<Period>,
    /// Its columns, one for each metric.
    pub columns: Vec<usize>,
}

/// The shape of a table with a column for each period.
pub fn wide(
    table: &Table<'_>,
    choices: &Choices,
    is_by_content: bool,
    notes: &mut Vec<String>,
) -> Result<Option<Shape>, Trouble> {
    let period = |column: usize| {
        let period = Period::parse(&table.names[column])?;
        let is_counted = table.is_numeric(column);
        (is_counted && !matches!(period, Period::Number(_))).then_some((column, period))
    };
    let periods: Vec<(usize, Period)> = table.columns().filter_map(period).collect();
    let has_words = table.columns().any(|column| table.is_words(column));
    let is_enough = periods.len() >= 2 || (periods.len() == 1 && is_by_content && has_words);
    if !is_enough {
        return Ok(None);
    }
    let empty: Vec<String> = table
        .columns()
        .filter(|column| {
            Period::parse(&table.names[*column]).is_some() && table.cells(*column).next().is_none()
        })
        .map(|column| table.label(column))
        .collect();
    if !empty.is_empty() {
        notes.push(format!("{} hold nothing yet", empty.join(", ")));
    }
    let mut taken: Vec<usize> = periods.iter().map(|(column, _)| *column).collect();
    // A total, a change or a share beside the periods is no category.
    taken.extend(table.columns().filter(|column| table.is_numeric(*column)));
    // The corner above the categories is often empty.
    let corner = (0..table.names.len())
        .find(|column| table.names[*column].is_empty() && table.is_words(*column));
    let category = match (choices.category.as_deref(), corner) {
        (None, Some(corner)) => Some(corner),
        _ => category(table, &taken, choices, notes)?,
    };
    let totals = table
        .columns()
        .filter(|column| words::is_total(&table.names[*column]));
    let totals: Vec<usize> = totals.collect();
    let across = |column: usize, period: Option<Period>| PeriodAcross {
        period,
        columns: vec![column],
    };
    let periods = periods
        .into_iter()
        .map(|(column, period)| across(column, Some(period)))
        .chain(totals.into_iter().map(|column| across(column, None)))
        .collect();
    Ok(Some(Shape::Wide {
        category,
        periods,
        metrics: Vec::new(),
    }))
}

/// The shape of a table with periods in the first row of its header, and below each of them the same metrics.
pub fn periods_over_metrics(
    table: &Table<'_>,
    choices: &Choices,
    notes: &mut Vec<String>,
) -> Result<Option<Shape>, Trouble> {
    let own = |column: &usize| -> String { words::plain(own_name(table, *column)) };
    let mut periods: Vec<PeriodAcross> = Vec::new();
    let grouped: Vec<(usize, &Grouped)> = (0..)
        .zip(&table.groups)
        .filter_map(|(column, group)| Some((column, group.as_ref()?)))
        .collect();
    for group in grouped.chunk_by(|(_, one), (_, next)| one.above == next.above) {
        let above = &group[0].1.above;
        let period = Period::parse(above).filter(|one| !matches!(one, Period::Number(_)));
        if period.is_none() && !words::is_total(above) {
            return Ok(None);
        }
        let counts = group.iter().filter(|(_, one)| !words::is_measure(&one.own));
        periods.push(PeriodAcross {
            period,
            columns: counts.map(|(column, _)| *column).collect(),
        });
    }
    let Some(first) = periods.first().filter(|one| !one.columns.is_empty()) else {
        return Ok(None);
    };
    let names: Vec<String> = first.columns.iter().map(own).collect();
    let is_alike = |one: &PeriodAcross| one.columns.iter().map(own).eq(names.iter().cloned());
    if periods.iter().all(|one| one.period.is_none()) || !periods.iter().all(is_alike) {
        return Ok(None);
    }
    let metrics = own_metrics(table, &first.columns);
    let taken: Vec<usize> = grouped.iter().map(|(column, _)| *column).collect();
    let category = category(table, &taken, choices, notes)?;
    Ok(Some(Shape::Wide {
        category,
        periods,
        metrics,
    }))
}

/// What the second row of the header calls a column.
fn own_name<'t>(table: &'t Table<'_>, column: usize) -> &'t str {
    let group = table.groups[column].as_ref();
    group.map_or("", |group| &group.own)
}

/// What the second row of the header says that these columns count.
fn own_metrics(table: &Table<'_>, columns: &[usize]) -> Vec<Metric> {
    let metric = |column: &usize| {
        let own = own_name(table, *column);
        let known = words::metric(own);
        Metric {
            column: *column,
            name: known.map_or_else(|| words::plain(own), |(name, _)| name.to_owned()),
            basis: known.map_or(ReportBasis::Unknown, |(_, basis)| basis),
        }
    };
    let mut metrics: Vec<Metric> = columns.iter().map(metric).collect();
    // "Solved" and "solved at once" are two things.
    let names: Vec<String> = metrics.iter().map(|metric| metric.name.clone()).collect();
    for metric in &mut metrics {
        if names.iter().filter(|name| **name == metric.name).count() > 1 {
            metric.name = words::plain(own_name(table, metric.column));
        }
    }
    if let [only] = metrics.as_mut_slice() {
        only.name.clear();
    }
    metrics
}

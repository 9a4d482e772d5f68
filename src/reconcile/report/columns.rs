//! Chooses the columns that count and the one of the category, by their names first, then by what they hold. Where several fit
//! equally a person is asked; what is left out is told.

use crate::model::ReportBasis;

use super::choices::Choices;
use super::layout::{Metric, PeriodColumn};
use super::problem::{Answer, Question, Trouble};
use super::table::Table;
use super::words;

/// The columns that count; `None` where there is none.
pub fn metrics(
    table: &Table<'_>,
    period: &PeriodColumn,
    choices: &Choices,
    notes: &mut Vec<String>,
) -> Result<Option<Vec<Metric>>, Trouble> {
    let metric = |column: usize| {
        let known = words::metric(&table.names[column]);
        let name = known.map_or_else(
            || words::plain(&table.names[column]),
            |(name, _)| name.to_owned(),
        );
        Metric {
            column,
            name,
            basis: known.map_or(ReportBasis::Unknown, |(_, basis)| basis),
        }
    };
    let mut found: Vec<Metric> = match &choices.count {
        Some(wanted) => vec![metric(table.required(wanted)?)],
        None => by_name(table, period).into_iter().map(metric).collect(),
    };
    for wanted in &choices.metrics {
        let column = table.required(wanted)?;
        if found.iter().all(|known| known.column != column) {
            found.push(metric(column));
        }
    }
    if found.is_empty() {
        let Some(column) = generic(table, period, choices, notes)? else {
            return Ok(None);
        };
        found.push(metric(column));
    }
    distinct(table, &mut found, notes);
    found.sort_by_key(|metric| {
        (
            metric.basis == ReportBasis::Unknown,
            metric.basis,
            metric.column,
        )
    });
    let left: Vec<String> = table
        .columns()
        .filter(|column| !taken(period, &found).contains(column) && table.is_numeric(*column))
        .filter(|column| {
            words::is_measure(&table.names[*column])
                || words::count_rank(&table.names[*column]).is_some()
        })
        .map(|column| table.label(column))
        .collect();
    if !left.is_empty() {
        notes.push(format!(
            "left out: {}; --count or --metric takes a column that counts",
            left.join(", ")
        ));
    }
    if let [only] = found.as_mut_slice() {
        only.name.clear();
    }
    Ok(Some(found))
}

/// Of two columns of one metric the plainer one counts: "solved", not "solved at once".
fn distinct(table: &Table<'_>, found: &mut Vec<Metric>, notes: &mut Vec<String>) {
    let own = |column: usize| {
        let group = table.groups[column].as_ref();
        group.map_or(&table.names[column], |group| &group.own)
    };
    found.sort_by_key(|metric| (own(metric.column).chars().count(), metric.column));
    let mut kept: Vec<Metric> = Vec::new();
    for mut metric in found.drain(..) {
        if kept.iter().any(|known| known.name == metric.name) {
            notes.push(format!(
                "{} is kept under its own name",
                table.label(metric.column)
            ));
            metric.name = words::plain(&table.names[metric.column]);
            metric.basis = ReportBasis::Unknown;
        }
        if kept.iter().all(|known| known.name != metric.name) {
            kept.push(metric);
        }
    }
    *found = kept;
}

/// Columns that say by which date they count, such as opened and solved.
fn by_name(table: &Table<'_>, period: &PeriodColumn) -> Vec<usize> {
    let is_one = |column: &usize| {
        *column != period.column
            && words::metric(&table.names[*column]).is_some()
            && !table.is_period(*column)
            && !words::CATEGORY_HEADERS.contains(&words::plain(&table.names[*column]).as_str())
    };
    table.columns().filter(is_one).collect()
}

/// The one column that counts without saying what.
fn generic(
    table: &Table<'_>,
    period: &PeriodColumn,
    choices: &Choices,
    notes: &mut Vec<String>,
) -> Result<Option<usize>, Trouble> {
    let chosen = choices
        .category
        .as_deref()
        .and_then(|wanted| table.column(wanted));
    let is_free = |column: &usize| {
        *column != period.column && Some(*column) != period.year && Some(*column) != chosen
    };
    let rank = |column: usize| words::count_rank(&table.names[column]).map(|rank| (rank, column));
    let is_exact = |(rank, _): &(usize, usize)| *rank < words::COUNT_HEADERS.len();
    let mut known: Vec<(usize, usize)> = table.columns().filter(is_free).filter_map(rank).collect();
    known.retain(|one| is_exact(one) || table.is_numeric(one.1));
    known.sort_unstable();
    let exact: Vec<usize> = known
        .iter()
        .filter(|one| is_exact(one))
        .map(|(_, column)| *column)
        .collect();
    let text = "two or more columns may be the count";
    match (exact.as_slice(), known.as_slice()) {
        // "count" and "Anzahl" say it themselves.
        ([first, _, ..], _) if known[0].0 < 2 => return Ok(Some(*first)),
        ([_, _, ..], _) => return Err(ask(table, "--count", text, &exact)),
        ([only], _) | ([], [(_, only)]) => return Ok(Some(*only)),
        ([], [_, _, ..]) => {
            let columns: Vec<usize> = known.iter().map(|(_, column)| *column).collect();
            return Err(ask(table, "--count", text, &columns));
        }
        ([], []) => {}
    }
    let is_unknown = |column: &usize| {
        is_free(column) && table.is_numeric(*column) && !words::is_measure(&table.names[*column])
    };
    let unknown: Vec<usize> = table.columns().filter(is_unknown).collect();
    match unknown.as_slice() {
        [] => Ok(None),
        [only] => {
            notes.push(format!(
                "took {} as the count, the only column of numbers",
                table.label(*only)
            ));
            Ok(Some(*only))
        }
        several => Err(ask(table, "--count", text, several)),
    }
}

/// The column of the category; `None` where rows are totals.
pub fn category(
    table: &Table<'_>,
    taken: &[usize],
    choices: &Choices,
    notes: &mut Vec<String>,
) -> Result<Option<usize>, Trouble> {
    match choices.category.as_deref() {
        Some("none") => return Ok(None),
        Some(wanted) => return Ok(Some(table.required(wanted)?)),
        None => {}
    }
    let is_free = |column: &usize| !taken.contains(column);
    let names: Vec<String> = table.names.iter().map(|name| words::plain(name)).collect();
    let place = |known: &&str| names.iter().position(|name| name == known);
    let known = words::CATEGORY_HEADERS
        .iter()
        .filter_map(place)
        .find(is_free);
    let is_odd = |column: &usize| {
        words::is_measure(&table.names[*column]) || words::is_year(&table.names[*column])
    };
    let texts: Vec<usize> = table
        .columns()
        .filter(|column| is_free(column) && table.is_words(*column) && !is_odd(column))
        .collect();
    if let Some(known) = known {
        let others: Vec<String> = texts
            .iter()
            .filter(|column| **column != known)
            .map(|column| table.label(*column))
            .collect();
        if !others.is_empty() {
            notes.push(format!(
                "categories are those of {}, added up over {}; --category takes another column",
                table.label(known),
                others.join(", ")
            ));
        }
        return Ok(Some(known));
    }
    match texts.as_slice() {
        [only] => Ok(Some(*only)),
        [] => {
            let mut rest = table
                .columns()
                .filter(|column| is_free(column) && !is_odd(column) && !table.is_period(*column))
                .filter(|column| words::metric(&table.names[*column]).is_none());
            let only = rest
                .next()
                .filter(|column| table.cells(*column).next().is_some());
            Ok(only.filter(|_| rest.next().is_none()))
        }
        several => Err(ask(
            table,
            "--category",
            "two or more columns may be the category",
            several,
        )),
    }
}

/// Columns that are known to be something.
pub fn taken(period: &PeriodColumn, metrics: &[Metric]) -> Vec<usize> {
    let columns = metrics.iter().map(|metric| metric.column);
    columns.chain([period.column]).chain(period.year).collect()
}

fn ask(table: &Table<'_>, flag: &'static str, text: &str, columns: &[usize]) -> Trouble {
    let answer = |column: &usize| {
        let first: Vec<String> = table
            .cells(*column)
            .take(3)
            .map(|cell| super::number::clip(&cell.text))
            .collect();
        Answer {
            value: table.names[*column].clone(),
            meaning: format!("such as {}", first.join(", ")),
        }
    };
    Trouble::Ask(Question {
        flag,
        text: text.to_owned(),
        answers: columns.iter().map(answer).collect(),
    })
}

//! The official side of a digest: the report beside our counts, and what stands out between its lines and our topics.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::counting::Counts;
use crate::model::{Fact, Finding, FindingKind, OfficialSide, ReportRow, Topic, TopicId, Window};
use crate::reconcile::{self, CatchAll, Comparison, Definition, Occurring, Official, Row, Search};

use super::draft::Inputs;

/// Findings beside the official side.
const FINDINGS_MAX: usize = 4;

/// A topic that comes apart when a tenth of the conversations is left out is spread over categories because it is no one
/// thing; below this share its filing proves nothing.
const STABILITY_MIN: f64 = 0.6;

/// What stands out between topics and categories.
#[derive(Default)]
pub struct Found {
    /// Of each topic, what the official categories do not show of it.
    pub topics: BTreeMap<TopicId, Vec<Finding>>,
    /// Of lines of the report.
    pub lines: Vec<Finding>,
}

/// Looks at the window. What it is too small to prove may be proved by the whole course, which the sentence then says.
pub fn findings(inputs: &Inputs<'_>, course: &[(Window, Counts)]) -> Found {
    let labels = inputs
        .topics
        .iter()
        .map(|topic| (topic.id.clone(), topic.label.clone()));
    let labels = labels.collect();
    let catch_all = CatchAll::new(&inputs.config.catch_all);
    let facts: Vec<&Fact> = inputs.facts.iter().collect();
    let find = |window: &Window| reconcile::findings(&facts, window, &labels, &catch_all);
    let mut found = Found {
        topics: find(inputs.window),
        lines: Vec::new(),
    };
    let Some((first, _)) = course.first().filter(|_| course.len() > 1) else {
        return coherent(inputs, found);
    };
    let whole = Window {
        start: first.start,
        ..inputs.window.clone()
    };
    let moved = reconcile::moved(&facts, &whole, inputs.calendar, &labels);
    let (count, noun) = (course.len(), inputs.window.cadence.noun());
    for (topic, findings) in find(&whole) {
        let known = found.topics.entry(topic).or_default();
        for finding in findings {
            if !known.iter().any(|one| one.kind == finding.kind) {
                let sentence = format!("In the last {count} {noun}s, {}", finding.sentence);
                known.push(Finding {
                    sentence,
                    ..finding
                });
            }
        }
    }
    for finding in moved {
        match finding.numbers.topic_id.clone() {
            Some(topic) => found.topics.entry(topic).or_default().push(finding),
            None => found.lines.push(finding),
        }
    }
    coherent(inputs, found)
}

/// Only what is said of topics that hold together.
fn coherent(inputs: &Inputs<'_>, mut found: Found) -> Found {
    let is_loose = |topic: &&Topic| topic.stability.is_some_and(|share| share < STABILITY_MIN);
    for topic in inputs.topics.iter().filter(is_loose) {
        found.topics.remove(&topic.id);
    }
    found
}

/// The official side of the window: what it says, what it counts, and our counts beside it.
pub struct Beside {
    report: String,
    definition: String,
    fit: String,
    /// Said where a definition that a person confirmed does not hold any more.
    pub warning: Option<String>,
    /// Line by line.
    pub comparison: Comparison,
}

/// Stands for the name of a report where none is imported.
pub const OWN_CATEGORIES: &str = "the conversations' own categories";

/// The report beside our counts; without one, the conversations' own categories, if they have any. `from` is the start of
/// the first window of which all conversations are here.
pub fn official(inputs: &Inputs<'_>, rows: &[Row], from: DateTime<Utc>) -> Option<Beside> {
    of_report(inputs, from).or_else(|| of_own_categories(inputs, rows))
}

fn of_report(inputs: &Inputs<'_>, from: DateTime<Utc>) -> Option<Beside> {
    let report = inputs.report?;
    let rows = report.of_window(&inputs.window.key);
    if rows.is_empty() {
        return None;
    }
    let search = Search {
        report,
        calendar: inputs.calendar,
        reading: inputs.reading,
        covered: (from, inputs.window.end),
    };
    let chosen = reconcile::choose(inputs.facts, &search)?;
    let made_at = inputs.reading.imported_at.get(&inputs.window.key);
    let warning = chosen.warning();
    Some(Beside {
        report: report.name.clone(),
        definition: chosen.fit().description.clone(),
        fit: chosen.sentence(),
        warning: warning
            .map(|warning| format!("Report \u{201c}{}\u{201d}: {warning}.", report.name)),
        comparison: compare(inputs, &rows, &chosen.fit().definition, made_at.copied()),
    })
}

fn of_own_categories(inputs: &Inputs<'_>, rows: &[Row]) -> Option<Beside> {
    if rows.iter().all(|row| row.category.is_none()) {
        return None;
    }
    let own = reconcile::own_categories(inputs.facts, inputs.window);
    let definition = Definition::ours(inputs.calendar);
    let cadence = inputs.window.cadence;
    Some(Beside {
        report: OWN_CATEGORIES.to_owned(),
        definition: definition.describe(inputs.calendar, cadence, &Occurring::default()),
        fit: String::new(),
        warning: None,
        comparison: compare(inputs, &own, &definition, None),
    })
}

fn compare(
    inputs: &Inputs<'_>,
    rows: &[ReportRow],
    definition: &Definition,
    made_at: Option<DateTime<Utc>>,
) -> Comparison {
    let official = Official {
        rows,
        definition,
        made_at,
    };
    let is_incomplete = !inputs.incomplete_sources.is_empty();
    reconcile::compare(
        inputs.facts,
        &official,
        inputs.window,
        inputs.calendar,
        is_incomplete,
    )
}

/// The totals side by side, and what stands out beside what items say of their topics.
pub fn official_side(inputs: &Inputs<'_>, beside: Beside, findings: &Found) -> OfficialSide {
    let total = beside.comparison.total();
    let facts: Vec<&Fact> = inputs.facts.iter().collect();
    let mut found = reconcile::unheard(&beside.comparison.lines, &facts);
    let is_of_several =
        |finding: &&Finding| matches!(finding.kind, FindingKind::Moved | FindingKind::Misfiled);
    found.extend(findings.lines.iter().cloned());
    for (topic, findings) in &findings.topics {
        let label = inputs.topics.iter().find(|known| known.id == *topic);
        let label = label.map_or(topic.as_str(), |topic| &topic.label);
        found.extend(findings.iter().filter(is_of_several).map(|finding| {
            let sentence = match finding.kind {
                FindingKind::Moved => finding.sentence.clone(),
                _ => format!("\u{201c}{label}\u{201d}: {}", finding.sentence),
            };
            Finding {
                sentence,
                ..finding.clone()
            }
        }));
    }
    OfficialSide {
        report: beside.report,
        definition: beside.definition,
        official: total.official,
        ours: total.ours,
        causes: total.causes(),
        fit: beside.fit,
        findings: reconcile::beside_the_report(found, FINDINGS_MAX),
    }
}

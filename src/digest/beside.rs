//! The official side of a digest: the report beside our counts, and what stands out between its lines and our topics.

use std::collections::BTreeMap;

use crate::counting::Counts;
use crate::model::{Finding, FindingKind, OfficialSide, ReportBasis, Topic, TopicId, Window};
use crate::reconcile::{self, CatchAll, Comparison, Row};

use super::draft::Inputs;

/// Findings beside the official side.
const FINDINGS_MAX: usize = 4;

/// A topic that comes apart when a tenth of the conversations is left out is spread over categories because it is no one
/// thing; below this share its filing proves nothing.
const STABILITY_MIN: f64 = 0.6;

/// What the official categories do not show of each topic. What a window is too small to prove may be proved by the whole
/// course, which the sentence then says.
pub fn findings(
    inputs: &Inputs<'_>,
    course: &[(Window, Counts)],
) -> BTreeMap<TopicId, Vec<Finding>> {
    let labels = inputs
        .topics
        .iter()
        .map(|topic| (topic.id.clone(), topic.label.clone()));
    let labels = labels.collect();
    let catch_all = CatchAll::new(&inputs.config.catch_all);
    let find = |window: &Window| reconcile::findings(inputs.facts, window, &labels, &catch_all);
    let mut found = find(inputs.window);
    let Some((first, _)) = course.first().filter(|_| course.len() > 1) else {
        return coherent(inputs, found);
    };
    let whole = Window {
        start: first.start,
        ..inputs.window.clone()
    };
    let moved = reconcile::moved(inputs.facts, &whole, inputs.calendar, &labels);
    let (count, noun) = (course.len(), inputs.window.cadence.noun());
    for (topic, findings) in find(&whole) {
        let known = found.entry(topic).or_default();
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
        if let Some(topic) = finding.numbers.topic_id.clone() {
            found.entry(topic).or_default().push(finding);
        }
    }
    coherent(inputs, found)
}

/// Only what is said of topics that hold together.
fn coherent(
    inputs: &Inputs<'_>,
    mut found: BTreeMap<TopicId, Vec<Finding>>,
) -> BTreeMap<TopicId, Vec<Finding>> {
    let is_loose = |topic: &&Topic| topic.stability.is_some_and(|share| share < STABILITY_MIN);
    for topic in inputs.topics.iter().filter(is_loose) {
        found.remove(&topic.id);
    }
    found
}

/// The report beside our counts; without one, the conversations' own categories, if they have any.
pub fn official(inputs: &Inputs<'_>, rows: &[Row]) -> (Option<String>, Option<Comparison>) {
    let is_incomplete = !inputs.incomplete_sources.is_empty();
    let compare = |lines: &[_], basis| {
        reconcile::compare(inputs.facts, lines, basis, inputs.window, is_incomplete)
    };
    if let Some(report) = inputs.report {
        let lines: Vec<_> = report
            .rows
            .iter()
            .filter(|row| row.window == inputs.window.key)
            .cloned()
            .collect();
        if !lines.is_empty() {
            return (
                Some(report.name.clone()),
                Some(compare(&lines, report.basis)),
            );
        }
    }
    if rows.iter().all(|row| row.category.is_none()) {
        return (None, None);
    }
    let own = reconcile::own_categories(inputs.facts, inputs.window);
    let name = "the conversations' own categories".to_owned();
    (Some(name), Some(compare(&own, ReportBasis::Opened)))
}

/// The totals side by side, and what stands out beside what items say of their topics.
pub fn official_side(
    inputs: &Inputs<'_>,
    report: String,
    comparison: &Comparison,
    findings: &BTreeMap<TopicId, Vec<Finding>>,
) -> OfficialSide {
    let total = comparison.total();
    let mut found = reconcile::unheard(&comparison.lines, inputs.facts);
    let is_of_several =
        |finding: &&Finding| matches!(finding.kind, FindingKind::Moved | FindingKind::Misfiled);
    for (topic, findings) in findings {
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
        report,
        definition: comparison.definition.describe(),
        official: total.official,
        ours: total.ours,
        causes: total.causes,
        findings: reconcile::beside_the_report(found, FINDINGS_MAX),
    }
}

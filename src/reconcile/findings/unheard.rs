//! Unheard: a line of the official report of which we have no conversations at all.

use std::collections::BTreeSet;

use crate::model::{Fact, Finding, FindingKind, FindingNumbers};
use crate::reconcile::report::line_key;
use crate::reconcile::{Difference, wilson};

use super::{Tested, discoveries, share};

/// The lines of a report of which we have nothing, though we have most of the others. The chance is that of having none of
/// them by accident, were we to have as few of them as the other lines allow.
pub fn unheard(lines: &[Difference], facts: &[&Fact]) -> Vec<Finding> {
    let is_silent = |line: &Difference| line.has_official && line.official > 0 && line.ours == 0;
    if !lines.iter().any(is_silent) {
        return Vec::new();
    }
    let known: BTreeSet<String> = facts
        .iter()
        .filter_map(|fact| line_key(fact.category.as_deref()))
        .collect();
    let size = |line: &Difference| u64::try_from(line.official).unwrap_or(0);
    let is_unheard = |line: &&Difference| {
        let key = line_key(line.category.as_deref());
        let is_known = key.is_none_or(|key| known.contains(&key));
        is_silent(line) && !is_known
    };
    let (official, ours) = lines
        .iter()
        .filter(|line| line.has_official && !is_unheard(line))
        .fold((0_u64, 0_u64), |(official, ours), line| {
            let counted = u64::try_from(line.ours).unwrap_or(0).min(size(line));
            (
                official.saturating_add(size(line)),
                ours.saturating_add(counted),
            )
        });
    let coverage = wilson(ours, official);
    let tested = lines.iter().filter(is_unheard).map(|line| {
        let count = size(line);
        // Without other lines nothing is known of our share of them.
        let p = if official == 0 {
            1.0
        } else {
            (1.0 - coverage.low).powf(count as f64)
        };
        let name = line.category.clone().unwrap_or_default();
        let sentence = format!(
            "the report has {count} under \u{201c}{name}\u{201d}, and we have no conversation under it; of its other lines we \
             have {ours} of {official}"
        );
        let finding = Finding {
            kind: FindingKind::Unheard,
            sentence,
            numbers: FindingNumbers {
                category: Some(name),
                // What it shows is that none of them is here.
                conversations: count,
                of: count,
                low: 1.0 - share(0, count).high,
                high: 1.0,
                ..FindingNumbers::default()
            },
        };
        Tested {
            p,
            claim: Some((Vec::new(), finding)),
        }
    });
    discoveries(tested.collect())
        .into_iter()
        .map(|(_, finding)| finding)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::facts;
    use super::*;

    fn line(category: &str, official: i64, ours: i64) -> Difference {
        Difference {
            category: Some(category.to_owned()),
            official,
            has_official: true,
            ours,
            parts: Vec::new(),
        }
    }

    #[test]
    fn a_line_without_any_of_our_conversations_is_unheard() {
        let lines = [
            line("Heating", 50, 48),
            line("Fax", 7, 0),
            line("Visit", 3, 0),
        ];
        let facts = facts(&[(48, Some("Heating"), "a"), (1, Some("visit "), "a")]);
        let found = unheard(&lines, &facts.iter().collect::<Vec<_>>());
        assert_eq!(found.len(), 1);
        assert_eq!(
            found[0].sentence,
            "the report has 7 under “Fax”, and we have no conversation under it; of its other lines we have 48 of 53"
        );
        let numbers = &found[0].numbers;
        assert_eq!((numbers.conversations, numbers.q), (7, numbers.p));
        assert!((numbers.p - (1.0 - wilson(48, 53).low).powi(7)).abs() < 1e-12);
    }

    #[test]
    fn one_missing_conversation_proves_nothing_where_much_is_missing() {
        let lines = [line("Heating", 50, 10), line("Fax", 7, 0)];
        let facts = facts(&[(10, Some("Heating"), "a")]);
        assert!(unheard(&lines, &facts.iter().collect::<Vec<_>>()).is_empty());
        assert!(unheard(&[line("Fax", 7, 0)], &[]).is_empty());
    }
}

//! Official minus ours, split into named causes that add up exactly.
//!
//! A report counts under some definition: by opening or by closing, with or without calls, spam and so on. All sensible
//! definitions are tried, and the one that leaves the least unexplained is taken and named. Under it, each conversation
//! that only one side counts has exactly one cause; so the causes add up whatever the report says.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Cause, Exclusion, Fact, Kind, ReportBasis, ReportRow, State, Window};

use super::causes;
use super::report::{line_key, line_name};

/// One line: what the report counts, what we count, and why they differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The category, as the report spells it; `None` is "never categorised".
    pub category: Option<String>,
    /// What the report counts; 0 where it has no such line.
    pub official: i64,
    /// Whether the report has such a line.
    pub has_official: bool,
    /// What we count: opened in the window.
    pub ours: i64,
    /// Official minus ours; the causes add up to it. None of them is 0.
    pub causes: Vec<Cause>,
}

/// What a report counts, as far as its numbers tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// By opening or by closing.
    pub basis: ReportBasis,
    /// Whether calls are in it.
    pub with_calls: bool,
    /// Which conversations are in it that do not count for us.
    pub with_excluded: BTreeSet<Exclusion>,
}

impl Definition {
    /// What it counts, for people: `solved in the period, without call notes`.
    pub fn describe(&self) -> String {
        let mut words = match self.basis {
            ReportBasis::Closed => "solved in the period".to_owned(),
            _ => "opened in the period".to_owned(),
        };
        if !self.with_calls {
            words.push_str(", without call notes");
        }
        for reason in &self.with_excluded {
            words.push_str(match reason {
                Exclusion::Spam => ", with spam",
                Exclusion::Deleted => ", with deleted ones",
                Exclusion::Merged => ", with merged ones",
                Exclusion::Automatic => ", with automatic mail",
                Exclusion::Empty => ", with empty ones",
            });
        }
        words
    }

    fn switches(&self) -> usize {
        usize::from(self.basis == ReportBasis::Closed)
            + usize::from(!self.with_calls)
            + self.with_excluded.len()
    }

    /// What makes the conversation count on one side only, if anything does: the cause, and +1 or -1.
    fn cause(&self, of: &Trait) -> Option<(&'static str, i64)> {
        let counts = of.exclusion.is_none();
        let is_ours = of.is_opened && counts;
        let in_period = match self.basis {
            ReportBasis::Closed => of.is_closed,
            _ => of.is_opened,
        };
        let is_counted = of
            .exclusion
            .is_none_or(|reason| self.with_excluded.contains(&reason));
        let has_line = of.has_line;
        let is_theirs = in_period && is_counted && has_line && (self.with_calls || !of.is_call);
        match (is_ours, is_theirs) {
            (true, false) if of.is_call && !self.with_calls => Some((causes::CALL_NOTES, -1)),
            (true, false) if !has_line => Some((causes::NEVER_CATEGORISED, -1)),
            (true, false) => Some((causes::CLOSED_LATER, -1)),
            (false, true) => Some((
                of.exclusion
                    .map_or(causes::OPENED_EARLIER, Exclusion::as_str),
                1,
            )),
            _ => None,
        }
    }
}

/// The report of one window beside our counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// The definition under which the report fits best.
    pub definition: Definition,
    /// One line for each category of either side, sorted, never-categorised first.
    pub lines: Vec<Difference>,
}

impl Comparison {
    /// All lines in one: the totals and their causes.
    pub fn total(&self) -> Difference {
        let mut sums: BTreeMap<usize, i64> = BTreeMap::new();
        for cause in self.lines.iter().flat_map(|line| &line.causes) {
            let place = causes::ALL.iter().position(|name| *name == cause.cause);
            *sums
                .entry(place.unwrap_or(causes::ALL.len() - 1))
                .or_default() += cause.conversations;
        }
        Difference {
            category: Some(ReportRow::TOTAL.to_owned()),
            official: self.lines.iter().map(|line| line.official).sum(),
            has_official: true,
            ours: self.lines.iter().map(|line| line.ours).sum(),
            causes: named(sums),
        }
    }

    /// What the report counts in one line; `None` where it has no such line.
    pub fn official(&self, key: Option<&str>) -> Option<i64> {
        let of_key = |line: &&Difference| line_key(line.category.as_deref()).as_deref() == key;
        let line = self.lines.iter().find(of_key)?;
        (line.has_official).then_some(line.official)
    }

    /// How many conversations no cause explains, over all lines and whatever their sign.
    pub fn unexplained(&self) -> i64 {
        let all = self.lines.iter().flat_map(|line| &line.causes);
        all.filter(|cause| cause.cause == causes::UNEXPLAINED)
            .map(|cause| cause.conversations.abs())
            .sum()
    }
}

/// What a definition looks at in one conversation. Few combinations occur, so definitions are tried on counts of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Trait {
    is_opened: bool,
    is_closed: bool,
    is_call: bool,
    has_line: bool,
    exclusion: Option<Exclusion>,
}

/// One line while it is worked on.
#[derive(Default)]
struct Line {
    name: Option<String>,
    is_in_report: bool,
    official: i64,
    traits: BTreeMap<Trait, i64>,
}

/// Lays the report's lines of one window beside our counts. `facts` are the conversations opened or closed in the window;
/// others do no harm. Without a report, pass `own_categories`.
pub fn compare(
    facts: &[Fact],
    rows: &[ReportRow],
    basis: ReportBasis,
    window: &Window,
    is_incomplete: bool,
) -> Comparison {
    let lines = lines(facts, rows, window);
    let calls_never_close = calls_never_close(&lines);
    let definition = definitions(basis)
        .into_iter()
        .min_by_key(|definition| {
            let left: i64 = lines
                .iter()
                .map(|line| unexplained(line, definition).abs())
                .sum();
            // Calls that are never closed cannot be in a report of closed ones: not being closed is not why.
            let blames_closing = definition.with_calls
                && definition.basis == ReportBasis::Closed
                && calls_never_close;
            (left, blames_closing, definition.switches())
        })
        .expect("there is always a definition");
    let lines = lines
        .into_iter()
        .map(|line| difference(line, &definition, is_incomplete))
        .collect();
    Comparison { definition, lines }
}

fn calls_never_close(lines: &[Line]) -> bool {
    let mut calls = lines
        .iter()
        .flat_map(|line| line.traits.keys())
        .filter(|of| of.is_call)
        .peekable();
    calls.peek().is_some() && calls.all(|of| !of.is_closed)
}

/// The lines of `compare` alone.
pub fn differences(
    facts: &[Fact],
    rows: &[ReportRow],
    basis: ReportBasis,
    window: &Window,
    is_incomplete: bool,
) -> Vec<Difference> {
    compare(facts, rows, basis, window, is_incomplete).lines
}

/// The official side where there is no report: what the conversations' own categories say. Only the never categorised differ.
pub fn own_categories(facts: &[Fact], window: &Window) -> Vec<ReportRow> {
    let mut counts: BTreeMap<String, (String, i64)> = BTreeMap::new();
    for fact in facts.iter().filter(|fact| is_ours(fact, window)) {
        if let (Some(key), Some(name)) = (line_key(fact.category.as_deref()), &fact.category) {
            let (shown, count) = counts.entry(key).or_insert_with(|| (line_name(name), 0));
            *shown = line_name(name).min(std::mem::take(shown));
            *count += 1;
        }
    }
    counts
        .into_values()
        .map(|(name, count)| ReportRow {
            window: window.key.clone(),
            category: Some(name),
            count,
        })
        .collect()
}

fn is_ours(fact: &Fact, window: &Window) -> bool {
    window.contains(fact.created_at) && !matches!(fact.state, State::Excluded(_))
}

fn lines(facts: &[Fact], rows: &[ReportRow], window: &Window) -> Vec<Line> {
    let has_no_categories = !rows.is_empty() && rows.iter().all(ReportRow::is_total);
    let mut lines: BTreeMap<Option<String>, Line> = BTreeMap::new();
    for row in rows
        .iter()
        .filter(|row| has_no_categories || !row.is_total())
    {
        let key = line_key(row.category.as_deref());
        let line = lines.entry(key).or_default();
        line.official = line.official.saturating_add(row.count);
        line.is_in_report = true;
        line.name = smaller(line.name.take(), row.category.clone());
    }
    let has_rest_line = lines.contains_key(&None);
    for fact in facts {
        let is_opened = window.contains(fact.created_at);
        let is_closed = fact.closed_at.is_some_and(|at| window.contains(at));
        if !is_opened && !is_closed {
            continue;
        }
        let key = if has_no_categories {
            line_key(Some(ReportRow::TOTAL))
        } else {
            line_key(fact.category.as_deref())
        };
        let of = Trait {
            is_opened,
            is_closed,
            is_call: fact.kind == Kind::CallNote,
            has_line: key.is_some() || has_rest_line,
            exclusion: match fact.state {
                State::Excluded(reason) => Some(reason),
                _ => None,
            },
        };
        let line = lines.entry(key.clone()).or_default();
        if key.is_some() && !line.is_in_report {
            line.name = smaller(line.name.take(), fact.category.as_deref().map(line_name));
        }
        *line.traits.entry(of).or_default() += 1;
    }
    let mut lines: Vec<Line> = lines.into_values().collect();
    // A line that neither side counts says nothing: conversations that are out on both sides.
    lines.retain(|line| line.official != 0 || line.traits.keys().any(|of| of.exclusion.is_none()));
    lines
}

/// Of two spellings always the same one, whatever came first.
fn smaller(one: Option<String>, other: Option<String>) -> Option<String> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// All sensible definitions, the plain one first.
fn definitions(basis: ReportBasis) -> Vec<Definition> {
    let bases = match basis {
        ReportBasis::Unknown => vec![ReportBasis::Opened, ReportBasis::Closed],
        known => vec![known],
    };
    let mut all = Vec::new();
    for basis in bases {
        for with_calls in [true, false] {
            for choice in 0..1_u32 << Exclusion::ALL.len() {
                let with_excluded = Exclusion::ALL
                    .into_iter()
                    .enumerate()
                    .filter(|(place, _)| choice & (1 << place) != 0)
                    .map(|(_, reason)| reason)
                    .collect();
                all.push(Definition {
                    basis,
                    with_calls,
                    with_excluded,
                });
            }
        }
    }
    all
}

fn ours(line: &Line) -> i64 {
    let counting = line.traits.iter();
    counting
        .filter(|(of, _)| of.is_opened && of.exclusion.is_none())
        .map(|(_, count)| count)
        .sum()
}

fn unexplained(line: &Line, definition: &Definition) -> i64 {
    let explained: i64 = line
        .traits
        .iter()
        .filter_map(|(of, count)| definition.cause(of).map(|(_, sign)| sign * count))
        .sum();
    line.official
        .saturating_sub(ours(line))
        .saturating_sub(explained)
}

fn difference(line: Line, definition: &Definition, is_incomplete: bool) -> Difference {
    let mut sums: BTreeMap<usize, i64> = BTreeMap::new();
    for (of, count) in &line.traits {
        if let Some((cause, sign)) = definition.cause(of) {
            *sums.entry(place_of(cause)).or_default() += sign * count;
        }
    }
    let left = unexplained(&line, definition);
    // Only what the report has and we have not can come from an incomplete source.
    let cause = if is_incomplete && left > 0 {
        causes::SOURCE_INCOMPLETE
    } else {
        causes::UNEXPLAINED
    };
    *sums.entry(place_of(cause)).or_default() += left;
    Difference {
        category: line.name.clone(),
        official: line.official,
        has_official: line.is_in_report,
        ours: ours(&line),
        causes: named(sums),
    }
}

fn place_of(cause: &str) -> usize {
    let place = causes::ALL.iter().position(|name| *name == cause);
    place.expect("every cause that is made has a name in the list")
}

fn named(sums: BTreeMap<usize, i64>) -> Vec<Cause> {
    sums.into_iter()
        .filter(|(_, conversations)| *conversations != 0)
        .map(|(place, conversations)| Cause {
            cause: causes::ALL[place].to_owned(),
            conversations,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{about, any_fact, fact, week};
    use super::*;
    use chrono::TimeDelta;
    use proptest::prelude::*;

    fn row(category: Option<&str>, count: i64) -> ReportRow {
        ReportRow {
            window: week().key,
            category: category.map(str::to_owned),
            count,
        }
    }

    fn shown(lines: &[Difference]) -> Vec<String> {
        let line = |line: &Difference| {
            let causes: Vec<_> = line
                .causes
                .iter()
                .map(|cause| format!("{} {:+}", cause.cause, cause.conversations))
                .collect();
            let category = line.category.as_deref().unwrap_or("-");
            format!(
                "{category}: {} against {}: {}",
                line.official,
                line.ours,
                causes.join(", ")
            )
        };
        lines.iter().map(line).collect()
    }

    fn closed(mut fact: Fact, days: i64) -> Fact {
        fact.closed_at = Some(fact.created_at + TimeDelta::days(days));
        fact
    }

    fn opened_before(mut fact: Fact, days: i64) -> Fact {
        fact.closed_at = Some(fact.created_at);
        fact.created_at -= TimeDelta::days(days);
        fact
    }

    #[test]
    fn a_report_by_solving_date_is_recognised_and_explained() {
        let mut facts: Vec<Fact> = (0..10)
            .map(|n| {
                closed(
                    fact(n, Some("Heating"), about("t")),
                    if n < 6 { 1 } else { 9 },
                )
            })
            .collect();
        facts.extend((10..13).map(|n| opened_before(fact(n, Some("Heating"), about("t")), 20)));
        let comparison = compare(
            &facts,
            &[row(Some("heating"), 9)],
            ReportBasis::Unknown,
            &week(),
            false,
        );
        assert_eq!(comparison.definition.describe(), "solved in the period");
        assert_eq!(
            shown(&comparison.lines),
            ["heating: 9 against 10: closed_later -4, opened_earlier +3"]
        );
    }

    #[test]
    fn calls_spam_and_the_never_categorised_are_told_apart() {
        let mut facts: Vec<Fact> = (0..8)
            .map(|n| fact(n, Some("Heating"), about("t")))
            .collect();
        facts[0].kind = Kind::CallNote;
        facts[1].kind = Kind::CallNote;
        facts.push(fact(8, Some("Heating"), State::Excluded(Exclusion::Spam)));
        facts.push(fact(9, None, State::Unassigned));
        let rows = [row(Some("Heating"), 7), row(Some("Billing"), 2)];
        let lines = differences(&facts, &rows, ReportBasis::Opened, &week(), false);
        assert_eq!(
            shown(&lines),
            [
                "-: 0 against 1: never_categorised -1",
                "Billing: 2 against 0: unexplained +2",
                "Heating: 7 against 8: call_notes -2, spam +1",
            ]
        );
    }

    #[test]
    fn what_the_report_has_more_may_come_from_an_incomplete_source() {
        let facts = [fact(0, Some("Heating"), about("t"))];
        let rows = [row(Some("Heating"), 5)];
        let lines = differences(&facts, &rows, ReportBasis::Opened, &week(), true);
        assert_eq!(
            shown(&lines),
            ["Heating: 5 against 1: source_incomplete +4"]
        );
    }

    #[test]
    fn a_report_with_totals_alone_is_one_line() {
        let facts = [
            fact(0, Some("Heating"), about("t")),
            fact(1, None, about("t")),
        ];
        let rows = [row(Some(ReportRow::TOTAL), 3)];
        let lines = differences(&facts, &rows, ReportBasis::Opened, &week(), false);
        assert_eq!(shown(&lines), ["(total): 3 against 2: unexplained +1"]);
    }

    #[test]
    fn without_a_report_only_the_never_categorised_differ() {
        let facts = [
            fact(0, Some("Heating"), about("t")),
            fact(1, Some("heating"), about("t")),
            fact(2, None, about("t")),
            fact(3, Some("Other"), State::Excluded(Exclusion::Spam)),
        ];
        let rows = own_categories(&facts, &week());
        let comparison = compare(&facts, &rows, ReportBasis::Opened, &week(), false);
        assert_eq!(
            shown(&comparison.lines),
            [
                "-: 0 against 1: never_categorised -1",
                "Heating: 2 against 2: "
            ]
        );
        assert_eq!(comparison.definition.describe(), "opened in the period");
    }

    fn any_rows() -> impl Strategy<Value = Vec<ReportRow>> {
        let category = prop::sample::select(vec![
            None,
            Some("Billing"),
            Some("BILLING"),
            Some("Heating"),
            Some("Unheard"),
            Some(ReportRow::TOTAL),
        ]);
        let count = prop_oneof![0_i64..100, any::<i64>().prop_map(|n| n / 1000)];
        let any_row = (category, count).prop_map(|(category, count)| row(category, count));
        prop::collection::vec(any_row, 0..8)
    }

    proptest! {
        #[test]
        fn causes_add_up_for_any_facts_and_any_report(
            facts in prop::collection::vec(any_fact(), 0..60),
            rows in any_rows(),
            basis in prop::sample::select(vec![
                ReportBasis::Unknown, ReportBasis::Opened, ReportBasis::Closed,
            ]),
            is_incomplete in any::<bool>(),
        ) {
            let comparison = compare(&facts, &rows, basis, &week(), is_incomplete);
            for line in comparison.lines.iter().chain([&comparison.total()]) {
                let sum: i64 = line.causes.iter().map(|cause| cause.conversations).sum();
                prop_assert_eq!(sum, line.official - line.ours);
                prop_assert!(line.causes.iter().all(|cause| cause.conversations != 0));
            }
            let total = comparison.total();
            let has_lines = rows.iter().any(|row| !row.is_total());
            let of_lines = rows.iter().filter(|row| !has_lines || !row.is_total());
            prop_assert_eq!(total.official, of_lines.map(|row| row.count).sum::<i64>());
            let counted = crate::counting::count(&facts, &week()).counted();
            prop_assert_eq!(total.ours, i64::try_from(counted).unwrap());
            let mut reversed = facts;
            reversed.reverse();
            let again = compare(&reversed, &rows, basis, &week(), is_incomplete);
            prop_assert_eq!(again, comparison);
        }
    }
}

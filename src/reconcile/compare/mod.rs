//! Official minus ours, split into named causes that add up exactly.
//!
//! Under a report's definition each conversation that only one side counts has exactly one cause, so the causes add up
//! whatever the report says; what is left is unexplained. Each cause lists its conversations.

use std::collections::BTreeMap;

use crate::model::{Calendar, Cause, Fact, ReportRow, Window};

use crate::reconcile::causes;
use crate::reconcile::lines::{LineKey, Lines, shown, smaller};
use crate::reconcile::report::{line_key, line_name};
use crate::reconcile::units::{Official, Periods, Unit, is_ours, place_of};

/// A cause in one line: how many conversations the report has more because of it, and how many fewer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The cause's name.
    pub cause: &'static str,
    /// Counted by the report and not by us.
    pub more: u64,
    /// Counted by us and not by the report.
    pub fewer: u64,
}

impl Part {
    /// What it adds to official minus ours.
    pub fn net(&self) -> i64 {
        let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        signed(self.more).saturating_sub(signed(self.fewer))
    }
}

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
    /// Why they differ, in the order of `causes::ALL`; none of them is empty.
    pub parts: Vec<Part>,
}

impl Difference {
    /// Official minus ours, split; they add up to it, and none of them is 0.
    pub fn causes(&self) -> Vec<Cause> {
        let causes = self.parts.iter().map(|part| Cause {
            cause: part.cause.to_owned(),
            conversations: part.net(),
        });
        causes.filter(|cause| cause.conversations != 0).collect()
    }

    /// How many no cause explains.
    pub fn unexplained(&self) -> u64 {
        let parts = self.parts.iter();
        parts
            .filter(|part| part.cause == causes::UNEXPLAINED)
            .fold(0, |sum, part| {
                sum.saturating_add(part.more).saturating_add(part.fewer)
            })
    }
}

/// The report of one window beside our counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// One line for each category of either side, sorted, never-categorised first.
    pub lines: Vec<Difference>,
    /// Every conversation that only one side counts, by line and cause.
    pub units: Vec<Unit>,
    /// What the report counts, by line.
    official: BTreeMap<LineKey, i64>,
}

impl Comparison {
    /// All lines in one: the totals and their causes.
    pub fn total(&self) -> Difference {
        let mut sums: BTreeMap<usize, (u64, u64)> = BTreeMap::new();
        for part in self.lines.iter().flat_map(|line| &line.parts) {
            let (more, fewer) = sums.entry(place_of(part.cause)).or_default();
            *more = more.saturating_add(part.more);
            *fewer = fewer.saturating_add(part.fewer);
        }
        let sum = |of: fn(&Difference) -> i64| {
            self.lines
                .iter()
                .fold(0_i64, |sum, line| sum.saturating_add(of(line)))
        };
        Difference {
            category: Some(ReportRow::TOTAL.to_owned()),
            official: sum(|line| line.official),
            has_official: true,
            ours: sum(|line| line.ours),
            parts: parts(sums),
        }
    }

    /// What the report counts in one line; `None` where it has no such line.
    pub fn official(&self, key: Option<&str>) -> Option<i64> {
        self.official.get(&key.map(str::to_owned)).copied()
    }

    /// How many conversations no cause explains, over all lines and whatever their sign.
    pub fn unexplained(&self) -> u64 {
        let lines = self.lines.iter();
        lines.fold(0, |sum, line| sum.saturating_add(line.unexplained()))
    }

    /// The conversations behind the causes of a line, or of all lines together.
    pub fn listed<'c>(
        &'c self,
        category: Option<&'c str>,
        cause: Option<&'c str>,
    ) -> impl Iterator<Item = &'c Unit> {
        let is_all = category == Some(ReportRow::TOTAL);
        let key = line_key(category);
        let has_total_alone = self.lines.len() == 1 && is_all;
        self.units.iter().filter(move |unit| {
            (is_all || has_total_alone || unit.line == key)
                && cause.is_none_or(|cause| unit.cause() == cause)
        })
    }
}

/// Lays the report's lines of one window beside our counts. `facts` reach as far beyond the window as the definition's period
/// does; others do no harm. Without a report, pass `own_categories` and our own definition.
pub fn compare<'f>(
    facts: impl IntoIterator<Item = &'f Fact>,
    official: &Official<'_>,
    window: &Window,
    calendar: &Calendar,
    is_incomplete: bool,
) -> Comparison {
    let lines = Lines::of(official.rows.iter());
    let periods = Periods::of(official, window, calendar);
    let mut found: BTreeMap<LineKey, Found> = BTreeMap::new();
    for (key, (name, count)) in &lines.official {
        let line = found.entry(key.clone()).or_default();
        (line.name, line.official, line.is_in_report) = (name.clone(), *count, true);
    }
    let mut units = Vec::new();
    for fact in facts.into_iter().filter(|fact| periods.may_hold(fact)) {
        if is_ours(fact, window) {
            let key = lines.of_category(fact.category.as_deref());
            let line = found.entry(key).or_default();
            line.ours += 1;
            if !line.is_in_report {
                line.name = smaller(line.name.take(), shown(fact.category.as_deref()));
            }
        }
        periods.units(fact, &lines, official, &mut units);
    }
    for unit in &units {
        let line = found.entry(unit.line.clone()).or_default();
        line.name = line.name.take().or_else(|| unit.line.clone());
        let (more, fewer) = line.sums.entry(unit.place).or_default();
        *(if unit.sign > 0 { more } else { fewer }) += 1;
    }
    units.sort();
    // A line that neither side counts says nothing.
    found.retain(|_, line| line.official != 0 || line.ours != 0 || !line.sums.is_empty());
    let counts = lines.official.into_iter();
    let counts = counts.map(|(key, (_, count))| (key, count)).collect();
    let lines = found.into_values();
    Comparison {
        official: counts,
        lines: lines.map(|line| line.difference(is_incomplete)).collect(),
        units,
    }
}

/// One line while it is worked on.
#[derive(Default)]
struct Found {
    name: Option<String>,
    is_in_report: bool,
    official: i64,
    ours: i64,
    sums: BTreeMap<usize, (u64, u64)>,
}

impl Found {
    fn difference(mut self, is_incomplete: bool) -> Difference {
        let explained: i64 = self.sums.values().fold(0, |sum, (more, fewer)| {
            sum.saturating_add(*more as i64)
                .saturating_sub(*fewer as i64)
        });
        let left = self
            .official
            .saturating_sub(self.ours)
            .saturating_sub(explained);
        // Only what the report has and we have not can come from an incomplete source.
        let cause = if is_incomplete && left > 0 {
            causes::SOURCE_INCOMPLETE
        } else {
            causes::UNEXPLAINED
        };
        let both = if left > 0 {
            (left.unsigned_abs(), 0)
        } else {
            (0, left.unsigned_abs())
        };
        self.sums.insert(place_of(cause), both);
        Difference {
            category: self.name,
            official: self.official,
            has_official: self.is_in_report,
            ours: self.ours,
            parts: parts(self.sums),
        }
    }
}

/// The official side where there is no report: what the conversations' own categories say. Only the never categorised differ.
pub fn own_categories<'f>(
    facts: impl IntoIterator<Item = &'f Fact>,
    window: &Window,
) -> Vec<ReportRow> {
    let mut counts: BTreeMap<String, (String, i64)> = BTreeMap::new();
    for fact in facts.into_iter().filter(|fact| is_ours(fact, window)) {
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

fn parts(sums: BTreeMap<usize, (u64, u64)>) -> Vec<Part> {
    sums.into_iter()
        .filter(|(_, (more, fewer))| *more > 0 || *fewer > 0)
        .map(|(place, (more, fewer))| Part {
            cause: causes::ALL[place],
            more,
            fewer,
        })
        .collect()
}

#[cfg(test)]
mod tests;

//! The lines of one window of an official report, and under which of them a conversation belongs.

use std::collections::BTreeMap;

use crate::model::ReportRow;

use super::definition::{Definition, Seen};
use super::report::{line_key, line_name};

/// What makes two spellings one line; none is the line of those without a category.
pub type LineKey = Option<String>;

/// What the report says of a window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lines {
    /// It has totals and no categories: everything is in the one line.
    has_no_categories: bool,
    /// Its lines with their names and counts.
    pub official: BTreeMap<LineKey, (Option<String>, i64)>,
}

impl Lines {
    /// Adds up the rows of one window; those with categories, if there are any.
    pub fn of<'r>(rows: impl Iterator<Item = &'r ReportRow> + Clone) -> Self {
        let has_no_categories =
            rows.clone().next().is_some() && rows.clone().all(ReportRow::is_total);
        let mut lines = Self {
            has_no_categories,
            official: BTreeMap::new(),
        };
        for row in rows.filter(|row| has_no_categories || !row.is_total()) {
            let key = line_key(row.category.as_deref());
            let (name, count) = lines.official.entry(key).or_insert((None, 0));
            *count = count.saturating_add(row.count);
            *name = smaller(name.take(), row.category.clone());
        }
        lines
    }

    /// The line of a category; none also where the report has no line for conversations without one.
    pub fn of_category(&self, category: Option<&str>) -> LineKey {
        if self.has_no_categories {
            line_key(Some(ReportRow::TOTAL))
        } else {
            line_key(category)
        }
    }

    /// Every line under which the report counts what it sees so.
    pub fn theirs(
        &self,
        seen: &Seen<'_>,
        tags: &[String],
        definition: &Definition,
    ) -> Vec<LineKey> {
        if !definition.by_tags || self.has_no_categories {
            let key = self.of_category(seen.category);
            let has_line = key.is_some() || self.official.contains_key(&None);
            return if has_line { vec![key] } else { Vec::new() };
        }
        let mut keys: Vec<LineKey> = tags
            .iter()
            .map(|tag| line_key(Some(tag)))
            .filter(|key| key.is_some() && self.official.contains_key(key))
            .collect();
        keys.sort();
        keys.dedup();
        if keys.is_empty() && self.official.contains_key(&None) {
            keys.push(None);
        }
        keys
    }
}

/// Of two spellings always the same one, whatever came first.
pub(super) fn smaller(one: Option<String>, other: Option<String>) -> Option<String> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// A category's name in a list of lines.
pub(super) fn shown(category: Option<&str>) -> Option<String> {
    line_key(category)?;
    category.map(line_name)
}

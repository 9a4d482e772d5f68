//! What a person chose of how a file is read: by flags, by answers, or the last time for headers like these.

use serde::{Deserialize, Serialize};

use crate::model::{Cadence, ReportBasis, WeekStart};

use super::number::Mark;
use super::period::Order;

/// How a file is to be read, as far as somebody said so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Choices {
    /// What the report is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The sheet of a spreadsheet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sheet: Option<String>,
    /// The period's column, by header or letter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<String>,
    /// The category's column; `none` for a report of totals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// The count's column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<String>,
    /// Further columns that count.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<String>,
    /// What its dates stand for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cadence: Option<Cadence>,
    /// What `03/04/2026` means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<Order>,
    /// What `1.204` means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decimal: Option<Mark>,
    /// `opened`, `solved` or `closed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basis: Option<String>,
    /// The time zone that it counts in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// `monday` or `sunday`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub week_start: Option<String>,
    /// The year of months and weeks that name none. Never remembered: the next file may be of another.
    #[serde(skip)]
    pub year: Option<i32>,
}

impl Choices {
    /// These choices, and where they say nothing, those of before.
    pub fn over(self, before: Choices) -> Choices {
        // A column that is chosen now replaces all columns that were chosen then.
        let has_counts = self.count.is_some() || !self.metrics.is_empty();
        let counts = if has_counts {
            (self.count, self.metrics)
        } else {
            (before.count, before.metrics)
        };
        Choices {
            name: self.name.or(before.name),
            sheet: self.sheet.or(before.sheet),
            period: self.period.or(before.period),
            category: self.category.or(before.category),
            count: counts.0,
            metrics: counts.1,
            cadence: self.cadence.or(before.cadence),
            order: self.order.or(before.order),
            decimal: self.decimal.or(before.decimal),
            basis: self.basis.or(before.basis),
            zone: self.zone.or(before.zone),
            week_start: self.week_start.or(before.week_start),
            year: self.year.or(before.year),
        }
    }

    /// The answer to a question, by the flag that would have given it.
    pub fn answer(&mut self, flag: &str, value: &str) {
        let text = Some(value.to_owned());
        match flag {
            "--sheet" => self.sheet = text,
            "--period" => self.period = text,
            "--category" => self.category = text,
            "--count" => self.count = text,
            "--basis" => self.basis = text,
            "--week-start" => self.week_start = text,
            "--year" => self.year = value.parse().ok(),
            "--cadence" => self.cadence = Cadence::parse(value),
            "--date-order" => self.order = word(value),
            "--decimal" => self.decimal = word(value),
            _ => {}
        }
    }

    /// What the report counts, if that was said.
    pub fn counts_by(&self) -> Option<ReportBasis> {
        match self.basis.as_deref()? {
            "opened" => Some(ReportBasis::Opened),
            _ => Some(ReportBasis::Closed),
        }
    }

    /// The first day of its weeks, if that was said.
    pub fn weeks(&self) -> Option<WeekStart> {
        match self.week_start.as_deref()? {
            "sunday" => Some(WeekStart::Sunday),
            _ => Some(WeekStart::Monday),
        }
    }
}

/// A word of a fixed list.
fn word<T: for<'a> Deserialize<'a>>(value: &str) -> Option<T> {
    serde_json::from_value(serde_json::Value::from(value)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_of_now_wins_over_one_of_before() {
        let before = Choices {
            count: Some("tickets".to_owned()),
            order: Some(Order::Dmy),
            ..Choices::default()
        };
        let mut now = Choices::default();
        now.answer("--date-order", "mdy");
        now.answer("--year", "2026");
        now.metrics = vec!["calls".to_owned()];
        let both = now.over(before.clone());
        assert_eq!(
            (both.order, both.count.as_deref()),
            (Some(Order::Mdy), None)
        );
        assert_eq!(Choices::default().over(before.clone()), before);
        let kept = serde_json::to_string(&both).unwrap();
        assert_eq!(
            kept, "{\"metrics\":[\"calls\"],\"order\":\"mdy\"}",
            "the year is not remembered"
        );
        assert_eq!(
            serde_json::from_str::<Choices>("{}").unwrap(),
            Choices::default()
        );
    }
}

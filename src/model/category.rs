//! The official side: what management publishes, as a table of category by window.

use serde::{Deserialize, Serialize};

use super::Cadence;

/// What an official report says it counts, as far as it is known.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum ReportBasis {
    /// Not stated.
    #[default]
    Unknown,
    /// Conversations opened in the window.
    Opened,
    /// Conversations solved or closed in the window.
    Closed,
}

impl ReportBasis {
    /// The name in files and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            ReportBasis::Unknown => "unknown",
            ReportBasis::Opened => "opened",
            ReportBasis::Closed => "closed",
        }
    }

    /// The inverse of `as_str`.
    pub fn parse(text: &str) -> Option<Self> {
        [
            ReportBasis::Unknown,
            ReportBasis::Opened,
            ReportBasis::Closed,
        ]
        .into_iter()
        .find(|basis| basis.as_str() == text)
    }
}

/// One line of an official report.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ReportRow {
    /// The window's key, such as `2026-W13` or `2026-03`.
    pub window: String,
    /// The category; `None` is the line for conversations without one.
    pub category: Option<String>,
    /// How many the report counts.
    pub count: i64,
}

impl ReportRow {
    /// Stands for the category in a report that has totals and no categories.
    pub const TOTAL: &str = "(total)";

    /// Whether the line is a total of its window.
    pub fn is_total(&self) -> bool {
        self.category.as_deref() == Some(Self::TOTAL)
    }
}

/// An official report, as imported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfficialReport {
    /// Where it came from, such as the file's name.
    pub name: String,
    /// By day, week or month.
    pub cadence: Cadence,
    /// What it counts.
    pub basis: ReportBasis,
    /// The column that it was taken from, where a file has several, such as `solved`; empty where it has one.
    pub metric: String,
    /// The time zone that it is said to count in, an IANA name; `None` is not known.
    pub zone: Option<String>,
    /// Its lines, sorted by window and category, each pair once.
    pub rows: Vec<ReportRow>,
}

impl OfficialReport {
    /// How the name of a report ends that a helpdesk counted itself, as far as its API tells.
    pub const OWN_COUNT: &str = "'s own count";

    /// Whether it is a helpdesk's own count; what somebody imported is nearer to what management publishes.
    pub fn is_own_count(&self) -> bool {
        self.name.ends_with(Self::OWN_COUNT)
    }

    /// Its lines of one window.
    pub fn of_window(&self, key: &str) -> Vec<ReportRow> {
        let rows = self.rows.iter().filter(|row| row.window == key);
        rows.cloned().collect()
    }
}

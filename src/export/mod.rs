//! The results as tables: the files that `analyze` and `export` write, the API's rows. Pure. `official` makes those of the
//! official side.

mod official;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::changes::{changes, first_seen};
use crate::counting::{Counts, count_windows};
use crate::model::{
    Assignment, Cadence, Calendar, ConversationKey, Fact, OfficialReport, State, Topic, TopicId,
    Window,
};
use crate::reconcile::{self, Reading};
use crate::topics::trend::TrendParams;

/// Everything that the tables are made of.
pub struct Results<'a> {
    /// All conversations, sorted by key.
    pub facts: &'a [Fact],
    /// All topics, sorted by id.
    pub topics: &'a [Topic],
    /// Scores, by conversation.
    pub assignments: &'a [Assignment],
    /// Time zone and first day of the week.
    pub calendar: &'a Calendar,
    /// The official reports.
    pub reports: &'a [OfficialReport],
    /// What is known of each beside its numbers, in the same order.
    pub readings: &'a [Reading],
    /// Categories that say nothing, beside those with a telling name.
    pub catch_all: &'a [String],
    /// What counts as a trend.
    pub trend: &'a TrendParams,
    /// Whether a source has not been read from a window's beginning to its end.
    pub is_incomplete: &'a (dyn Fn(&Window) -> bool + Sync),
}

/// A table: its file name, its header, its rows.
pub struct Table {
    /// Such as `topics.csv`.
    pub name: &'static str,
    /// Column names.
    pub header: Vec<&'static str>,
    /// Rows of cells.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// The table as CSV.
    pub fn to_csv(&self) -> anyhow::Result<Vec<u8>> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(&self.header)?;
        for row in &self.rows {
            for cell in row {
                writer.write_field(harmless(cell).as_bytes())?;
            }
            writer.write_record(None::<&[u8]>)?;
        }
        Ok(writer.into_inner()?)
    }
}

/// A cell that no spreadsheet computes: what would be a formula there gets an apostrophe, which says "text". Numbers stay numbers.
fn harmless(cell: &str) -> Cow<'_, str> {
    let may_compute =
        cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && cell.chars().nth(1).is_some();
    if may_compute && cell.parse::<f64>().is_err() {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

impl Results<'_> {
    /// First and last instant at which a conversation was opened.
    pub fn span(&self) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let opened = self.facts.iter().map(|fact| fact.created_at);
        Some((opened.clone().min()?, opened.max()?))
    }

    /// Counts of every window of a cadence that the conversations touch, in order.
    pub fn windows(&self, cadence: Cadence) -> Vec<(Window, Counts)> {
        let Some((first, last)) = self.span() else {
            return Vec::new();
        };
        count_windows(self.facts, self.calendar, cadence, first, last)
    }

    fn by_id(&self) -> BTreeMap<&TopicId, &Topic> {
        self.topics.iter().map(|topic| (&topic.id, topic)).collect()
    }

    /// All tables.
    pub fn tables(&self) -> Vec<Table> {
        let windows: Vec<_> = Cadence::ALL
            .into_iter()
            .map(|c| (c, self.windows(c)))
            .collect();
        vec![
            self.assignments(),
            self.topics(),
            self.trends(&windows),
            self.reconciliation(&windows),
            self.differences(&windows),
            self.causes(&windows),
            self.findings(&windows),
        ]
    }

    /// `assignments.csv`: one row for each conversation.
    pub fn assignments(&self) -> Table {
        let topics = self.by_id();
        let scores: BTreeMap<&ConversationKey, f64> =
            self.assignments.iter().map(|a| (&a.key, a.score)).collect();
        let row = |fact: &Fact| {
            let topic = match &fact.state {
                State::Assigned(id) => topics.get(id),
                _ => None,
            };
            let score = topic.and_then(|_| scores.get(&fact.key));
            let text = |get: fn(&Topic) -> &str| topic.map_or("", |t| get(t)).to_owned();
            vec![
                fact.key.source.to_string(),
                fact.key.id.clone(),
                fact.state.name(),
                text(|t| t.id.as_str()),
                text(|t| &t.label),
                text(|t| t.theme_id.as_str()),
                text(|t| &t.theme),
                score.map_or_else(String::new, |score| format!("{score:.4}")),
                self.calendar.day_of(fact.created_at).to_string(),
            ]
        };
        Table {
            name: "assignments.csv",
            header: vec![
                "source",
                "id",
                "state",
                "topic_id",
                "topic",
                "theme_id",
                "theme",
                "score",
                "window_day",
            ],
            rows: self.facts.iter().map(row).collect(),
        }
    }

    /// `topics.csv`: one row for each topic that has conversations, largest first.
    pub fn topics(&self) -> Table {
        let mut members: BTreeMap<&TopicId, Vec<&Fact>> = BTreeMap::new();
        for fact in self.facts {
            if let State::Assigned(id) = &fact.state {
                members.entry(id).or_default().push(fact);
            }
        }
        let mut known: Vec<_> = self
            .topics
            .iter()
            .filter(|t| members.contains_key(&t.id))
            .collect();
        known.sort_by_key(|topic| (std::cmp::Reverse(members[&topic.id].len()), &topic.id));
        let row = |topic: &&Topic| self.topic_row(topic, &members[&topic.id]);
        Table {
            name: "topics.csv",
            header: vec![
                "topic_id",
                "topic",
                "theme_id",
                "theme",
                "terms",
                "conversations",
                "customers",
                "first_day",
                "last_day",
                "stability",
            ],
            rows: known.iter().map(row).collect(),
        }
    }

    fn topic_row(&self, topic: &Topic, members: &[&Fact]) -> Vec<String> {
        let customers: BTreeSet<_> = members
            .iter()
            .filter_map(|fact| fact.customer.as_ref())
            .collect();
        let day = |at: Option<DateTime<Utc>>| {
            at.map_or_else(String::new, |at| self.calendar.day_of(at).to_string())
        };
        let terms: Vec<_> = topic.terms.iter().map(|term| term.word.as_str()).collect();
        vec![
            topic.id.to_string(),
            topic.label.clone(),
            topic.theme_id.to_string(),
            topic.theme.clone(),
            terms.join(" · "),
            members.len().to_string(),
            customers.len().to_string(),
            day(members.iter().map(|fact| fact.created_at).min()),
            day(members.iter().map(|fact| fact.created_at).max()),
            topic
                .stability
                .map_or_else(String::new, |share| format!("{share:.3}")),
        ]
    }

    /// `trends.csv`: every window of every topic that has conversations or a baseline in it.
    fn trends(&self, all: &[(Cadence, Vec<(Window, Counts)>)]) -> Table {
        let mut rows = Vec::new();
        for (cadence, windows) in all {
            let seen = first_seen(windows);
            for (place, (window, counts)) in windows.iter().enumerate() {
                for (topic, change) in changes(windows, place, &seen, self.trend) {
                    rows.push(vec![
                        cadence.to_string(),
                        window.key.clone(),
                        topic.to_string(),
                        counts.topic(&topic).to_string(),
                        counts.topic_customers(&topic).to_string(),
                        format!("{:.2}", change.baseline),
                        format!("{:.2}", change.low),
                        format!("{:.2}", change.high),
                        change.state.as_str().to_owned(),
                    ]);
                }
            }
        }
        Table {
            name: "trends.csv",
            header: vec![
                "cadence",
                "window",
                "topic_id",
                "conversations",
                "customers",
                "baseline",
                "low",
                "high",
                "state",
            ],
            rows,
        }
    }

    /// `reconciliation.csv`: official category by topic, for every window.
    fn reconciliation(&self, all: &[(Cadence, Vec<(Window, Counts)>)]) -> Table {
        let topics = self.by_id();
        let mut rows = Vec::new();
        for (cadence, windows) in all {
            for (window, facts) in self.by_window(windows, None) {
                for row in reconcile::table(facts, window) {
                    let label = row.topic.as_ref().and_then(|id| topics.get(id));
                    rows.push(vec![
                        cadence.to_string(),
                        window.key.clone(),
                        row.category.unwrap_or_default(),
                        row.topic
                            .as_ref()
                            .map_or_else(String::new, ToString::to_string),
                        label.map_or_else(String::new, |topic| topic.label.clone()),
                        row.conversations.to_string(),
                    ]);
                }
            }
        }
        Table {
            name: "reconciliation.csv",
            header: vec![
                "cadence",
                "window",
                "category",
                "topic_id",
                "topic",
                "conversations",
            ],
            rows,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_for_a_spreadsheet_and_numbers_stay_numbers() {
        let cells = [
            "=HYPERLINK(\"http://example.org\")",
            "@SUM(1)",
            "+49 30 1234",
            "-2+3",
            "\tx",
            "-12.5",
            "+7",
            "-",
            "a=b",
        ];
        let table = Table {
            name: "x.csv",
            header: vec!["cell"],
            rows: cells.iter().map(|cell| vec![(*cell).to_owned()]).collect(),
        };
        let text = table.to_csv().unwrap();
        let mut reader = csv::Reader::from_reader(text.as_slice());
        let read: Vec<String> = reader
            .records()
            .map(|row| row.unwrap()[0].to_owned())
            .collect();
        let expected = [
            "'=HYPERLINK(\"http://example.org\")",
            "'@SUM(1)",
            "'+49 30 1234",
            "'-2+3",
            "'\tx",
            "-12.5",
            "+7",
            "-",
            "a=b",
        ];
        assert_eq!(read, expected);
    }
}

//! The tables of the official side: differences with their causes, the conversations behind each cause, and findings.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::{Results, Table};
use crate::counting::Counts;
use crate::model::{Cadence, Fact, Finding, OfficialReport, TopicId, Window};
use crate::reconcile::{
    self, CatchAll, Chosen, Comparison, Definition, Official, REACH, Reading, Search,
};

/// The windows of a cadence with their counts.
type Windows = [(Cadence, Vec<(Window, Counts)>)];

/// A window, what a definition takes for it at most, and the conversations in that.
type Part<'w, 'f> = (&'w Window, (DateTime<Utc>, DateTime<Utc>), Vec<&'f Fact>);

/// Stands for "all windows together" in `findings.csv`.
const ALL: &str = "all";

impl Results<'_> {
    /// `differences.csv`: official minus ours, one row for each cause.
    pub(super) fn differences(&self, all: &Windows) -> Table {
        let mut rows = Vec::new();
        self.each_comparison(all, |cadence, window, comparison| {
            for line in &comparison.lines {
                let difference = line.official - line.ours;
                rows.extend(line.causes().iter().map(|cause| {
                    vec![
                        cadence.to_string(),
                        window.key.clone(),
                        line.category.clone().unwrap_or_default(),
                        line.official.to_string(),
                        line.ours.to_string(),
                        difference.to_string(),
                        cause.cause.clone(),
                        cause.conversations.to_string(),
                    ]
                }));
            }
        });
        Table {
            name: "differences.csv",
            header: vec![
                "cadence",
                "window",
                "category",
                "official",
                "ours",
                "difference",
                "cause",
                "conversations",
            ],
            rows,
        }
    }

    /// `causes.csv`: the conversations behind each cause; `sign` is 1 where only the report counts one, -1 where only we do.
    /// For each line and cause the signs add up to the number in `differences.csv`.
    pub(super) fn causes(&self, all: &Windows) -> Table {
        let mut rows = Vec::new();
        self.each_comparison(all, |cadence, window, comparison| {
            let names: BTreeMap<Option<String>, String> = comparison
                .lines
                .iter()
                .map(|line| {
                    let name = line.category.clone().unwrap_or_default();
                    (reconcile::report::line_key(line.category.as_deref()), name)
                })
                .collect();
            rows.extend(comparison.units.iter().map(|unit| {
                vec![
                    cadence.to_string(),
                    window.key.clone(),
                    names.get(&unit.line).cloned().unwrap_or_default(),
                    unit.cause().to_owned(),
                    unit.sign.to_string(),
                    unit.key.source.to_string(),
                    unit.key.id.clone(),
                ]
            }));
        });
        Table {
            name: "causes.csv",
            header: vec![
                "cadence", "window", "category", "cause", "sign", "source", "id",
            ],
            rows,
        }
    }

    /// `findings.csv`: what stands out between topics and categories, in each window and in all of them together.
    pub(super) fn findings(&self, all: &Windows) -> Table {
        let labels = self
            .topics
            .iter()
            .map(|topic| (topic.id.clone(), topic.label.clone()))
            .collect();
        let catch_all = CatchAll::new(self.catch_all);
        let mut rows = Vec::new();
        for (cadence, windows) in all {
            for (window, facts) in self.by_window(windows, None) {
                let found = reconcile::findings(&facts, window, &labels, &catch_all);
                rows.extend(self.finding_rows(
                    *cadence,
                    &window.key,
                    found.into_values().flatten(),
                ));
            }
        }
        self.each_comparison(all, |cadence, window, comparison| {
            let facts: Vec<&Fact> = self.facts.iter().collect();
            let found = reconcile::unheard(&comparison.lines, &facts);
            rows.extend(self.finding_rows(cadence, &window.key, found.into_iter()));
        });
        rows.extend(self.findings_of_all(all, &labels, &catch_all));
        Table {
            name: "findings.csv",
            header: vec![
                "cadence",
                "window",
                "kind",
                "topic_id",
                "topic",
                "category",
                "to_category",
                "since",
                "conversations",
                "of",
                "low",
                "high",
                "p",
                "q",
                "finding",
                "keys",
            ],
            rows,
        }
    }

    fn findings_of_all(
        &self,
        all: &Windows,
        labels: &BTreeMap<TopicId, String>,
        catch_all: &CatchAll,
    ) -> Vec<Vec<String>> {
        let Some((cadence, windows)) = all.last() else {
            return Vec::new();
        };
        let (Some((first, _)), Some((last, _))) = (windows.first(), windows.last()) else {
            return Vec::new();
        };
        let whole = Window {
            cadence: *cadence,
            start: first.start,
            end: last.end,
            key: ALL.to_owned(),
        };
        let facts: Vec<&Fact> = self.facts.iter().collect();
        let found = reconcile::findings(&facts, &whole, labels, catch_all);
        let lived = Window {
            end: self.span().map_or(last.end, |(_, last)| last),
            ..whole.clone()
        };
        let moved = reconcile::moved(&facts, &lived, self.calendar, labels);
        let mut rows = self.finding_rows(*cadence, ALL, found.into_values().flatten().chain(moved));
        rows.iter_mut().for_each(|row| row[0] = ALL.to_owned());
        rows
    }

    fn finding_rows(
        &self,
        cadence: Cadence,
        window: &str,
        found: impl Iterator<Item = Finding>,
    ) -> Vec<Vec<String>> {
        let topics = self.by_id();
        let row = |finding: Finding| {
            let numbers = finding.numbers;
            let text = |text: Option<String>| text.unwrap_or_default();
            let topic = numbers.topic_id.as_ref().and_then(|id| topics.get(id));
            let keys: Vec<String> = numbers.keys.iter().map(ToString::to_string).collect();
            vec![
                cadence.to_string(),
                window.to_owned(),
                finding.kind.as_str().to_owned(),
                text(numbers.topic_id.as_ref().map(ToString::to_string)),
                text(topic.map(|topic| topic.label.clone())),
                text(numbers.category),
                text(numbers.to_category),
                text(numbers.since.map(|day| day.to_string())),
                numbers.conversations.to_string(),
                numbers.of.to_string(),
                format!("{:.4}", numbers.low),
                format!("{:.4}", numbers.high),
                format!("{:.3e}", numbers.p),
                format!("{:.3e}", numbers.q),
                finding.sentence,
                keys.join(" "),
            ]
        };
        found.map(row).collect()
    }

    /// What each report counts, as far as its numbers tell, by its name.
    pub fn definitions(&self) -> BTreeMap<String, String> {
        let mut known = BTreeMap::new();
        for cadence in Cadence::ALL {
            if let Some((report, _, chosen)) = self.chosen(cadence) {
                let warning = chosen
                    .warning()
                    .map(|warning| format!("WARNING: {warning}; "));
                let sentence = format!("{}{}", warning.unwrap_or_default(), chosen.sentence());
                known.insert(report.name.clone(), sentence);
            }
        }
        known
    }

    /// The report of a cadence and the definition by which it is read.
    fn chosen(&self, cadence: Cadence) -> Option<(&OfficialReport, &Reading, Chosen)> {
        let mut known = self.reports.iter().zip(self.readings);
        let (report, reading) = known.find(|(report, _)| report.cadence == cadence)?;
        let search = Search {
            report,
            calendar: self.calendar,
            reading,
            covered: reconcile::covered(self.facts, self.calendar, cadence),
        };
        Some((report, reading, reconcile::choose(self.facts, &search)?))
    }

    /// Each window beside the official report of its cadence; without one, beside the conversations' own categories. A report
    /// that says nothing of a window is not a report of zeros.
    fn each_comparison(&self, all: &Windows, mut each: impl FnMut(Cadence, &Window, &Comparison)) {
        for (cadence, windows) in all {
            let has_report = self.reports.iter().any(|report| report.cadence == *cadence);
            let ours = Definition::ours(self.calendar);
            let chosen = self.chosen(*cadence);
            let definition = chosen
                .as_ref()
                .map_or(&ours, |(_, _, chosen)| &chosen.fit().definition);
            for (window, facts) in self.by_window(windows, chosen.is_some().then_some(definition)) {
                let (rows, made_at) = match &chosen {
                    Some((report, reading, _)) => {
                        let made_at = reading.imported_at.get(&window.key).copied();
                        (report.of_window(&window.key), made_at)
                    }
                    None if has_report => continue,
                    None => {
                        let own = reconcile::own_categories(facts.iter().copied(), window);
                        (own, None)
                    }
                };
                if rows.is_empty() {
                    continue;
                }
                let official = Official {
                    rows: &rows,
                    definition,
                    made_at,
                };
                let facts = facts.into_iter();
                let is_incomplete = (self.is_incomplete)(window);
                let comparison =
                    reconcile::compare(facts, &official, window, self.calendar, is_incomplete);
                each(*cadence, window, &comparison);
            }
        }
    }

    /// For each window the conversations that were opened or closed in it, or in what a definition takes for it.
    pub(super) fn by_window<'w>(
        &self,
        windows: &'w [(Window, Counts)],
        definition: Option<&Definition>,
    ) -> Vec<(&'w Window, Vec<&Fact>)> {
        let mut parts: Vec<Part<'_, '_>> = windows
            .iter()
            .map(|(window, _)| {
                let period = definition.map(|definition| definition.period(window, self.calendar));
                let (start, end) = period.unwrap_or((window.start, window.end));
                let hull = (start.min(window.start), end.max(window.end));
                (window, hull, Vec::new())
            })
            .collect();
        for fact in self.facts {
            let earlier = fact
                .earlier
                .iter()
                .flat_map(|one| [Some(one.created_at), one.closed_at]);
            let instants = [Some(fact.created_at), fact.closed_at]
                .into_iter()
                .chain(earlier);
            let mut places: Vec<usize> = Vec::new();
            for at in instants.flatten() {
                // No hull reaches farther beyond its window.
                let first = parts.partition_point(|(window, _, _)| window.end + REACH <= at);
                let near = parts[first..].iter().enumerate();
                let near = near.take_while(|(_, (window, _, _))| window.start - REACH <= at);
                let holds = near.filter(|(_, (_, hull, _))| hull.0 <= at && at < hull.1);
                places.extend(holds.map(|(place, _)| first + place));
            }
            places.sort_unstable();
            places.dedup();
            for place in places {
                parts[place].2.push(fact);
            }
        }
        parts
            .into_iter()
            .map(|(window, _, facts)| (window, facts))
            .collect()
    }
}

//! The counts that definitions are tried on: by line, and by the slots in which conversations were opened and closed.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::model::{Calendar, Exclusion, Fact, Kind, ReportBasis};

use super::definition::{AsOf, Definition, Occurring, Seen};
use super::finder::{Reading, Search, cost};
use super::lines::LineKey;
use super::report::line_key;
use super::windows::{Judged, shifts, windows};

/// With tickets and calls, and not excluded or excluded for one of five reasons.
const TRAITS: usize = Exclusion::ALL.len() + 1;
/// What a definition looks at in one conversation, beside its line.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Trait {
    opened: usize,
    closed: usize,
    is_call: bool,
    excluded: Option<Exclusion>,
}

/// One line of one window, as seen at one time, by category or by tags.
#[derive(Default)]
struct Cell {
    official: i64,
    traits: BTreeMap<Trait, i64>,
}

/// As of when, and whether by tags: what changes the line of a conversation.
type View = (AsOf, bool);

/// All counts that definitions are tried on.
pub(super) struct Board {
    pub windows: Vec<Judged>,
    pub official: i64,
    cells: BTreeMap<View, BTreeMap<(usize, LineKey), Cell>>,
    pub occurring: Occurring,
    /// Calls that are never closed cannot be in a report of closed ones: not being closed is not why.
    calls_never_close: bool,
    calendar: Calendar,
}

impl Board {
    /// `also` is one more definition that is asked for, whether or not it would be tried.
    pub fn of(facts: &[Fact], search: &Search<'_>, also: Option<&Definition>) -> Option<Self> {
        let windows = windows(search, also);
        if windows.is_empty() {
            return None;
        }
        let mut board = Self {
            official: 0,
            cells: BTreeMap::new(),
            occurring: Occurring::default(),
            calls_never_close: false,
            calendar: *search.calendar,
            windows,
        };
        let (first, last) = board.reach();
        let near: Vec<&Fact> = facts
            .iter()
            .filter(|fact| {
                let is_near = |at: DateTime<Utc>| first <= at && at < last;
                is_near(fact.created_at)
                    || fact.closed_at.is_some_and(is_near)
                    || !fact.earlier.is_empty()
            })
            .collect();
        board.occurring = Occurring::among(near.iter().copied());
        let mut calls = near.iter().filter(|fact| fact.kind == Kind::CallNote);
        board.calls_never_close = calls.all(|fact| fact.closed_at.is_none());
        let asked = also.map(|definition| (definition.as_of, definition.by_tags));
        for view in board.views(&near, search).into_iter().chain(asked) {
            let cells = board.cells_of(view, &near, search.reading);
            board.cells.insert(view, cells);
        }
        for (_, count) in board
            .windows
            .iter()
            .flat_map(|one| one.lines.official.values())
        {
            board.official = board.official.saturating_add(*count);
        }
        Some(board)
    }

    fn reach(&self) -> (DateTime<Utc>, DateTime<Utc>) {
        let hulls = self.windows.iter().map(Judged::hull);
        let first = hulls.clone().map(|hull| hull.0).min();
        let last = hulls.map(|hull| hull.1).max();
        first.zip(last).expect("a board has windows")
    }

    /// The views that could tell something: as of earlier where anything changed, by tags where lines are tags.
    fn views(&self, facts: &[&Fact], search: &Search<'_>) -> Vec<View> {
        let mut moments = vec![AsOf::Now];
        if facts.iter().any(|fact| !fact.earlier.is_empty()) {
            moments.push(AsOf::WindowEnd);
            if !search.reading.imported_at.is_empty() {
                moments.push(AsOf::Imported);
            }
        }
        let lines: BTreeSet<&String> = self
            .windows
            .iter()
            .flat_map(|one| one.lines.official.keys().flatten())
            .collect();
        let tags: BTreeSet<&str> = facts
            .iter()
            .flat_map(|fact| &fact.tags)
            .map(String::as_str)
            .collect();
        let is_line = |tag: &str| line_key(Some(tag)).is_some_and(|key| lines.contains(&key));
        let has_tags = tags.into_iter().any(is_line);
        let ways: &[bool] = if has_tags { &[false, true] } else { &[false] };
        moments
            .into_iter()
            .flat_map(|moment| ways.iter().map(move |by_tags| (moment, *by_tags)))
            .collect()
    }

    fn cells_of(
        &self,
        (as_of, by_tags): View,
        facts: &[&Fact],
        reading: &Reading,
    ) -> BTreeMap<(usize, LineKey), Cell> {
        let mut cells: BTreeMap<(usize, LineKey), Cell> = BTreeMap::new();
        let view = Definition {
            as_of,
            by_tags,
            ..Definition::ours(&self.calendar)
        };
        for (place, judged) in self.windows.iter().enumerate() {
            for (key, (_, count)) in &judged.lines.official {
                let cell = cells.entry((place, key.clone())).or_default();
                cell.official = *count;
            }
        }
        for fact in facts {
            for place in self.places(fact) {
                let judged = &self.windows[place];
                let made_at = reading.imported_at.get(&judged.window.key).copied();
                let seen = Seen::of(fact, view.moment(&judged.window, made_at));
                let of = Trait {
                    opened: judged.slot(seen.created_at),
                    closed: seen.closed_at.map_or(0, |at| judged.slot(at)),
                    is_call: fact.kind == Kind::CallNote,
                    excluded: seen.excluded,
                };
                for key in judged.lines.theirs(&seen, &fact.tags, &view) {
                    let cell = cells.entry((place, key)).or_default();
                    *cell.traits.entry(of).or_default() += 1;
                }
            }
        }
        cells
    }

    /// The windows that might count a conversation.
    fn places(&self, fact: &Fact) -> Vec<usize> {
        let mut places = Vec::new();
        let earlier = fact
            .earlier
            .iter()
            .flat_map(|one| [Some(one.created_at), one.closed_at]);
        for at in [Some(fact.created_at), fact.closed_at]
            .into_iter()
            .chain(earlier)
            .flatten()
        {
            let first = self.windows.partition_point(|one| one.hull().1 <= at);
            let near =
                (first..self.windows.len()).take_while(|place| self.windows[*place].hull().0 <= at);
            places.extend(near);
        }
        places.sort_unstable();
        places.dedup();
        places
    }

    /// The definitions without what is switched by calls and exclusions, the plain ones first.
    fn frames(&self, search: &Search<'_>) -> Vec<Definition> {
        let bases = match search.report.basis {
            ReportBasis::Unknown => vec![ReportBasis::Opened, ReportBasis::Closed],
            known => vec![known],
        };
        let mut frames = Vec::new();
        for (as_of, by_tags) in self.cells.keys() {
            for basis in &bases {
                for (zone, week_shift) in shifts(search) {
                    frames.push(Definition {
                        basis: *basis,
                        zone,
                        week_shift,
                        as_of: *as_of,
                        by_tags: *by_tags,
                        ..Definition::ours(search.calendar)
                    });
                }
            }
        }
        frames
    }

    /// Every definition with what it leaves.
    pub fn try_all(&self, search: &Search<'_>) -> Vec<(Definition, i64)> {
        let kinds: Vec<Exclusion> = self.occurring.excluded.iter().copied().collect();
        let ways: &[bool] = if self.occurring.calls {
            &[true, false]
        } else {
            &[true]
        };
        let mut tried = Vec::new();
        for frame in self.frames(search) {
            let mut left = vec![0_i64; ways.len() << kinds.len()];
            self.each_sum(&frame, |official, sums| {
                let mut place = 0;
                for with_calls in ways {
                    let of =
                        |kind: usize| sums[0][kind] + if *with_calls { sums[1][kind] } else { 0 };
                    // Each set of exclusions is a smaller set and one more.
                    let mut counted = vec![of(0); 1 << kinds.len()];
                    for set in 0..counted.len() {
                        if set > 0 {
                            let last = set.trailing_zeros() as usize;
                            counted[set] = counted[set & (set - 1)] + of(1 + kinds[last] as usize);
                        }
                        left[place] = left[place]
                            .saturating_add(official.saturating_sub(counted[set]).saturating_abs());
                        place += 1;
                    }
                }
            });
            for (place, left) in left.into_iter().enumerate() {
                let set = place & ((1 << kinds.len()) - 1);
                let chosen = kinds
                    .iter()
                    .enumerate()
                    .filter(|(place, _)| set & (1 << place) != 0);
                let definition = Definition {
                    with_calls: ways[place >> kinds.len()],
                    with_excluded: chosen.map(|(_, kind)| *kind).collect(),
                    ..frame.clone()
                };
                tried.push((definition, left));
            }
        }
        tried
    }

    /// For each line what the report has, and our counts in its period, of tickets and of calls, by exclusion.
    fn each_sum(&self, frame: &Definition, mut each: impl FnMut(i64, &[[i64; TRAITS]; 2])) {
        let Some(cells) = self.cells.get(&(frame.as_of, frame.by_tags)) else {
            return;
        };
        let slots: Vec<(usize, usize)> = self
            .windows
            .iter()
            .map(|judged| judged.slots(frame, &self.calendar))
            .collect();
        for ((place, _), cell) in cells {
            let (first, end) = slots[*place];
            let mut sums = [[0_i64; TRAITS]; 2];
            for (of, count) in &cell.traits {
                let slot = match frame.basis {
                    ReportBasis::Closed => of.closed,
                    _ => of.opened,
                };
                if first <= slot && slot < end {
                    let kind = of.excluded.map_or(0, |reason| 1 + reason as usize);
                    sums[usize::from(of.is_call)][kind] += count;
                }
            }
            each(cell.official, &sums);
        }
    }

    /// What one definition leaves.
    pub fn unexplained(&self, definition: &Definition) -> i64 {
        let mut left = 0_i64;
        self.each_sum(definition, |official, sums| {
            let mut counted = 0;
            for (of_kind, is_in) in sums.iter().zip([true, definition.with_calls]) {
                for (kind, count) in of_kind.iter().enumerate() {
                    let excluded = kind.checked_sub(1).map(|place| Exclusion::ALL[place]);
                    let is_counted =
                        excluded.is_none_or(|reason| definition.with_excluded.contains(&reason));
                    counted += if is_in && is_counted { *count } else { 0 };
                }
            }
            left = left.saturating_add(official.saturating_sub(counted).saturating_abs());
        });
        left
    }

    /// The best definitions have the smallest keys.
    pub fn key(&self, definition: &Definition, left: i64, search: &Search<'_>) -> impl Ord + use<> {
        let blames_closing = definition.with_calls
            && definition.basis == ReportBasis::Closed
            && self.calls_never_close;
        let zone = search
            .reading
            .zones
            .iter()
            .position(|zone| *zone == definition.zone);
        (
            cost(definition, left, self.official, search.calendar),
            blames_closing && self.occurring.calls,
            definition.switches(search.calendar),
            // Of two that fit alike always the same one: our zone, then those of the list in its order.
            (definition.zone != search.calendar.zone).then_some(zone),
            definition.as_of,
            definition.week_shift.unsigned_abs(),
            definition.to_string(),
        )
    }
}

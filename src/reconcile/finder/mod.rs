//! Finds the definition under which a report's numbers come out, over all its windows that we have conversations for.
//!
//! Few combinations of what a definition looks at occur, so definitions are tried on counts of them and never on
//! conversations. A conversation is opened and closed in one of the slots between all the instants at which some
//! definition's window begins or ends; a definition's window is a range of slots. So zones and weeks cost nothing either.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::model::{Cadence, Calendar, Fact, OfficialReport};

use crate::reconcile::board::Board;
use crate::reconcile::definition::Definition;

/// A definition must explain this share of the report more for each thing in which it differs from ours, or be exact.
const SHARE_A_SWITCH: i64 = 200;
/// How many that fit equally well are named in a sentence; all are in the list.
const EQUAL_NAMED_MAX: usize = 2;
/// How many definitions are told.
const TOLD_MAX: usize = 8;

/// What is asked of the finder.
#[derive(Clone, Copy, Debug)]
pub struct Search<'a> {
    /// The report.
    pub report: &'a OfficialReport,
    /// Ours.
    pub calendar: &'a Calendar,
    /// What is known of it beside its numbers.
    pub reading: &'a Reading,
    /// From when on, and up to when, all conversations are known.
    pub covered: (DateTime<Utc>, DateTime<Utc>),
}

/// What is known of a report beside its numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// Zones to try beside ours.
    #[serde(with = "zone_names")]
    pub zones: Vec<Tz>,
    /// The definition that a person confirmed.
    pub confirmed: Option<Definition>,
    /// When each window's lines were imported, by the window's key.
    pub imported_at: BTreeMap<String, DateTime<Utc>>,
}

mod zone_names {
    //! Zones by their names.

    use chrono_tz::Tz;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(zones: &[Tz], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(zones.iter().map(|zone| zone.name()))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Tz>, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        let zone = |name: &String| name.parse().map_err(|_| D::Error::custom("no such zone"));
        names.iter().map(zone).collect()
    }
}

/// A definition and how well it fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fit {
    /// The definition.
    pub definition: Definition,
    /// In words.
    pub description: String,
    /// How many conversations it leaves unexplained, over all lines of all windows, whatever their sign.
    pub unexplained: i64,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The windows that were judged, oldest first.
    pub windows: Vec<String>,
    /// What the report counts in them.
    pub official: i64,
    /// The best definitions, best first; there is always one.
    pub fits: Vec<Fit>,
    /// How many definitions were tried.
    pub tried: usize,
}

impl Found {
    /// The best.
    pub fn best(&self) -> &Fit {
        &self.fits[0]
    }

    /// The others that leave as little unexplained as the best: the numbers do not tell them apart.
    pub fn equally_good(&self) -> impl Iterator<Item = &Fit> {
        let best = self.best().unexplained;
        self.fits[1..]
            .iter()
            .filter(move |fit| fit.unexplained == best)
    }

    /// `the report matches "opened in the week, UTC"; 3 of 412 remain unexplained`.
    pub fn sentence(&self) -> String {
        self.words(self.best())
    }

    fn words(&self, fit: &Fit) -> String {
        let left = match fit.unexplained {
            0 => format!("all {} are explained", self.official),
            left => format!("{left} of {} remain unexplained", self.official),
        };
        format!(
            "the report matches \u{201c}{}\u{201d}; {left}",
            fit.description
        )
    }
}

/// Tries all sensible definitions. Nothing if the report has no window that is covered.
pub fn find(facts: &[Fact], search: &Search<'_>) -> Option<Found> {
    let board = Board::of(facts, search, None)?;
    let mut tried = board.try_all(search);
    let key = |(definition, left): &(Definition, i64)| board.key(definition, *left, search);
    tried.sort_by_cached_key(key);
    let count = tried.len();
    tried.truncate(TOLD_MAX);
    let cadence = search.report.cadence;
    let fit = |(definition, unexplained): (Definition, i64)| Fit {
        description: definition.describe(search.calendar, cadence, &board.occurring),
        definition,
        unexplained,
    };
    Some(Found {
        windows: board
            .windows
            .iter()
            .map(|one| one.window.key.clone())
            .collect(),
        official: board.official,
        fits: tried.into_iter().map(fit).collect(),
        tried: count,
    })
}

/// How well one definition fits, such as one that a person confirmed.
pub fn judge(facts: &[Fact], search: &Search<'_>, definition: &Definition) -> Option<Fit> {
    let board = Board::of(facts, search, Some(definition))?;
    Some(Fit {
        description: definition.describe(search.calendar, search.report.cadence, &board.occurring),
        unexplained: board.unexplained(definition),
        definition: definition.clone(),
    })
}

/// The definition by which a report is read: the one that a person confirmed, else the best.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// What was found.
    pub found: Found,
    /// The confirmed one.
    pub confirmed: Option<Fit>,
    /// Whether another one fits clearly better than the confirmed one.
    is_outdone: bool,
}

impl Chosen {
    /// The definition that holds.
    pub fn fit(&self) -> &Fit {
        self.confirmed.as_ref().unwrap_or_else(|| self.found.best())
    }

    /// What is to be told of it, with everything that fits as well.
    pub fn sentence(&self) -> String {
        if self.confirmed.is_some() {
            let words = self.found.words(self.fit());
            return format!("as confirmed, {words}");
        }
        let mut sentence = self.found.sentence();
        let equal: Vec<String> = self
            .found
            .equally_good()
            .map(|fit| format!("\u{201c}{}\u{201d}", fit.description))
            .collect();
        let (named, rest) = equal.split_at(equal.len().min(EQUAL_NAMED_MAX));
        let more = match rest.len() {
            0 => String::new(),
            count => format!(" and {count} more"),
        };
        match equal.len() {
            0 => {}
            1 => sentence.push_str(&format!("; {} fits equally well", equal[0])),
            _ => sentence.push_str(&format!("; {}{more} fit equally well", named.join(", "))),
        }
        sentence
    }

    /// Said loudly when the confirmed definition does not fit any more.
    pub fn warning(&self) -> Option<String> {
        let confirmed = self.confirmed.as_ref().filter(|_| self.is_outdone)?;
        let (best, official) = (self.found.best(), self.found.official);
        Some(format!(
            "the confirmed definition \u{201c}{}\u{201d} no longer fits: it leaves {} of {official} unexplained, and \
             \u{201c}{}\u{201d} {}",
            confirmed.description, confirmed.unexplained, best.description, best.unexplained,
        ))
    }
}

/// Finds the definition by which a report is read. Nothing if the report has no window that is covered.
pub fn choose(facts: &[Fact], search: &Search<'_>) -> Option<Chosen> {
    let found = find(facts, search)?;
    let confirmed = search.reading.confirmed.as_ref();
    let confirmed = confirmed.and_then(|definition| judge(facts, search, definition));
    let is_outdone = confirmed.as_ref().is_some_and(|confirmed| {
        is_better(found.best(), confirmed, found.official, search.calendar)
    });
    Some(Chosen {
        found,
        confirmed,
        is_outdone,
    })
}

/// From when to when all conversations are known, if these are all: whole windows of a cadence.
pub fn covered(
    facts: &[Fact],
    calendar: &Calendar,
    cadence: Cadence,
) -> (DateTime<Utc>, DateTime<Utc>) {
    let opened = facts.iter().map(|fact| fact.created_at);
    let (first, last) = (opened.clone().min(), opened.max());
    let window = |at: Option<DateTime<Utc>>| at.map(|at| calendar.window(cadence, at));
    (
        window(first).map_or(DateTime::<Utc>::MAX_UTC, |window| window.start),
        window(last).map_or(DateTime::<Utc>::MIN_UTC, |window| window.end),
    )
}

/// Whether the first is clearly better than the second: exact where that is not, or by more than its switches are worth.
pub fn is_better(one: &Fit, other: &Fit, official: i64, calendar: &Calendar) -> bool {
    cost(&one.definition, one.unexplained, official, calendar)
        < cost(&other.definition, other.unexplained, official, calendar)
}

/// Exact ones come first; of others, each switch must explain its share.
pub(super) fn cost(
    definition: &Definition,
    left: i64,
    official: i64,
    calendar: &Calendar,
) -> (bool, i64) {
    let switches = definition.switches(calendar);
    let worth = (official / SHARE_A_SWITCH).max(1);
    (
        left > 0,
        left.saturating_add(if left > 0 {
            worth.saturating_mul(switches)
        } else {
            0
        }),
    )
}

#[cfg(test)]
mod tests;

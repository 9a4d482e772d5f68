//! What only one side counts, conversation by conversation: under a report's definition each of them has exactly one cause in
//! each line.

use chrono::{DateTime, Utc};

use crate::model::{Calendar, ConversationKey, Fact, ReportBasis, ReportRow, State, Window};

use super::causes;
use super::definition::{Definition, Seen};
use super::lines::{LineKey, Lines};

/// One conversation that only one side counts in a line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unit {
    /// The line's key.
    pub line: LineKey,
    /// The cause's place in `causes::ALL`.
    pub(super) place: usize,
    /// +1 where only the report counts it, −1 where only we do.
    pub sign: i8,
    /// The conversation.
    pub key: ConversationKey,
}

impl Unit {
    /// The cause's name.
    pub fn cause(&self) -> &'static str {
        causes::ALL[self.place]
    }
}

/// What a report says of one window, and what it counts.
#[derive(Clone, Copy, Debug)]
pub struct Official<'a> {
    /// Its rows of the window.
    pub rows: &'a [ReportRow],
    /// What they count.
    pub definition: &'a Definition,
    /// When it was imported, if that is known.
    pub made_at: Option<DateTime<Utc>>,
}

/// Our window and theirs, which go by the same name.
pub(super) struct Periods<'w> {
    ours: &'w Window,
    theirs: (DateTime<Utc>, DateTime<Utc>),
    /// Theirs in their zone, were their weeks to begin with ours.
    in_zone: (DateTime<Utc>, DateTime<Utc>),
    moment: Option<DateTime<Utc>>,
}

fn lies_in(at: DateTime<Utc>, period: (DateTime<Utc>, DateTime<Utc>)) -> bool {
    period.0 <= at && at < period.1
}

impl<'w> Periods<'w> {
    pub fn of(official: &Official<'_>, window: &'w Window, calendar: &Calendar) -> Self {
        let definition = official.definition;
        let unshifted = Definition {
            week_shift: 0,
            ..definition.clone()
        };
        Self {
            ours: window,
            theirs: definition.period(window, calendar),
            in_zone: unshifted.period(window, calendar),
            moment: definition.moment(window, official.made_at),
        }
    }

    /// Spares a closer look at most facts.
    pub fn may_hold(&self, fact: &Fact) -> bool {
        let holds = |at: DateTime<Utc>| self.ours.contains(at) || lies_in(at, self.theirs);
        !fact.earlier.is_empty() || holds(fact.created_at) || fact.closed_at.is_some_and(holds)
    }

    /// Adds what only one side counts of a conversation: one cause for each line.
    pub fn units(
        &self,
        fact: &Fact,
        lines: &Lines,
        official: &Official<'_>,
        units: &mut Vec<Unit>,
    ) {
        let definition = official.definition;
        let seen = Seen::of(fact, self.moment);
        let at = match definition.basis {
            ReportBasis::Closed => seen.closed_at,
            _ => Some(seen.created_at),
        };
        let in_period = at.is_some_and(|at| lies_in(at, self.theirs));
        let is_counted = definition.counts(fact.kind, seen.excluded);
        let theirs = if in_period && is_counted {
            lines.theirs(&seen, &fact.tags, definition)
        } else {
            Vec::new()
        };
        let ours = is_ours(fact, self.ours).then(|| lines.of_category(fact.category.as_deref()));
        let mut add = |line: LineKey, cause: &str, sign: i8| {
            units.push(Unit {
                line,
                place: place_of(cause),
                sign,
                key: fact.key.clone(),
            });
        };
        let refiled = if definition.by_tags {
            causes::TAGS
        } else {
            causes::RECATEGORISED
        };
        match ours {
            Some(line) if theirs.is_empty() => {
                let cause = if !is_counted && definition.counts(fact.kind, None) {
                    causes::RESTORED
                } else if !is_counted {
                    causes::CALL_NOTES
                } else if !in_period {
                    self.not_in_theirs(at, definition)
                } else if line.is_some() {
                    refiled
                } else {
                    causes::NEVER_CATEGORISED
                };
                add(line, cause, -1);
            }
            Some(line) => {
                if !theirs.contains(&line) {
                    add(line.clone(), refiled, -1);
                }
                let others = theirs.into_iter().filter(|their| *their != line);
                others.for_each(|their| add(their, refiled, 1));
            }
            None => {
                let cause = match fact.state {
                    State::Excluded(reason) => reason.as_str(),
                    _ => self.only_in_theirs(at, definition),
                };
                theirs.into_iter().for_each(|their| add(their, cause, 1));
            }
        }
    }

    /// Why what we count was not in their period.
    fn not_in_theirs(&self, at: Option<DateTime<Utc>>, definition: &Definition) -> &'static str {
        match (at, definition.basis) {
            (Some(at), _) if self.ours.contains(at) => self.shift(at),
            (_, ReportBasis::Closed) => causes::CLOSED_LATER,
            // It is told to have been opened at another time now.
            _ => causes::RECATEGORISED,
        }
    }

    /// Why something was in their period that we do not count.
    fn only_in_theirs(&self, at: Option<DateTime<Utc>>, definition: &Definition) -> &'static str {
        match (at, definition.basis) {
            (Some(at), _) if !self.ours.contains(at) => self.shift(at),
            (_, ReportBasis::Closed) => causes::OPENED_EARLIER,
            _ => causes::RECATEGORISED,
        }
    }

    /// Which shift puts an instant into one of our periods and not into the other.
    fn shift(&self, at: DateTime<Utc>) -> &'static str {
        if lies_in(at, self.in_zone) == lies_in(at, self.theirs) {
            causes::TIME_ZONE
        } else {
            causes::WEEK_START
        }
    }
}

pub(super) fn is_ours(fact: &Fact, window: &Window) -> bool {
    window.contains(fact.created_at) && !matches!(fact.state, State::Excluded(_))
}

pub(super) fn place_of(cause: &str) -> usize {
    let place = causes::ALL.iter().position(|name| *name == cause);
    place.expect("every cause that is made has a name in the list")
}

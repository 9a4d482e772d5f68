//! What an official report counts: by opening or by solving, in which time zone, with or without calls, spam and so on. A
//! definition says of any conversation under which lines of the report it is counted, if at all.

use std::collections::BTreeSet;
use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::model::{
    Cadence, Calendar, Exclusion, Fact, Kind, ReportBasis, State, WeekStart, Window,
};

/// When the report looked at the conversations: what was recategorised or deleted afterwards, it counts as it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum AsOf {
    /// It follows every change.
    #[default]
    Now,
    /// When it was imported.
    Imported,
    /// When its window ended.
    WindowEnd,
}

/// What a report counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Definition {
    /// By opening or by closing.
    pub basis: ReportBasis,
    /// In which its days begin.
    pub zone: Tz,
    /// Its weeks begin so many days after ours: a report by weeks from Sunday has −1 or 6 where ours start on Monday.
    pub week_shift: i8,
    /// As of when.
    pub as_of: AsOf,
    /// Whether a conversation is counted under each of its tags, and not under its category.
    pub by_tags: bool,
    /// Whether calls are in it.
    pub with_calls: bool,
    /// Which conversations are in it that do not count for us.
    pub with_excluded: BTreeSet<Exclusion>,
}

/// What occurs among the conversations, so that saying "with" or "without" it means something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Occurring {
    /// Call notes.
    pub calls: bool,
    /// Exclusions.
    pub excluded: BTreeSet<Exclusion>,
}

impl Occurring {
    /// What occurs among these.
    pub fn among<'f>(facts: impl IntoIterator<Item = &'f Fact>) -> Self {
        let mut occurring = Self::default();
        for fact in facts {
            occurring.calls |= fact.kind == Kind::CallNote;
            if let State::Excluded(reason) = fact.state {
                occurring.excluded.insert(reason);
            }
        }
        occurring
    }
}

/// How an exclusion is called in a definition's words.
fn noun(reason: Exclusion) -> &'static str {
    match reason {
        Exclusion::Spam => "spam",
        Exclusion::Deleted => "deleted",
        Exclusion::Merged => "merged",
        Exclusion::Automatic => "automatic mail",
        Exclusion::Empty => "empty ones",
    }
}

impl Definition {
    /// Ours: what a window of this calendar counts.
    pub fn ours(calendar: &Calendar) -> Self {
        Self {
            basis: ReportBasis::Opened,
            zone: calendar.zone,
            week_shift: 0,
            as_of: AsOf::Now,
            by_tags: false,
            with_calls: true,
            with_excluded: BTreeSet::new(),
        }
    }

    /// What it counts, for people: `solved in the week, America/New_York, without merged`.
    pub fn describe(&self, calendar: &Calendar, cadence: Cadence, occurring: &Occurring) -> String {
        let verb = match self.basis {
            ReportBasis::Closed => "solved",
            _ => "opened",
        };
        let mut words = format!("{verb} in the {}, {}", cadence.noun(), self.zone);
        if self.week_shift != 0 {
            words.push_str(match calendar.week_start {
                WeekStart::Monday => ", weeks from Sunday",
                WeekStart::Sunday => ", weeks from Monday",
            });
            if self.week_shift.abs() == 6 {
                words.push_str(" named by their first or last day");
            }
        }
        match self.as_of {
            AsOf::Now => {}
            AsOf::Imported => words.push_str(", as it was when the report was imported"),
            AsOf::WindowEnd => {
                words.push_str(&format!(", as it was when the {} ended", cadence.noun()));
            }
        }
        if self.by_tags {
            words.push_str(", counted under each tag");
        }
        let kinds = [("call notes", occurring.calls, self.with_calls)].into_iter();
        let excluded = Exclusion::ALL.into_iter().map(|reason| {
            let occurs = occurring.excluded.contains(&reason);
            (noun(reason), occurs, self.with_excluded.contains(&reason))
        });
        let kinds: Vec<_> = kinds.chain(excluded).collect();
        for (word, is_in) in [("with", true), ("without", false)] {
            let named: Vec<&str> = kinds
                .iter()
                .filter(|(_, occurs, with)| (*occurs || is_in && *with) && *with == is_in)
                .map(|(name, _, _)| *name)
                .filter(|name| !(is_in && *name == "call notes"))
                .collect();
            if !named.is_empty() {
                words.push_str(&format!(", {word} {}", named.join(", ")));
            }
        }
        words
    }

    /// In how much it differs from ours: the fewer, the likelier.
    pub fn switches(&self, calendar: &Calendar) -> i64 {
        let of = |is_on: bool, weight: i64| if is_on { weight } else { 0 };
        // A zone or a tag has many neighbours that might fit by chance; with or without calls has one.
        of(self.basis == ReportBasis::Closed, 1)
            + of(self.zone != calendar.zone, 2)
            + of(self.week_shift != 0, 2)
            + of(self.as_of != AsOf::Now, 1)
            + of(self.by_tags, 2)
            + of(!self.with_calls, 1)
            + self.with_excluded.len() as i64
    }

    /// The instants between which it counts what a window of ours is called.
    pub fn period(&self, window: &Window, calendar: &Calendar) -> (DateTime<Utc>, DateTime<Utc>) {
        let theirs = Calendar {
            zone: self.zone,
            week_start: calendar.week_start,
        };
        let same = theirs
            .parse(window.cadence, &window.key)
            .unwrap_or_else(|| window.clone());
        let shift = match window.cadence {
            Cadence::Weekly => self.week_shift,
            Cadence::Daily | Cadence::Monthly => 0,
        };
        (
            days_after(&theirs, same.start, shift),
            days_after(&theirs, same.end, shift),
        )
    }

    /// The instant as of which it counts; none for "now".
    pub fn moment(&self, window: &Window, made_at: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
        match self.as_of {
            AsOf::Now => None,
            AsOf::Imported => made_at,
            AsOf::WindowEnd => Some(window.end),
        }
    }

    /// Whether it counts what looks so, whatever the time.
    pub fn counts(&self, kind: Kind, excluded: Option<Exclusion>) -> bool {
        (self.with_calls || kind != Kind::CallNote)
            && excluded.is_none_or(|reason| self.with_excluded.contains(&reason))
    }
}

/// The first instant of the day so many days after one that a day begins with.
fn days_after(calendar: &Calendar, day_begins: DateTime<Utc>, days: i8) -> DateTime<Utc> {
    let mut day = calendar.window(Cadence::Daily, day_begins);
    for _ in 0..days.unsigned_abs() {
        day = if days > 0 {
            calendar.next(&day)
        } else {
            calendar.previous(&day)
        };
    }
    day.start
}

/// How far a definition's period may reach beyond our window of the same name, at most: weeks by six days, zones by one.
pub const REACH: TimeDelta = TimeDelta::days(7);

/// A conversation as a report saw it at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen<'f> {
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// When it was solved or closed.
    pub closed_at: Option<DateTime<Utc>>,
    /// Its category.
    pub category: Option<&'f str>,
    /// Why it did not count, if it did not.
    pub excluded: Option<Exclusion>,
}

impl<'f> Seen<'f> {
    /// As of a moment; of none, as it is now.
    pub fn of(fact: &'f Fact, moment: Option<DateTime<Utc>>) -> Self {
        let earlier = moment.and_then(|moment| fact.earlier.iter().find(|one| one.until > moment));
        match earlier {
            Some(earlier) => Self {
                created_at: earlier.created_at,
                closed_at: earlier.closed_at,
                category: earlier.category.as_deref(),
                excluded: earlier.exclusion,
            },
            None => Self {
                created_at: fact.created_at,
                closed_at: fact.closed_at,
                category: fact.category.as_deref(),
                excluded: match fact.state {
                    State::Excluded(reason) => Some(reason),
                    _ => None,
                },
            },
        }
    }
}

impl fmt::Display for Definition {
    /// Its short form, as commands take it: `solved,zone=America/New_York,with=merged`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let basis = match self.basis {
            ReportBasis::Closed => "solved",
            _ => "opened",
        };
        write!(f, "{basis},zone={}", self.zone)?;
        if self.week_shift != 0 {
            write!(f, ",weeks={:+}", self.week_shift)?;
        }
        match self.as_of {
            AsOf::Now => {}
            AsOf::Imported => f.write_str(",as-of=import")?,
            AsOf::WindowEnd => f.write_str(",as-of=end")?,
        }
        if self.by_tags {
            f.write_str(",by=tags")?;
        }
        if !self.with_calls {
            f.write_str(",without=calls")?;
        }
        for reason in &self.with_excluded {
            write!(f, ",with={}", reason.as_str())?;
        }
        Ok(())
    }
}

impl From<Definition> for String {
    fn from(definition: Definition) -> Self {
        definition.to_string()
    }
}

impl TryFrom<String> for Definition {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl std::str::FromStr for Definition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut definition = Self::ours(&Calendar::default());
        let mut has_zone = false;
        for part in text.split(',').map(str::trim) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            match (name, value) {
                ("opened", "") => definition.basis = ReportBasis::Opened,
                ("solved", "") => definition.basis = ReportBasis::Closed,
                ("zone", zone) => {
                    has_zone = true;
                    definition.zone = zone
                        .parse()
                        .map_err(|_| format!("{zone} is no time zone; give an IANA name"))?;
                }
                ("weeks", "-6" | "-1" | "+1" | "+6") => {
                    definition.week_shift = value.parse().map_err(|_| unknown(part))?;
                }
                ("as-of", "import") => definition.as_of = AsOf::Imported,
                ("as-of", "end") => definition.as_of = AsOf::WindowEnd,
                ("by", "tags") => definition.by_tags = true,
                ("without", "calls") => definition.with_calls = false,
                ("with", reason) => {
                    let reason = Exclusion::parse(reason).ok_or_else(|| unknown(part))?;
                    definition.with_excluded.insert(reason);
                }
                _ => return Err(unknown(part)),
            }
        }
        if has_zone {
            Ok(definition)
        } else {
            Err("a definition names its time zone, as in opened,zone=Europe/Berlin".to_owned())
        }
    }
}

fn unknown(part: &str) -> String {
    format!(
        "\"{part}\" is no part of a definition; known: opened, solved, zone=NAME, weeks=-1, as-of=import, as-of=end, \
         by=tags, without=calls, with=spam, with=deleted, with=merged, with=automatic, with=empty"
    )
}

#[cfg(test)]
pub(crate) use tests::any_definition;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconcile::testing::week;
    use proptest::prelude::*;

    #[test]
    fn a_definition_is_said_in_words() {
        let calendar = Calendar::default();
        let definition: Definition =
            "solved,zone=America/New_York,weeks=-1,without=calls,with=spam"
                .parse()
                .unwrap();
        let occurring = Occurring {
            calls: true,
            excluded: [Exclusion::Spam, Exclusion::Merged].into(),
        };
        assert_eq!(
            definition.describe(&calendar, Cadence::Weekly, &occurring),
            "solved in the week, America/New_York, weeks from Sunday, with spam, without call notes, merged"
        );
        assert_eq!(
            Definition::ours(&calendar).describe(&calendar, Cadence::Daily, &Occurring::default()),
            "opened in the day, UTC"
        );
    }

    #[test]
    fn weeks_from_sunday_reach_a_day_back_and_zones_shift_the_hours() {
        let calendar = Calendar::default();
        let sunday: Definition = "opened,zone=America/New_York,weeks=-1".parse().unwrap();
        let (start, end) = sunday.period(&week(), &calendar);
        assert_eq!(
            start,
            "2026-03-22T04:00:00Z".parse::<DateTime<Utc>>().unwrap()
        );
        assert_eq!(end - start, TimeDelta::days(7));
        assert_eq!(
            Definition::ours(&calendar).period(&week(), &calendar),
            (week().start, week().end)
        );
    }

    #[test]
    fn what_is_not_a_definition_is_told() {
        let wrong = |text: &str| text.parse::<Definition>().unwrap_err();
        assert!(wrong("opened").contains("names its time zone"));
        assert!(wrong("opened,zone=Nowhere").contains("Nowhere is no time zone"));
        assert!(wrong("opened,zone=UTC,with=magic").contains("\"with=magic\" is no part"));
        assert!(wrong("opened,zone=UTC,weeks=+3").contains("\"weeks=+3\" is no part"));
    }

    pub fn any_definition() -> impl Strategy<Value = Definition> {
        (
            prop::sample::select(vec![ReportBasis::Opened, ReportBasis::Closed]),
            prop::sample::select(vec![Tz::UTC, Tz::America__New_York, Tz::Asia__Tokyo]),
            prop::sample::select(vec![0_i8, -1, 6]),
            prop::sample::select(vec![AsOf::Now, AsOf::Imported, AsOf::WindowEnd]),
            (any::<bool>(), any::<bool>()),
            prop::collection::btree_set(prop::sample::select(Exclusion::ALL.to_vec()), 0..4),
        )
            .prop_map(
                |(basis, zone, week_shift, as_of, (by_tags, with_calls), with_excluded)| {
                    Definition {
                        basis,
                        zone,
                        week_shift,
                        as_of,
                        by_tags,
                        with_calls,
                        with_excluded,
                    }
                },
            )
    }

    proptest! {
        #[test]
        fn the_short_form_is_read_back(definition in any_definition()) {
            prop_assert_eq!(definition.to_string().parse::<Definition>(), Ok(definition.clone()));
            let json = serde_json::to_string(&definition).unwrap();
            prop_assert_eq!(serde_json::from_str::<Definition>(&json).unwrap(), definition);
        }
    }
}

//! How a list is followed from run to run: six kinds of cursor, and the sweep. Pure: a walk is a small value that lies in
//! the database as JSON and moves in the transaction that writes a page.
//!
//! All kinds that go by time share three rules. A run begins a little before the end of the last one, because rows
//! appear late and clocks differ. What lies in that overlap and was read when it had settled is not read again. And a
//! run's bounds stay as they are until it is over, whatever the clock does.

use std::collections::BTreeMap;

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::looks::Looks;
use super::paging::{Paging, Position};
use super::slice::look;
use super::stream::{Follow, Span, Stream, Touched};
use crate::connectors::PullError;

/// A record may be changed twice in one tick of the helpdesk's clock; after this long its stamp says all.
pub(super) const SETTLED: TimeDelta = TimeDelta::minutes(2);

/// So many records of an overlap are remembered; more are read again.
pub(super) const SETTLED_MAX: usize = 5_000;

/// A window of fixed bounds is not cut below this.
const WINDOW_MIN: TimeDelta = TimeDelta::seconds(2);

/// A place that a server forgot lets the run start again so often.
const RESTARTS_MAX: u32 = 3;

/// How far a list was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walk {
    /// The run's lower bound.
    pub(super) from: Option<DateTime<Utc>>,
    /// The run's upper bound.
    pub(super) until: Option<DateTime<Utc>>,
    /// Where the last window of the run ends: fixed when it begins, so that the next run's overlap covers all that this one
    /// could not see yet.
    pub(super) goal: Option<DateTime<Utc>>,
    /// The server's token, or the last id of a log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) after: Option<String>,
    /// The page to read next; none at the start of a run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) position: Option<Position>,
    /// The newest stamp that was seen.
    pub(super) newest: Option<DateTime<Utc>>,
    /// Pages read since the start of the run, or since it started anew.
    #[serde(default)]
    pub(super) pages: u32,
    #[serde(default)]
    pub(super) restarts: u32,
    /// Records of the overlap that were read once they had settled, with their stamps.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) settled: BTreeMap<String, i64>,
    /// Calls that are listed again and again.
    #[serde(default, skip_serializing_if = "Looks::is_empty")]
    pub(super) looks: Looks,
    /// In history: how the last page looked, by a hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) shown: Option<u32>,
    /// In history: whether the page is asked for a second time.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) is_checked: bool,
    /// Whether the run is over.
    #[serde(default)]
    pub is_done: bool,
}

/// What a page brought, as far as the walk needs to know.
pub struct Turned<'a> {
    /// The rows, in their order.
    pub rows: &'a [Touched],
    /// Those that could not be read now.
    pub parked: &'a [String],
    /// The page behind it.
    pub next: Option<Position>,
    /// The server's token, also on the last page.
    pub token: Option<String>,
}

impl Walk {
    /// Begins a run: `first` is where the very first one starts.
    pub fn begin(
        &mut self,
        stream: &Stream,
        first: DateTime<Utc>,
        overlap: TimeDelta,
        now: DateTime<Utc>,
    ) {
        let last_until = self.until;
        let is_early = last_until.is_some_and(|last| last + stream.pause > now);
        if !stream.pause.is_zero() && is_early {
            self.is_done = true;
            return;
        }
        (self.position, self.pages, self.restarts, self.is_done) = (None, 0, 0, false);
        match &stream.follow {
            Follow::Token => self.from = self.from.or(Some(first)),
            Follow::Log { overlap } => {
                let last = self
                    .after
                    .as_ref()
                    .and_then(|after| after.parse::<u64>().ok());
                self.position =
                    last.map(|last| Position::Key(last.saturating_sub(*overlap).to_string()));
                self.from = self.from.or(Some(first));
            }
            Follow::Since | Follow::Newest => {
                // What a run passed was whole up to a little before its begin; the newest stamp is by their clock.
                let passed = self
                    .newest
                    .map(|newest| self.goal.map_or(newest, |goal| newest.min(goal)));
                // A run that met nothing is begun again where it began: what is older is not its own.
                let begun = self.from.unwrap_or(first);
                self.from = Some(passed.map_or(begun, |passed| (passed - overlap).max(first)));
                (self.until, self.goal) = (Some(now), Some(now));
            }
            Follow::Window { longest } => {
                let from = last_until.map_or(first, |until| until - overlap);
                self.bound(from, *longest, now);
            }
            Follow::Trailing { again, longest } => {
                let from = last_until.map_or(first, |until| until - *again);
                self.bound(from, *longest, now);
            }
            Follow::Sweep { every, .. } => {
                self.is_done = last_until.is_some_and(|last| last + *every > now);
                if !self.is_done {
                    (self.from, self.until) = (Some(now), Some(now));
                }
            }
        }
        self.looks.forget_before(self.from.unwrap_or(now));
        let from = self.from.map_or(i64::MIN, |from| from.timestamp_micros());
        if !matches!(stream.follow, Follow::Log { .. }) {
            self.settled.retain(|_, stamp| *stamp >= from);
        }
    }

    fn bound(&mut self, from: DateTime<Utc>, longest: TimeDelta, goal: DateTime<Utc>) {
        let goal = goal.max(from);
        (self.from, self.until) = (Some(from), Some((from + longest).min(goal)));
        self.goal = Some(goal);
    }

    /// What the next request should list.
    pub fn span(&self, now: DateTime<Utc>) -> Span {
        let after = match &self.position {
            Some(Position::Key(key)) => Some(key.clone()),
            _ => self.after.clone(),
        };
        Span {
            from: self.from.unwrap_or(now),
            until: self.until.unwrap_or(now),
            after,
        }
    }

    /// The page to read next.
    pub fn position(&self) -> Option<&Position> {
        self.position.as_ref()
    }

    /// When a sweep began.
    pub fn started_at(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        self.from.unwrap_or(now)
    }

    /// Whether a row was read before and cannot have changed since.
    pub fn knows(&self, stream: &Stream, row: &Touched, now: DateTime<Utc>) -> bool {
        match stream.follow {
            Follow::Sweep { .. } => false,
            Follow::Trailing { .. } => self.looks.knows(row, now),
            Follow::Log { .. } => row
                .key
                .as_ref()
                .is_some_and(|key| self.settled.contains_key(key)),
            _ => {
                let stamp = row.at.map(|at| at.timestamp_micros());
                stamp.is_some() && self.settled.get(&row.id) == stamp.as_ref()
            }
        }
    }

    /// Moves on by a page. `end` is the upper bound of a slice of history, where one is read.
    pub fn turn(
        &mut self,
        stream: &Stream,
        turned: Turned<'_>,
        end: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Result<(), PullError> {
        let before = end.map(|_| (self.clone(), look(turned.rows)));
        let is_end = turned.next.is_none();
        self.go_on(stream, turned, end, now)?;
        if let Some((before, shown)) = before {
            self.doubt(before, is_end, shown);
        }
        Ok(())
    }

    fn go_on(
        &mut self,
        stream: &Stream,
        turned: Turned<'_>,
        end: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Result<(), PullError> {
        let stamps = || turned.rows.iter().filter_map(|row| row.at);
        let (oldest, newest) = (stamps().min(), stamps().max());
        self.newest = self.newest.max(newest);
        self.remember(stream, &turned, now);
        let was_counted = self.position.is_some();
        self.position = turned.next;
        self.pages += 1;
        match &stream.follow {
            Follow::Token => {
                let is_same = turned.token.is_some() && turned.token == self.after;
                // Some lists always have a next address: one that stays the same is their end.
                let is_stuck = matches!(stream.paging, Paging::TokenInUrl { .. }) && is_same;
                if is_same && !is_stuck && self.position.is_some() && !turned.rows.is_empty() {
                    let reason =
                        format!("{}: the page repeats, it leads back to itself", stream.name);
                    return Err(PullError::Malformed(reason));
                }
                self.is_done = self.position.is_none() || is_stuck;
                self.after = turned.token.or(self.after.take());
                // The token is the place, here and in the next run.
                self.position = None;
            }
            Follow::Log { .. } => {
                let ids = turned
                    .rows
                    .iter()
                    .filter_map(|row| row.key.as_ref()?.parse::<u64>().ok());
                let before = self.after.as_ref().and_then(|after| after.parse().ok());
                self.after = ids.chain(before).max().map(|last: u64| last.to_string());
                self.is_done = self.position.is_none();
            }
            Follow::Since => {
                self.is_done = self.position.is_none();
                if !self.is_done && stream.paging.moves() {
                    self.go_on_by_time(was_counted, newest);
                }
            }
            Follow::Sweep { .. } => self.is_done = self.position.is_none(),
            Follow::Newest => {
                let is_down =
                    oldest.is_some_and(|oldest| self.from.is_some_and(|from| oldest < from));
                self.is_done = is_down || self.position.is_none();
            }
            Follow::Window { longest } | Follow::Trailing { longest, .. } => {
                let until = self.until.unwrap_or(now);
                let goal = self.goal.unwrap_or(until);
                if self.position.is_none() && until < goal {
                    self.bound(until, *longest, goal);
                    self.pages = 0;
                } else {
                    self.is_done = self.position.is_none();
                }
            }
        }
        let is_ascending = matches!(stream.follow, Follow::Token | Follow::Since);
        if is_ascending && end.is_some_and(|end| newest.is_some_and(|newest| newest >= end)) {
            self.is_done = true;
        }
        if self.is_done {
            (self.pages, self.restarts) = (0, 0);
        }
        let is_full = stream.pages_max.is_some_and(|most| self.pages >= most);
        if !self.is_done && is_full && self.position.is_some() {
            self.narrow(stream)
        } else {
            Ok(())
        }
    }

    fn remember(&mut self, stream: &Stream, turned: &Turned<'_>, now: DateTime<Utc>) {
        let read = turned
            .rows
            .iter()
            .filter(|row| !turned.parked.contains(&row.id));
        if let Follow::Log { overlap } = stream.follow {
            let ids = read.filter_map(|row| row.key.as_ref()?.parse::<u64>().ok());
            self.settled
                .extend(ids.map(|id| (id.to_string(), id as i64)));
            let last = self.settled.values().max().copied().unwrap_or(0);
            let overlap = i64::try_from(overlap).unwrap_or(i64::MAX);
            self.settled
                .retain(|_, id| id.saturating_add(overlap) > last);
            return;
        }
        match stream.follow {
            Follow::Trailing { .. } => {
                return self.looks.remember(turned.rows, turned.parked, now);
            }
            Follow::Sweep { .. } | Follow::Token => return,
            _ => {}
        }
        for row in read {
            match row.at {
                Some(at) if at < now - SETTLED => {
                    self.settled.insert(row.id.clone(), at.timestamp_micros());
                }
                _ => {
                    self.settled.remove(&row.id);
                }
            }
        }
        while self.settled.len() > SETTLED_MAX {
            let oldest = self.settled.iter().min_by_key(|(_, stamp)| **stamp);
            let Some(id) = oldest.map(|(id, _)| id.clone()) else {
                break;
            };
            self.settled.remove(&id);
        }
    }

    /// The server refuses to go on in this list: it is asked for less, or from the start of the run.
    pub fn refused(&mut self, stream: &Stream) -> Result<(), PullError> {
        // Behind the newest row is a place that needs no memory of the server's.
        let is_ahead = stream.follow == Follow::Since && self.newest > self.from;
        if stream.paging.is_counted() || is_ahead {
            return self.narrow(stream);
        }
        self.restarts += 1;
        self.position = None;
        if self.restarts > RESTARTS_MAX {
            let reason = format!(
                "{}: the server forgets its place in the list again and again",
                stream.name
            );
            return Err(PullError::Malformed(reason));
        }
        Ok(())
    }

    /// Rows move to the end while pages are read, so a page by its number would leave some out: the next page begins at
    /// the newest time, unless all rows of this one share it. Behind a time that fills pages by number, what follows it
    /// may have moved up unseen.
    fn go_on_by_time(&mut self, was_counted: bool, newest: Option<DateTime<Utc>>) {
        let Some((from, newest)) = self.from.zip(newest).filter(|(from, newest)| newest > from)
        else {
            return;
        };
        self.from = Some(if was_counted {
            behind(from, newest)
        } else {
            newest
        });
        (self.position, self.pages) = (None, 0);
    }

    /// Less at once: what is behind the newest row, or half of the window.
    fn narrow(&mut self, stream: &Stream) -> Result<(), PullError> {
        let stuck = || {
            let reason = format!(
                "{}: more records share one time than the server lists",
                stream.name
            );
            PullError::Malformed(reason)
        };
        (self.position, self.pages) = (None, 0);
        match stream.follow {
            Follow::Since => {
                let newest = self
                    .newest
                    .filter(|newest| self.from.is_none_or(|from| *newest > from));
                self.from = Some(newest.ok_or_else(stuck)?);
            }
            Follow::Window { .. } | Follow::Trailing { .. } => {
                let (Some(from), Some(until)) = (self.from, self.until) else {
                    return Err(stuck());
                };
                if until - from <= WINDOW_MIN {
                    return Err(stuck());
                }
                self.until = Some(from + (until - from) / 2);
            }
            _ => return Err(stuck()),
        }
        Ok(())
    }
}

/// The next instant that the clock behind these stamps shows: most count whole seconds.
fn behind(at: DateTime<Utc>, stamp: DateTime<Utc>) -> DateTime<Utc> {
    if stamp.timestamp_subsec_nanos() == 0 {
        at.trunc_subsecs(0) + TimeDelta::seconds(1)
    } else {
        at + TimeDelta::milliseconds(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::engine::Place;
    use proptest::prelude::*;

    const OVERLAP: TimeDelta = TimeDelta::minutes(10);
    const BY_NUMBER: Paging = Paging::Offset {
        to: Place::Query("offset"),
    };

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_780_000_000 + second, 0).unwrap()
    }

    /// A server's list: the stamps that each record had, and from when on the list shows them.
    #[derive(Clone, Debug, Default)]
    struct Server {
        rows: BTreeMap<u32, Vec<(i64, i64)>>,
    }

    impl Server {
        /// A page as the follow kind asks for it, and where the next one is.
        fn page(
            &self,
            stream: &Stream,
            walk: &Walk,
            size: usize,
            now: i64,
        ) -> (Vec<Touched>, Option<Position>) {
            let span = walk.span(at(now));
            let shown = |(id, stamps): (&u32, &Vec<(i64, i64)>)| {
                let shown = stamps.iter().rev().find(|(_, listed)| *listed <= now)?;
                Some((shown.0, *id))
            };
            let mut rows: Vec<(i64, u32)> = self.rows.iter().filter_map(shown).collect();
            rows.sort_unstable();
            match stream.follow {
                Follow::Newest => rows.reverse(),
                Follow::Since => rows.retain(|(stamp, _)| at(*stamp) >= span.from),
                Follow::Window { .. } => {
                    rows.retain(|(stamp, _)| (span.from..=span.until).contains(&at(*stamp)));
                    rows.sort_unstable_by_key(|(_, id)| *id);
                    let last: u32 = span.after.as_ref().map_or(0, |key| key.parse().unwrap());
                    rows.retain(|(_, id)| *id > last);
                }
                _ => {}
            }
            let skip = match walk.position() {
                Some(Position::Offset(rows)) => usize::try_from(*rows).unwrap(),
                _ => 0,
            };
            let page: Vec<(i64, u32)> = rows.into_iter().skip(skip).take(size).collect();
            let next = match (page.last(), stream.paging) {
                (None, _) => None,
                (Some((_, id)), Paging::Keyset) => Some(Position::Key(id.to_string())),
                _ => Some(Position::Offset((skip + page.len()) as u64)),
            };
            let touched = |(stamp, id): (i64, u32)| Touched::new(id.to_string(), Some(at(stamp)));
            (page.into_iter().map(touched).collect(), next)
        }
    }

    /// What people do between two pages.
    #[derive(Clone, Debug)]
    enum Act {
        Touch(u32),
        /// Shown only so many seconds later.
        Late(u32, i64),
        Wait(i64),
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            4 => (1..12_u32).prop_map(Act::Touch),
            2 => (1..12_u32, 0..400_i64).prop_map(|(id, lag)| Act::Late(id, lag)),
            3 => (0..900_i64).prop_map(Act::Wait),
        ]
    }

    /// Follows a list while people work; true when every record was read in its last state.
    fn follows(
        stream: &Stream,
        acts: &[Act],
        per_page: usize,
        size: usize,
    ) -> Result<(), TestCaseError> {
        let (mut server, mut now, mut walk) = (
            Server::default(),
            1_000,
            Walk {
                is_done: true,
                ..Walk::default()
            },
        );
        let mut read: BTreeMap<String, i64> = BTreeMap::new();
        let mut acts = acts.chunks(per_page.max(1));
        let mut calm = 0;
        for _ in 0..600 {
            match acts.next() {
                Some(acts) => {
                    for act in acts {
                        now += 1;
                        match act {
                            Act::Touch(id) => server.rows.entry(*id).or_default().push((now, now)),
                            Act::Late(id, lag) => {
                                server.rows.entry(*id).or_default().push((now, now + lag))
                            }
                            Act::Wait(seconds) => now += seconds,
                        }
                    }
                }
                None => (now, calm) = (now + 450, calm + 1),
            }
            if walk.is_done {
                if calm > 40 {
                    break;
                }
                walk.begin(stream, at(0), OVERLAP, at(now));
            }
            let (rows, next) = server.page(stream, &walk, size, now);
            for row in rows.iter().filter(|row| !walk.knows(stream, row, at(now))) {
                let stamps = &server.rows[&row.id.parse::<u32>().unwrap()];
                let stamp = stamps.last().unwrap().0;
                read.insert(row.id.clone(), stamp);
            }
            let turned = Turned {
                rows: &rows,
                parked: &[],
                next,
                token: None,
            };
            walk.turn(stream, turned, None, at(now)).unwrap();
        }
        for (id, stamps) in &server.rows {
            let (read, last) = (
                read.get(&id.to_string()),
                stamps.last().map(|(stamp, _)| stamp),
            );
            prop_assert_eq!(read, last, "record {} of {}", id, stream.name);
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

        #[test]
        fn whatever_people_do_between_pages_no_change_is_missed(
            acts in proptest::collection::vec(act(), 0..60),
            per_page in 0..4_usize,
            size in 2..6_usize,
        ) {
            let longest = TimeDelta::hours(2);
            for stream in [
                Stream::new("since", Follow::Since, BY_NUMBER, ""),
                Stream::new("window", Follow::Window { longest }, Paging::Keyset, ""),
                Stream::new("newest", Follow::Newest, BY_NUMBER, ""),
            ] {
                follows(&stream, &acts, per_page, size)?;
            }
        }
    }

    fn walked(
        stream: &Stream,
        walk: &mut Walk,
        stamps: &[(i64, &str)],
        next: Option<Position>,
        now: i64,
    ) {
        let row = |(second, id): &(i64, &str)| Touched {
            key: Some((*id).to_owned()),
            ..Touched::new(*id, Some(at(*second)))
        };
        let rows: Vec<Touched> = stamps.iter().map(row).collect();
        let turned = Turned {
            rows: &rows,
            parked: &[],
            next,
            token: Some("t".to_owned()),
        };
        walk.turn(stream, turned, None, at(now)).unwrap();
    }

    /// A start between two seconds must not be crept up on by milliseconds.
    #[test]
    fn a_start_between_two_ticks_of_their_clock_is_passed_at_once() {
        let stream = Stream::new("since", Follow::Since, BY_NUMBER, "");
        let mut walk = Walk::default();
        let first = at(0) + TimeDelta::milliseconds(123);
        walk.begin(&stream, first, OVERLAP, at(100));
        walked(
            &stream,
            &mut walk,
            &[(0, "a"), (0, "b")],
            Some(Position::Offset(2)),
            100,
        );
        assert_eq!(walk.position(), Some(&Position::Offset(2)));
        walked(
            &stream,
            &mut walk,
            &[(0, "c"), (3, "d")],
            Some(Position::Offset(4)),
            100,
        );
        assert_eq!((walk.span(at(100)).from, walk.position()), (at(1), None));
    }

    #[test]
    fn a_log_is_read_on_behind_its_last_id_and_again_a_little_before_it() {
        let stream = Stream::new("log", Follow::Log { overlap: 3 }, Paging::Keyset, "");
        let mut walk = Walk::default();
        walk.begin(&stream, at(0), OVERLAP, at(100));
        assert_eq!(walk.span(at(100)).after, None);
        walked(
            &stream,
            &mut walk,
            &[(1, "7"), (2, "9")],
            Some(Position::Key("9".into())),
            100,
        );
        assert_eq!(
            (walk.span(at(100)).after.as_deref(), walk.is_done),
            (Some("9"), false)
        );
        walked(&stream, &mut walk, &[], None, 100);
        assert!(walk.is_done);
        walk.begin(&stream, at(0), OVERLAP, at(200));
        assert_eq!(walk.span(at(200)).after.as_deref(), Some("6"));
        let row = |id: &str| Touched {
            key: Some(id.to_owned()),
            ..Touched::new("t", None)
        };
        assert!(walk.knows(&stream, &row("9"), at(200)) && walk.knows(&stream, &row("7"), at(200)));
        assert!(
            !walk.knows(&stream, &row("8"), at(200)),
            "an id that appeared late"
        );
    }

    #[test]
    fn a_token_is_kept_across_runs_and_a_sweep_waits_for_its_day() {
        let paging = Paging::Token {
            at: "/next",
            to: Place::Query("cursor"),
            over: "/end",
        };
        let stream = Stream::new("export", Follow::Token, paging, "");
        let mut walk = Walk::default();
        walk.begin(&stream, at(0), OVERLAP, at(100));
        assert_eq!(
            (walk.span(at(100)).from, walk.span(at(100)).after),
            (at(0), None)
        );
        walked(&stream, &mut walk, &[(1, "a")], None, 100);
        assert!(walk.is_done);
        walk.begin(&stream, at(0), OVERLAP, at(200));
        assert_eq!(walk.span(at(200)).after.as_deref(), Some("t"));

        let sweep = Follow::Sweep {
            every: TimeDelta::days(7),
            prefix: "",
        };
        let stream = Stream::new("all", sweep, BY_NUMBER, "");
        let (mut walk, week) = (Walk::default(), 7 * 86_400);
        walk.begin(&stream, at(0), OVERLAP, at(100));
        assert!(!walk.is_done);
        walked(&stream, &mut walk, &[], None, 100);
        walk.begin(&stream, at(0), OVERLAP, at(week));
        assert!(walk.is_done, "not yet");
        walk.begin(&stream, at(0), OVERLAP, at(week + 100));
        assert!(!walk.is_done);
    }

    #[test]
    fn notes_that_come_after_a_call_are_met_again_for_days() {
        let (again, longest) = (TimeDelta::days(3), TimeDelta::days(30));
        let stream = Stream::new("calls", Follow::Trailing { again, longest }, BY_NUMBER, "");
        let mut walk = Walk::default();
        let day = 86_400;
        walk.begin(&stream, at(0), OVERLAP, at(10 * day));
        walked(&stream, &mut walk, &[(9 * day, "c")], None, 10 * day);
        assert!(walk.is_done);
        walk.begin(&stream, at(0), OVERLAP, at(11 * day));
        let span = walk.span(at(11 * day));
        assert_eq!((span.from, span.until), (at(7 * day), at(11 * day)));
        assert!(!walk.knows(&stream, &Touched::new("c", Some(at(9 * day))), at(11 * day)));
    }

    #[test]
    fn a_refused_window_is_halved_until_it_is_as_small_as_can_be() {
        let longest = TimeDelta::hours(1);
        let stream = Stream::new("window", Follow::Window { longest }, BY_NUMBER, "");
        let mut walk = Walk::default();
        walk.begin(&stream, at(0), OVERLAP, at(3_600));
        let mut widths = Vec::new();
        while walk.refused(&stream).is_ok() {
            let span = walk.span(at(3_600));
            widths.push((span.until - span.from).num_seconds());
        }
        assert_eq!(widths[..3], [1_800, 900, 450]);
        assert_eq!(widths.last(), Some(&1));
        // What was left out comes with the next windows.
        let mut walk = Walk::default();
        walk.begin(&stream, at(0), OVERLAP, at(3_600));
        walk.refused(&stream).unwrap();
        walked(&stream, &mut walk, &[(5, "a")], None, 3_600);
        let span = walk.span(at(3_600));
        assert_eq!(
            (span.from, span.until, walk.is_done),
            (at(1_800), at(3_600), false)
        );
    }

    #[test]
    fn a_run_that_met_nothing_is_begun_again_where_it_began() {
        let stream = Stream::new("tickets", Follow::Since, BY_NUMBER, "");
        let mut walk = Walk::default();
        walk.begin(&stream, at(0), OVERLAP, at(100));
        let nothing = Turned {
            rows: &[],
            parked: &[],
            next: None,
            token: None,
        };
        walk.turn(&stream, nothing, None, at(100)).unwrap();
        // The beginning of all history is not the beginning of this run.
        walk.begin(&stream, at(-1_000_000), OVERLAP, at(200));
        assert_eq!(walk.span(at(200)).from, at(0));
    }

    #[test]
    fn a_list_with_a_pause_rests_until_it_is_over() {
        let stream = Stream {
            pause: TimeDelta::minutes(5),
            ..Stream::new("archived", Follow::Newest, BY_NUMBER, "")
        };
        let mut walk = Walk::default();
        walk.begin(&stream, at(0), OVERLAP, at(1_000));
        assert!(!walk.is_done);
        walked(&stream, &mut walk, &[], None, 1_000);
        walk.begin(&stream, at(0), OVERLAP, at(1_299));
        assert!(walk.is_done);
        walk.begin(&stream, at(0), OVERLAP, at(1_300));
        assert!(!walk.is_done);
    }
}

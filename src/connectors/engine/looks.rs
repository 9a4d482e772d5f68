//! How calls looked when they were last read. A list of calls is read again for days, because notes come after the call;
//! most of its rows stay as they are, and reading each of them whole every quarter of an hour would use up any limit.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::stream::Touched;

/// So many calls are remembered; more are read again each time.
const CALLS_MAX: usize = 20_000;

/// The hash of a row, and the times of the call and of its reading, in minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Look(u32, i64, i64);

/// The calls of a list by their ids.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Looks(BTreeMap<String, Look>);

impl Looks {
    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Forgets calls that the list no longer shows.
    pub fn forget_before(&mut self, from: DateTime<Utc>) {
        let from = minutes(from);
        self.0.retain(|_, look| look.1 >= from);
    }

    /// Whether a call need not be read again yet: its row looks the same, and less than half of its age has passed since
    /// it was read. Transcripts come without a sign in the row, the more seldom the older the call is.
    pub fn knows(&self, row: &Touched, now: DateTime<Utc>) -> bool {
        let now = minutes(now);
        row.look
            .zip(self.0.get(&row.id))
            .is_some_and(|(look, Look(known, made, read))| {
                *known == look && (now - read) * 2 < now - made
            })
    }

    /// Remembers the rows of a page, except those that could not be read.
    pub fn remember(&mut self, rows: &[Touched], parked: &[String], now: DateTime<Utc>) {
        for row in rows {
            let (Some(look), Some(at)) = (row.look, row.at) else {
                continue;
            };
            if parked.contains(&row.id) {
                self.0.remove(&row.id);
            } else if !self.knows(row, now) {
                let look = Look(look, minutes(at), minutes(now));
                self.0.insert(row.id.clone(), look);
            }
        }
        while self.0.len() > CALLS_MAX {
            let oldest = self.0.iter().min_by_key(|(_, look)| look.1);
            let Some(id) = oldest.map(|(id, _)| id.clone()) else {
                break;
            };
            self.0.remove(&id);
        }
    }
}

fn minutes(at: DateTime<Utc>) -> i64 {
    at.timestamp().div_euclid(60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    fn start() -> DateTime<Utc> {
        "2026-03-02T09:00:00Z".parse().unwrap()
    }

    fn row(look: u32) -> Touched {
        Touched {
            look: Some(look),
            ..Touched::new("7", Some(start()))
        }
    }

    #[test]
    fn a_call_is_read_again_when_it_changed_and_ever_more_seldom_when_not() {
        let mut looks = Looks::default();
        let mut readings = Vec::new();
        for quarter in 0..4 * 72 {
            let now = start() + TimeDelta::minutes(15 * quarter);
            if !looks.knows(&row(1), now) {
                readings.push(quarter);
                looks.remember(&[row(1)], &[], now);
            }
        }
        assert_eq!(readings, [0, 1, 2, 4, 8, 16, 32, 64, 128, 256]);
        let now = start() + TimeDelta::hours(72);
        assert!(looks.knows(&row(1), now) && !looks.knows(&row(2), now));
        let silent = Touched::new("7", Some(start()));
        assert!(!looks.knows(&silent, now));
    }

    #[test]
    fn what_could_not_be_read_is_not_remembered() {
        let mut looks = Looks::default();
        let later = start() + TimeDelta::hours(10);
        looks.remember(&[row(1)], &["7".to_owned()], later);
        assert!(!looks.knows(&row(1), later));
        looks.remember(&[row(1)], &[], later);
        assert!(looks.knows(&row(1), later));
        looks.forget_before(start() + TimeDelta::minutes(1));
        assert!(looks.is_empty());
    }
}

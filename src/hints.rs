//! When vendors last said that something changed. Kept in memory; of each second's hints the first one is also written to
//! the database, so that a restart does not forget that a source is due. More would cost a write for each call of a flood.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use crate::model::SourceId;

/// However many hints come, the worker is woken and the database written so often at most for each source.
const BELL_EVERY: TimeDelta = TimeDelta::seconds(1);

/// The hints for one source.
#[derive(Clone, Copy, Debug)]
struct Heard {
    newest: DateTime<Utc>,
    rung_at: DateTime<Utc>,
}

/// The newest hint for each source.
#[derive(Debug, Default)]
pub struct Hints {
    heard: Mutex<BTreeMap<SourceId, Heard>>,
}

impl Hints {
    /// Notes that something changed. Answers whether the worker should be woken for it, and the hint be written.
    pub fn note(&self, source: &SourceId, now: DateTime<Utc>) -> bool {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let before = heard.get(source).map(|before| before.rung_at);
        let rings = before.is_none_or(|before| now - before >= BELL_EVERY);
        let rung_at = before.filter(|_| !rings).unwrap_or(now);
        let newest = now;
        heard.insert(source.clone(), Heard { newest, rung_at });
        rings
    }

    /// The newest hint for each source.
    pub fn newest(&self) -> BTreeMap<SourceId, DateTime<Utc>> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = heard
            .iter()
            .map(|(source, one)| (source.clone(), one.newest));
        newest.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_wakes_nobody_twice_in_a_second_and_is_heard_each_second() {
        let (hints, desk) = (Hints::default(), SourceId::from("desk"));
        let at = |millis| DateTime::UNIX_EPOCH + TimeDelta::milliseconds(millis);
        assert!(hints.note(&desk, at(0)));
        assert!(!hints.note(&desk, at(400)));
        assert!(hints.note(&SourceId::from("other"), at(500)));
        assert!(!hints.note(&desk, at(800)));
        assert!(hints.note(&desk, at(1_200)));
        assert!(!hints.note(&desk, at(1_600)));
        assert_eq!(hints.newest()[&desk], at(1_600));
    }
}

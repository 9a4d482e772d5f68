//! When vendors last said that something changed. Kept in memory only: a hint that is lost costs nothing but time, because
//! the schedule comes by anyway.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use crate::model::SourceId;

/// However many hints come, the worker is woken so often at most for each source.
const BELL_EVERY: TimeDelta = TimeDelta::seconds(1);

/// The newest hint for each source.
#[derive(Debug, Default)]
pub struct Hints {
    newest: Mutex<BTreeMap<SourceId, DateTime<Utc>>>,
}

impl Hints {
    /// Notes that something changed. Answers whether the worker should be woken for it.
    pub fn note(&self, source: &SourceId, now: DateTime<Utc>) -> bool {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let before = newest.insert(source.clone(), now);
        before.is_none_or(|before| now - before >= BELL_EVERY)
    }

    /// The newest hint for each source.
    pub fn newest(&self) -> BTreeMap<SourceId, DateTime<Utc>> {
        self.newest
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_wakes_nobody_twice_in_a_second() {
        let (hints, desk) = (Hints::default(), SourceId::from("desk"));
        let at = |millis| DateTime::UNIX_EPOCH + TimeDelta::milliseconds(millis);
        assert!(hints.note(&desk, at(0)));
        assert!(!hints.note(&desk, at(400)));
        assert!(hints.note(&SourceId::from("other"), at(500)));
        assert!(hints.note(&desk, at(1_400)));
        assert_eq!(hints.newest()[&desk], at(1_400));
    }
}

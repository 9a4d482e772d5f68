//! So many in a minute, and no more: a program that runs wild must not fill the logs of answers and decisions, and guessing
//! links must not cost us anything.

use std::sync::{Mutex, PoisonError};

use axum::http::StatusCode;
use chrono::{DateTime, Utc};

use super::error::Failure;
use crate::clock;

/// Keeps the number of answers and decisions in a minute, on whatever way they come.
pub struct Writing(pub Limit);

impl Writing {
    /// Lets one more through, or says when to come again.
    pub fn admit(&self) -> Result<(), Failure> {
        if self.0.take(clock::now()) {
            return Ok(());
        }
        Err(Failure::Refused(
            StatusCode::TOO_MANY_REQUESTS,
            "too many answers in this minute; try again in the next one",
        ))
    }
}

/// Counts what happens in a minute.
pub struct Limit {
    most: u32,
    minute: Mutex<(i64, u32)>,
}

impl Limit {
    /// At most so many a minute.
    pub fn new(most: u32) -> Self {
        Self {
            most,
            minute: Mutex::new((i64::MIN, 0)),
        }
    }

    /// Whether one more may pass.
    pub fn take(&self, now: DateTime<Utc>) -> bool {
        let this = now.timestamp().div_euclid(60);
        let mut minute = self.minute.lock().unwrap_or_else(PoisonError::into_inner);
        if minute.0 != this {
            *minute = (this, 0);
        }
        minute.1 = minute.1.saturating_add(1);
        minute.1 <= self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_has_its_number_and_the_next_one_begins_anew() {
        let limit = Limit::new(2);
        let at = |seconds: i64| DateTime::from_timestamp(1_780_000_020 + seconds, 0).unwrap();
        assert_eq!(
            [0, 1, 2, 59].map(|s| limit.take(at(s))),
            [true, true, false, false]
        );
        assert!(limit.take(at(60)));
    }
}

//! Where in time two categories are told apart best.

use chrono::{DateTime, Utc};

use crate::statistics::fisher_at_least;

use super::course::Filed;

/// A cut between two categories.
pub struct Cut {
    /// The category before it.
    pub from: String,
    /// The category since.
    pub to: String,
    /// The first conversation after it.
    pub at: DateTime<Utc>,
    /// Under `from` and `to`, before it.
    pub before: (u64, u64),
    /// Under `from` and `to`, since.
    pub after: (u64, u64),
    /// The chance of this cut alone, either way.
    pub p: f64,
}

/// The best cut between two categories, and how many were looked at.
pub fn cut_between(filed: &[Filed<'_>], one: &str, other: &str) -> (Option<Cut>, usize) {
    let of_both: Vec<(DateTime<Utc>, bool)> = filed
        .iter()
        .filter_map(|filed| match filed.place.as_deref() {
            Some(place) if place == one => Some((filed.at, true)),
            Some(place) if place == other => Some((filed.at, false)),
            _ => None,
        })
        .collect();
    let ones = of_both.iter().filter(|(_, is_one)| *is_one).count() as f64;
    let (all, share) = (of_both.len(), ones / of_both.len() as f64);
    let (mut before, mut best, mut looked_at) = (0.0, None, 0);
    for place in 1..all {
        before += f64::from(u8::from(of_both[place - 1].1));
        // Between two at the same instant nothing can be cut.
        if of_both[place - 1].0 == of_both[place].0 {
            continue;
        }
        looked_at += 1;
        // How far the ones before are from their share, in standard deviations: orders the cuts as their chances do.
        let expected = share * place as f64;
        let spread = (place as f64 * (all - place) as f64).sqrt();
        let distance: f64 = (before - expected) / spread;
        if best.is_none_or(|(known, _): (f64, usize)| distance.abs() > known.abs()) {
            best = Some((distance, place));
        }
    }
    let cut = best.map(|(distance, place)| {
        let count = |part: &[(DateTime<Utc>, bool)]| {
            let ones = part.iter().filter(|(_, is_one)| *is_one).count() as u64;
            (ones, part.len() as u64 - ones)
        };
        let (mut before, mut after) = (count(&of_both[..place]), count(&of_both[place..]));
        let (mut from, mut to) = (one, other);
        if distance < 0.0 {
            (from, to) = (to, from);
            (before, after) = ((before.1, before.0), (after.1, after.0));
        }
        // Which way it goes was looked at as well.
        let p = 2.0 * fisher_at_least(before.0, before.0 + before.1, after.0, after.0 + after.1);
        Cut {
            from: from.to_owned(),
            to: to.to_owned(),
            at: of_both[place].0,
            before,
            after,
            p: p.min(1.0),
        }
    });
    (cut, looked_at)
}

//! Finds the day on which a topic begins: before it few conversations or none, from it on surely more.

use chrono::NaiveDate;

/// From the day on, the daily rate must be at least so many times the rate before.
const FACTOR_MIN: f64 = 3.0;
/// Fewer conversations from the day on claim nothing.
const AFTER_MIN: u64 = 5;
/// Before the day there must be so many days to compare with.
const DAYS_BEFORE_MIN: u64 = 7;
/// Least log-likelihood ratio of two Poisson rates against one. 8 is 1 in 16,000 for one day looked at (chi-squared with one
/// degree of freedom at 16, S. S. Wilks 1938), and some 80 days are looked at.
const LIKELIHOOD_MIN: f64 = 8.0;

/// The day on which a topic begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Burst {
    /// The day.
    pub day: NaiveDate,
    /// Conversations from that day on.
    pub after: u64,
    /// Days from that day on.
    pub days_after: u64,
    /// Conversations before.
    pub before: u64,
    /// Days before.
    pub days_before: u64,
}

/// Looks for the day in counts by day, which are in order and without gaps.
pub fn find(days: &[(NaiveDate, u64)]) -> Option<Burst> {
    let all: u64 = days.iter().map(|(_, count)| count).sum();
    let mut best: Option<(f64, Burst)> = None;
    let mut before = 0;
    for (place, (day, count)) in days.iter().enumerate() {
        let (days_before, days_after) = (place as u64, (days.len() - place) as u64);
        let burst = Burst {
            day: *day,
            after: all - before,
            days_after,
            before,
            days_before,
        };
        before += count;
        if *count == 0 || burst.after < AFTER_MIN || days_before < DAYS_BEFORE_MIN {
            continue;
        }
        let likelihood = likelihood(&burst);
        if best.as_ref().is_none_or(|(most, _)| likelihood > *most) {
            best = Some((likelihood, burst));
        }
    }
    let (likelihood, burst) = best?;
    let is_steep =
        rate(burst.after, burst.days_after) >= FACTOR_MIN * rate(burst.before, burst.days_before);
    (likelihood >= LIKELIHOOD_MIN && is_steep).then_some(burst)
}

fn rate(count: u64, days: u64) -> f64 {
    count as f64 / days.max(1) as f64
}

fn likelihood(burst: &Burst) -> f64 {
    let whole = rate(
        burst.before + burst.after,
        burst.days_before + burst.days_after,
    );
    let part = |count: u64, days: u64| match count {
        0 => 0.0,
        _ => count as f64 * (rate(count, days) / whole).ln(),
    };
    part(burst.before, burst.days_before) + part(burst.after, burst.days_after)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(counts: impl IntoIterator<Item = u64>) -> Vec<(NaiveDate, u64)> {
        let first: NaiveDate = "2026-01-05".parse().unwrap();
        first.iter_days().zip(counts).collect()
    }

    #[test]
    fn the_day_on_which_it_begins_is_found() {
        let counts = std::iter::repeat_n(0, 60).chain([4, 3, 0, 5, 2, 4, 3]);
        let burst = find(&days(counts)).unwrap();
        assert_eq!(burst.day.to_string(), "2026-03-06");
        assert_eq!((burst.before, burst.after, burst.days_after), (0, 21, 7));
        let some_before = (0..60)
            .map(|day| u64::from(day % 10 == 0))
            .chain([4, 3, 0, 5, 2, 4, 3]);
        assert_eq!(find(&days(some_before)).unwrap().before, 6);
    }

    #[test]
    fn what_was_always_there_does_not_begin() {
        assert_eq!(find(&days((0..84).map(|day| day % 3))), None);
        assert_eq!(
            find(&days(std::iter::repeat_n(0, 60).chain([1, 1, 1]))),
            None
        );
        assert_eq!(find(&days([])), None);
        assert_eq!(find(&days([5, 5, 5, 5])), None);
    }
}

//! What windows usually hold of everything, so that Sundays are not compared with Mondays, nor February with March.

use chrono::TimeDelta;

/// What each window usually holds of everything, relative to the others: the windows before, oldest first, and the one
/// that is judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Exposure {
    pub(super) before: Vec<f64>,
    pub(super) now: f64,
}

impl Exposure {
    /// Windows that do not differ.
    pub fn even(before: usize) -> Self {
        Self {
            before: vec![1.0; before],
            now: 1.0,
        }
    }

    /// Days: each weekday's mean of all conversations in the days before, oldest first, drawn towards the mean of all days
    /// as if it had been seen once more on each weekday.
    pub fn of_days(totals: &[u64]) -> Self {
        let mean = totals.iter().sum::<u64>() as f64 / totals.len().max(1) as f64;
        if mean == 0.0 {
            return Self::even(totals.len());
        }
        // Counted backwards from the day that is judged, equal remainders are equal weekdays.
        let of = |weekday: usize| {
            let same = totals.iter().rev().skip((weekday + 6) % 7).step_by(7);
            let (sum, days) = same.fold((mean, 1.0), |(sum, days), total| {
                (sum + *total as f64, days + 1.0)
            });
            sum / days / mean
        };
        let weekdays: Vec<f64> = (0..7).map(of).collect();
        let before = (1..=totals.len()).rev().map(|back| weekdays[back % 7]);
        Self {
            before: before.collect(),
            now: weekdays[0],
        }
    }

    /// Windows of such lengths.
    pub fn of_lengths(before: &[TimeDelta], now: TimeDelta) -> Self {
        let seconds = |length: &TimeDelta| length.num_seconds().max(1) as f64;
        let mean = before.iter().map(seconds).sum::<f64>() / before.len().max(1) as f64;
        Self {
            before: before.iter().map(|length| seconds(length) / mean).collect(),
            now: if before.is_empty() {
                1.0
            } else {
                seconds(&now) / mean
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_single_conversation_days_are_even() {
        assert_eq!(Exposure::of_days(&[0; 28]), Exposure::even(28));
        assert_eq!(Exposure::of_days(&[]), Exposure::even(0));
    }

    #[test]
    fn a_short_month_is_expected_to_hold_less() {
        let days = TimeDelta::days;
        let exposure = Exposure::of_lengths(&[days(31), days(31)], days(28));
        assert!((exposure.now - 28.0 / 31.0).abs() < 1e-9);
    }
}

//! How a topic moves: its count in a window against the windows before it.
//!
//! The baseline's counts predict the next one. With a Gamma prior after Jeffreys, the prediction for
//! Poisson counts is a negative binomial (Gelman et al., Bayesian Data Analysis, 3rd ed., section 2.6);
//! counts that vary more than Poisson widen it by their dispersion (variance over mean, at least 1).
//! Days of the week differ, and months in length: what a window usually holds of everything is its exposure, and a topic
//! is expected to have its share of it. Sundays are not compared with Mondays.
//! A count is called a change only if it is rare under that prediction, also after correcting for
//! looking at all topics of the window at once (Benjamini and Hochberg, 1995), and large enough to matter.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use statrs::distribution::{DiscreteCDF, NegativeBinomial};

use crate::model::{Cadence, Change, TopicId, TrendState};
use crate::section::Section;

/// Weeks or months that a count is compared with.
const BASELINE_WINDOWS: i64 = 8;
/// Days that a day's count is compared with: four of each weekday.
const BASELINE_DAYS: i64 = 28;
/// With fewer windows before it, no count is called a change.
const BASELINE_WINDOWS_MIN: i64 = 3;
/// Fewer conversations are never called a change.
const CONVERSATIONS_MIN: i64 = 4;
/// Share of false alarms that is accepted among what is called a change.
const FALSE_ALARMS: f64 = 0.1;
/// The interval shown holds so much of the prediction.
const INTERVAL: f64 = 0.95;

/// What counts as a change: the `[trend]` table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrendParams {
    /// Weeks or months that a count is compared with.
    pub baseline_windows: u32,
    /// Days that a day's count is compared with.
    pub baseline_days: u32,
    /// With fewer windows before it, no count is called a change.
    pub baseline_windows_min: u32,
    /// Fewer conversations are never called a change.
    pub conversations_min: u64,
    /// Share of false alarms that is accepted among what is called a change.
    pub false_alarms: f64,
}

impl Default for TrendParams {
    fn default() -> Self {
        Self {
            baseline_windows: BASELINE_WINDOWS as u32,
            baseline_days: BASELINE_DAYS as u32,
            baseline_windows_min: BASELINE_WINDOWS_MIN as u32,
            conversations_min: CONVERSATIONS_MIN as u64,
            false_alarms: FALSE_ALARMS,
        }
    }
}

impl TrendParams {
    /// Reads the `[trend]` table.
    pub fn read(mut section: Section<'_>) -> Self {
        let params = Self {
            baseline_windows: section.number("baseline_windows", BASELINE_WINDOWS, 3..=60) as u32,
            baseline_days: section.number("baseline_days", BASELINE_DAYS, 7..=90) as u32,
            baseline_windows_min: section.number(
                "baseline_windows_min",
                BASELINE_WINDOWS_MIN,
                2..=60,
            ) as u32,
            conversations_min: section.number("conversations_min", CONVERSATIONS_MIN, 2..=10_000)
                as u64,
            false_alarms: section.decimal("false_alarms", FALSE_ALARMS, 0.0001..=0.5),
        };
        section.finish();
        params
    }

    /// How many windows of a cadence a count is compared with.
    pub fn baseline(&self, cadence: Cadence) -> usize {
        match cadence {
            Cadence::Daily => self.baseline_days as usize,
            Cadence::Weekly | Cadence::Monthly => self.baseline_windows as usize,
        }
    }
}

/// What each window usually holds of everything, relative to the others: the windows before, oldest first, and the one
/// that is judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Exposure {
    before: Vec<f64>,
    now: f64,
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

/// A topic's counts: the baseline, oldest first, and the window that is judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Course {
    /// Counts of the windows before, oldest first.
    pub before: Vec<u64>,
    /// The count of the window.
    pub now: u64,
    /// Whether the topic occurred before the baseline.
    pub was_seen_earlier: bool,
}

/// How every topic of a window moves. All courses have as many windows before as the exposure.
pub fn changes(
    courses: &BTreeMap<TopicId, Course>,
    exposure: &Exposure,
    params: &TrendParams,
) -> BTreeMap<TopicId, Change> {
    let judged: Vec<_> = courses
        .values()
        .map(|course| Prediction::of(course, exposure).judge(course))
        .collect();
    let rarities: Vec<f64> = judged.iter().map(|judged| judged.rarity).collect();
    let limit = discovery_limit(&rarities, params.false_alarms);
    let change = |(course, judged): (&Course, Judged)| Change {
        state: state(course, &judged, judged.rarity <= limit, params),
        baseline: judged.baseline,
        windows: course.before.len() as u32,
        low: judged.low,
        high: judged.high,
    };
    let changes = courses.values().zip(judged).map(change);
    courses.keys().cloned().zip(changes).collect()
}

fn state(course: &Course, judged: &Judged, is_rare: bool, params: &TrendParams) -> TrendState {
    let is_known = course.before.len() >= params.baseline_windows_min as usize;
    let was_there = course.before.iter().any(|count| *count > 0);
    let is_more = course.now as f64 > judged.expected;
    let is_enough = course.now.max(judged.expected.round() as u64) >= params.conversations_min;
    if !(is_known && is_rare && is_enough) {
        return TrendState::Steady;
    }
    match (is_more, was_there) {
        (true, false) if course.was_seen_earlier => TrendState::Back,
        (true, false) => TrendState::New,
        (true, true) => TrendState::Rising,
        (false, _) if course.now == 0 => TrendState::Gone,
        (false, _) => TrendState::Falling,
    }
}

/// What the baseline predicts for the next window.
struct Prediction {
    baseline: f64,
    expected: f64,
    counts: Option<NegativeBinomial>,
}

/// A count against its prediction.
struct Judged {
    /// Mean of the windows before.
    baseline: f64,
    /// What the baseline makes likely for this window.
    expected: f64,
    low: f64,
    high: f64,
    /// Chance of a count at least so far from the prediction, on either side.
    rarity: f64,
}

impl Prediction {
    fn of(course: &Course, exposure: &Exposure) -> Self {
        let windows = course.before.len() as f64;
        if windows == 0.0 {
            return Self {
                baseline: 0.0,
                expected: 0.0,
                counts: None,
            };
        }
        let sum = course.before.iter().sum::<u64>() as f64;
        let seen: f64 = exposure.before.iter().sum();
        // Half a conversation more: Jeffreys' prior, which also keeps a baseline of zeros from being certain.
        let mean = (sum + 0.5) / seen * exposure.now;
        let dispersion = dispersion(&course.before, &exposure.before, sum / seen);
        let variance = mean * dispersion * (1.0 + exposure.now / seen);
        let size = mean * mean / (variance - mean);
        Self {
            baseline: sum / windows,
            expected: sum / seen * exposure.now,
            counts: NegativeBinomial::new(size, mean / variance).ok(),
        }
    }

    fn judge(&self, course: &Course) -> Judged {
        let Some(counts) = &self.counts else {
            return Judged {
                baseline: self.baseline,
                expected: self.expected,
                low: 0.0,
                high: 0.0,
                rarity: 1.0,
            };
        };
        let at_most = counts.cdf(course.now);
        let at_least = course
            .now
            .checked_sub(1)
            .map_or(1.0, |below| counts.sf(below));
        let tail = (1.0 - INTERVAL) / 2.0;
        Judged {
            baseline: self.baseline,
            expected: self.expected,
            low: quantile(counts, tail),
            high: quantile(counts, 1.0 - tail),
            rarity: (2.0 * at_most.min(at_least)).min(1.0),
        }
    }
}

/// Pearson's statistic by its degrees of freedom (McCullagh and Nelder, Generalized Linear Models, 2nd ed., section 6.2.4),
/// at least that of Poisson counts. With even exposure it is the sample variance over the mean.
fn dispersion(counts: &[u64], exposure: &[f64], rate: f64) -> f64 {
    if counts.len() < 2 || rate == 0.0 {
        return 1.0;
    }
    let squares: f64 = counts
        .iter()
        .zip(exposure)
        .map(|(count, exposure)| {
            let expected = rate * exposure;
            (*count as f64 - expected).powi(2) / expected
        })
        .sum();
    (squares / (counts.len() - 1) as f64).max(1.0)
}

/// The smallest count that the prediction stays at or below with this chance.
fn quantile(counts: &NegativeBinomial, chance: f64) -> f64 {
    let mut high = 1_u64;
    while counts.cdf(high) < chance && high < 1 << 40 {
        high *= 2;
    }
    let mut low = 0;
    while low < high {
        let middle = low + (high - low) / 2;
        if counts.cdf(middle) < chance {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low as f64
}

/// The largest rarity that still counts as a discovery, after Benjamini and Hochberg; below zero if none does.
fn discovery_limit(rarities: &[f64], share: f64) -> f64 {
    let mut sorted = rarities.to_vec();
    sorted.sort_by(f64::total_cmp);
    let all = sorted.len() as f64;
    let passes = |(place, rarity): (usize, &f64)| {
        (*rarity <= share * (place + 1) as f64 / all).then_some(*rarity)
    };
    sorted
        .iter()
        .enumerate()
        .filter_map(passes)
        .next_back()
        .unwrap_or(-1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn change(before: &[u64], now: u64) -> Change {
        judged(before, now, false)
    }

    fn judged(before: &[u64], now: u64, was_seen_earlier: bool) -> Change {
        let course = Course {
            before: before.to_vec(),
            now,
            was_seen_earlier,
        };
        let courses = BTreeMap::from([(TopicId::from("t"), course)]);
        let even = Exposure::even(before.len());
        changes(&courses, &even, &TrendParams::default())[&TopicId::from("t")].clone()
    }

    #[test]
    fn the_prediction_is_the_known_negative_binomial() {
        // Sum 40 in 8 windows: NB(40.5, 8/9). Reference: scipy.stats.nbinom.ppf([.025, .975], 40.5, 8/9) = 1, 10.
        let change = change(&[5, 5, 5, 5, 5, 5, 5, 5], 5);
        assert_eq!((change.baseline, change.low, change.high), (5.0, 1.0, 10.0));
        assert_eq!(change.state, TrendState::Steady);
    }

    #[test]
    fn states_have_their_names() {
        assert_eq!(change(&[0; 8], 9).state, TrendState::New);
        assert_eq!(judged(&[0; 8], 9, true).state, TrendState::Back);
        assert_eq!(
            change(&[4, 6, 5, 5, 4, 5, 6, 5], 25).state,
            TrendState::Rising
        );
        assert_eq!(
            change(&[40, 42, 38, 41, 40, 39, 40, 41], 9).state,
            TrendState::Falling
        );
        assert_eq!(
            change(&[40, 42, 38, 41, 40, 39, 40, 41], 0).state,
            TrendState::Gone
        );
    }

    #[test]
    fn small_or_unknown_claims_nothing() {
        assert_eq!(change(&[0; 8], 3).state, TrendState::Steady);
        assert_eq!(change(&[1, 0], 30).state, TrendState::Steady);
        assert_eq!(change(&[], 30).state, TrendState::Steady);
    }

    #[test]
    fn a_course_that_always_swings_is_not_called_a_change() {
        assert_eq!(
            change(&[2, 20, 3, 18, 1, 22, 2, 19], 24).state,
            TrendState::Steady
        );
    }

    #[test]
    fn a_monday_is_compared_with_mondays() {
        // Four weeks from Monday to Sunday; a Monday has ten times what a Sunday has.
        let week = [100, 80, 80, 80, 60, 20, 10];
        let totals: Vec<u64> = week.repeat(4);
        let exposure = Exposure::of_days(&totals);
        assert_eq!(exposure.before.len(), 28);
        assert_eq!(exposure.before[0], exposure.now, "the next day is a Monday");
        assert!(exposure.before[6] < exposure.now / 3.0);
        let before: Vec<u64> = totals.iter().map(|total| total / 10).collect();
        let course = |now| Course {
            before: before.clone(),
            now,
            was_seen_earlier: false,
        };
        let judge = |now| {
            let courses = BTreeMap::from([(TopicId::from("t"), course(now))]);
            let change = &changes(&courses, &exposure, &TrendParams::default());
            change[&TopicId::from("t")].state
        };
        assert_eq!(
            judge(14),
            TrendState::Steady,
            "many for a Sunday, not for a Monday"
        );
        assert_eq!(judge(1), TrendState::Falling);
        assert_eq!(judge(22), TrendState::Rising);
    }

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

    #[test]
    fn many_topics_at_once_raise_the_bar() {
        assert_eq!(discovery_limit(&[0.01, 0.04, 0.03, 0.5], 0.05), 0.01);
        assert_eq!(discovery_limit(&[0.01, 0.02, 0.03, 0.04], 0.05), 0.04);
        assert!(discovery_limit(&[0.2, 0.9], 0.05) < 0.0);
    }

    proptest! {
        #[test]
        fn any_counts_give_an_interval_that_holds_the_usual(
            before in prop::collection::vec(0_u64..100_000, 0..12),
            now in 0_u64..1_000_000,
        ) {
            let change = change(&before, now);
            prop_assert!(change.low <= change.high);
            prop_assert!(change.low.is_finite() && change.high.is_finite());
        }
    }
}

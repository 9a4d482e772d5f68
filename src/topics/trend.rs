//! How a topic moves: its count in a window against the windows before it.
//!
//! The baseline's counts predict the next one. With a Gamma prior after Jeffreys, the prediction for
//! Poisson counts is a negative binomial (Gelman et al., Bayesian Data Analysis, 3rd ed., section 2.6);
//! counts that vary more than Poisson widen it by their dispersion (variance over mean, at least 1).
//! Days of the week differ, and months in length: what a window usually holds of everything is its exposure, and a topic
//! is expected to have its share of it. Sundays are not compared with Mondays.
//! A window is judged alone and together with the one before: a burst of a few days, a birth or a death shows in two small
//! counts before it shows in one. Reference: scan statistics (Naus, JASA 60, 1965); health surveillance adds up days for
//! the same reason (Hutwagner et al., Journal of Urban Health 80, 2003, method C3).
//! A count is called a change only if it is rare under that prediction, also after correcting for
//! looking at all topics of the window at once (Benjamini and Hochberg, 1995), and large enough to matter.

use std::collections::BTreeMap;

use statrs::distribution::{DiscreteCDF, NegativeBinomial};

use crate::model::{Cadence, Change, Pair, TopicId, TrendState};
use crate::section::Section;
use crate::statistics::corrected;

pub use super::exposure::Exposure;

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
/// The same for days, whose use is to warn early: the week tells what was true.
const FALSE_ALARMS_DAILY: f64 = 0.2;
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
    /// Share of false alarms that is accepted among what is called a change in a week or month.
    pub false_alarms: f64,
    /// The same for days.
    pub false_alarms_daily: f64,
}

impl Default for TrendParams {
    fn default() -> Self {
        Self {
            baseline_windows: BASELINE_WINDOWS as u32,
            baseline_days: BASELINE_DAYS as u32,
            baseline_windows_min: BASELINE_WINDOWS_MIN as u32,
            conversations_min: CONVERSATIONS_MIN as u64,
            false_alarms: FALSE_ALARMS,
            false_alarms_daily: FALSE_ALARMS_DAILY,
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
            false_alarms_daily: section.decimal(
                "false_alarms_daily",
                FALSE_ALARMS_DAILY,
                0.0001..=0.5,
            ),
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

    fn false_alarms(&self, cadence: Cadence) -> f64 {
        match cadence {
            Cadence::Daily => self.false_alarms_daily,
            Cadence::Weekly | Cadence::Monthly => self.false_alarms,
        }
    }
}

/// A topic's counts: the windows before, oldest first, and the window that is judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Course {
    /// Counts of the windows before, oldest first: the baseline and one more, as far as there are any.
    pub before: Vec<u64>,
    /// The count of the window.
    pub now: u64,
    /// Whether the topic occurred before the baseline.
    pub was_seen_earlier: bool,
}

/// How every topic of a window moves. All courses have as many windows before as the exposure; `cadence` says how many of
/// them make a baseline.
pub fn changes(
    courses: &BTreeMap<TopicId, Course>,
    exposure: &Exposure,
    cadence: Cadence,
    params: &TrendParams,
) -> BTreeMap<TopicId, Change> {
    let judged: Vec<Judged> = courses
        .values()
        .map(|course| judge(course, exposure, params.baseline(cadence), params))
        .collect();
    let rarities: Vec<f64> = judged.iter().map(|judged| judged.rarity).collect();
    let share = params.false_alarms(cadence);
    let corrected = corrected(&rarities);
    let changes = judged
        .iter()
        .zip(corrected)
        .map(|(judged, rarity)| judged.change(rarity <= share));
    courses.keys().cloned().zip(changes).collect()
}

/// A topic's count against what the windows before make likely, alone and with the window before.
struct Judged {
    alone: Look,
    pair: Option<Look>,
    /// Chance of something at least so rare in either look.
    rarity: f64,
    was_seen_earlier: bool,
}

impl Judged {
    fn change(&self, is_discovery: bool) -> Change {
        let pair = self
            .pair
            .as_ref()
            .filter(|pair| pair.rarity < self.alone.rarity);
        let is_rare = is_discovery && self.rarity < 1.0;
        let pair = pair.filter(|_| is_rare);
        let state = match is_rare {
            true => pair.unwrap_or(&self.alone).state(self.was_seen_earlier),
            false => TrendState::Steady,
        };
        Change {
            state,
            baseline: self.alone.baseline,
            windows: self.alone.windows,
            low: self.alone.low,
            high: self.alone.high,
            pair: pair.map(|pair| Pair {
                conversations: pair.count,
                baseline: pair.baseline,
                low: pair.low,
                high: pair.high,
            }),
        }
    }
}

/// Looks at the window alone, and at it together with the window before: what lasts is seen in two small numbers sooner
/// than in one (a scan over one and two windows). Two looks are two chances of a false alarm.
fn judge(course: &Course, exposure: &Exposure, baseline: usize, params: &TrendParams) -> Judged {
    let alone = Look::at(course, exposure, 1, baseline);
    let pair = (course.before.len() > 1).then(|| Look::at(course, exposure, 2, baseline));
    let pair = pair.filter(|pair| pair.may_claim(params));
    let rarest = [
        Some(&alone).filter(|look| look.may_claim(params)),
        pair.as_ref(),
    ];
    let rarest = rarest.into_iter().flatten().map(|look| look.rarity);
    let looks = if course.before.len() > 1 { 2.0 } else { 1.0 };
    Judged {
        rarity: (looks * rarest.fold(1.0, f64::min)).min(1.0),
        alone,
        pair,
        was_seen_earlier: course.was_seen_earlier,
    }
}

/// The last one or two windows of a course against the windows before them.
struct Look {
    /// Conversations in these windows.
    count: u64,
    /// Windows before.
    windows: u32,
    /// Their mean.
    baseline: f64,
    /// What they make likely.
    expected: f64,
    /// Ends of the interval of what they make likely.
    low: f64,
    high: f64,
    /// Chance of a count at least so far from it, on either side.
    rarity: f64,
    /// Whether each of these windows lies on the same side of what is expected of it.
    is_of_one_mind: bool,
}

impl Look {
    fn at(course: &Course, exposure: &Exposure, length: usize, baseline: usize) -> Self {
        let end = course.before.len() + 1 - length;
        let from = end.saturating_sub(baseline);
        let (before, seen) = (&course.before[from..end], &exposure.before[from..end]);
        let counts = course.before[end..].iter().copied().chain([course.now]);
        let counts: Vec<u64> = counts.collect();
        let lengths: Vec<f64> = exposure.before[end..]
            .iter()
            .copied()
            .chain([exposure.now])
            .collect();
        let count = counts.iter().sum();
        let look = Self {
            count,
            windows: before.len() as u32,
            baseline: 0.0,
            expected: 0.0,
            low: 0.0,
            high: 0.0,
            rarity: 1.0,
            is_of_one_mind: false,
        };
        if before.is_empty() {
            return look;
        }
        let (sum, seen_in_all) = (before.iter().sum::<u64>() as f64, seen.iter().sum::<f64>());
        let rate = sum / seen_in_all;
        let side = |(count, length): (&u64, &f64)| (*count as f64).total_cmp(&(rate * length));
        let mut sides = counts.iter().zip(&lengths).map(side);
        let first = sides.next();
        let judged = lengths.iter().sum::<f64>();
        let look = Self {
            baseline: sum / before.len() as f64,
            expected: rate * judged,
            is_of_one_mind: sides.all(|side| Some(side) == first),
            ..look
        };
        match prediction(before, seen, judged) {
            Some(prediction) => look.against(&prediction),
            None => look,
        }
    }

    fn against(self, prediction: &NegativeBinomial) -> Self {
        let at_most = prediction.cdf(self.count);
        let at_least = self
            .count
            .checked_sub(1)
            .map_or(1.0, |below| prediction.sf(below));
        let tail = (1.0 - INTERVAL) / 2.0;
        Self {
            low: quantile(prediction, tail),
            high: quantile(prediction, 1.0 - tail),
            rarity: (2.0 * at_most.min(at_least)).min(1.0),
            ..self
        }
    }

    /// Whether so few windows or conversations can show anything.
    fn may_claim(&self, params: &TrendParams) -> bool {
        let most = self.count.max(self.expected.round() as u64);
        self.windows >= params.baseline_windows_min
            && most >= params.conversations_min
            && self.is_of_one_mind
    }

    fn state(&self, was_seen_earlier: bool) -> TrendState {
        match (self.count as f64 > self.expected, self.baseline > 0.0) {
            (true, false) if was_seen_earlier => TrendState::Back,
            (true, false) => TrendState::New,
            (true, true) => TrendState::Rising,
            (false, _) if self.count == 0 => TrendState::Gone,
            (false, _) => TrendState::Falling,
        }
    }
}

/// What windows of such counts and exposure make likely for `judged` windows' worth; none for no windows.
fn prediction(before: &[u64], exposure: &[f64], judged: f64) -> Option<NegativeBinomial> {
    let sum = before.iter().sum::<u64>() as f64;
    let seen: f64 = exposure.iter().sum();
    // Half a conversation more: Jeffreys' prior, which also keeps a baseline of zeros from being certain.
    let mean = (sum + 0.5) / seen * judged;
    let variance = mean * dispersion(before, exposure, sum / seen) * (1.0 + judged / seen);
    NegativeBinomial::new(mean * mean / (variance - mean), mean / variance).ok()
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
        changes(&courses, &even, Cadence::Weekly, &TrendParams::default())[&TopicId::from("t")]
            .clone()
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
            let change = &changes(&courses, &exposure, Cadence::Daily, &TrendParams::default());
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
    fn two_windows_that_say_little_alone_say_it_together() {
        let usual = [5, 4, 6, 5, 5, 4, 6, 5];
        assert_eq!(
            change(&usual, 10).state,
            TrendState::Steady,
            "once is chance"
        );
        let twice = change(&[&usual[..], &[10]].concat(), 10);
        assert_eq!(twice.state, TrendState::Rising);
        let pair = twice.pair.expect("both together show it");
        assert_eq!((pair.conversations, pair.baseline), (20, 5.0));
        assert!(pair.high < 20.0 && twice.high >= 10.0);
        let fading = change(&[&usual[..], &[1]].concat(), 0);
        assert_eq!(fading.state, TrendState::Falling);
        assert_eq!(fading.pair.map(|pair| pair.conversations), Some(1));
    }

    #[test]
    fn a_window_after_a_burst_is_not_called_rising_for_it() {
        let after = change(&[5, 4, 6, 5, 5, 4, 6, 5, 30], 4);
        assert_eq!((after.state, after.pair), (TrendState::Steady, None));
    }

    #[test]
    fn what_one_window_shows_is_told_of_it_alone() {
        assert_eq!(change(&[5, 4, 6, 5, 5, 4, 6, 5, 5], 30).pair, None);
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

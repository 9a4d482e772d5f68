//! Two counts beside each other: how many times as many a day, and how sure that is.

use statrs::distribution::{Beta, ContinuousCDF};

/// What is left out on either side of a 95 % interval.
const TAIL: f64 = 0.025;

/// A count, and how long was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub count: u64,
    /// In so many days, or windows.
    pub time: u64,
}

/// One rate over another, with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// How many times as many; nothing where there was none before.
    pub ratio: Option<f64>,
    /// Lower end.
    pub low: f64,
    /// Upper end; nothing where it has none.
    pub high: Option<f64>,
}

impl Ratio {
    /// The ratio of two Poisson rates. Given how many there are together, those on one side are binomial, so the exact
    /// interval of that share (C. Clopper and E. Pearson, Biometrika 26, 1934) gives that of the ratio (J. Przyborowski and
    /// H. Wilenski, Biometrika 31, 1940).
    pub fn of(after: Rate, before: Rate) -> Self {
        let (a, b) = (after.count, before.count);
        let times = before.time.max(1) as f64 / after.time.max(1) as f64;
        let (low, high) = clopper_pearson(a, a + b);
        let odds = |share: f64| times * share / (1.0 - share);
        Self {
            ratio: (b > 0).then(|| times * a as f64 / b as f64),
            low: odds(low),
            high: (high < 1.0).then(|| odds(high)),
        }
    }

    /// Surely more than before.
    pub fn is_more(&self) -> bool {
        self.low > 1.0
    }

    /// Surely less than before.
    pub fn is_less(&self) -> bool {
        self.high.is_some_and(|high| high < 1.0)
    }
}

/// The exact 95 % interval of a share.
fn clopper_pearson(hits: u64, all: u64) -> (f64, f64) {
    let (hits, misses) = (hits as f64, (all - hits) as f64);
    let low = Beta::new(hits, misses + 1.0).map_or(0.0, |beta| beta.inverse_cdf(TAIL));
    let high = Beta::new(hits + 1.0, misses).map_or(1.0, |beta| beta.inverse_cdf(1.0 - TAIL));
    (low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(count: u64, time: u64) -> Rate {
        Rate { count, time }
    }

    #[test]
    fn the_published_shares_come_out() {
        // R. G. Newcombe, Statistics in Medicine 17, 1998, table I, method 5.
        let published = [
            (81, 263, 0.2527, 0.3676),
            (15, 148, 0.0578, 0.1617),
            (0, 20, 0.0000, 0.1684),
            (1, 29, 0.0009, 0.1776),
        ];
        for (hits, all, low, high) in published {
            let found = clopper_pearson(hits, all);
            assert!((found.0 - low).abs() < 0.00006, "{hits}/{all}: {found:?}");
            assert!((found.1 - high).abs() < 0.00006, "{hits}/{all}: {found:?}");
        }
    }

    #[test]
    fn the_published_ratio_comes_out() {
        // The two-sample example of R's `poisson.test`: 11 in 800 person-years beside 21 in 3,011.
        let found = Ratio::of(rate(11, 800), rate(21, 3_011));
        let near = |value: f64, expected: f64| (value - expected).abs() < 0.0005;
        assert!(near(found.ratio.unwrap(), 1.9715), "{found:?}");
        assert!(near(found.low, 0.8584), "{found:?}");
        assert!(near(found.high.unwrap(), 4.2773), "{found:?}");
    }

    #[test]
    fn small_counts_prove_little() {
        let same = Ratio::of(rate(4, 7), rate(9, 7));
        assert!(!same.is_less() && !same.is_more());
        assert!(Ratio::of(rate(3, 7), rate(40, 14)).is_less());
        assert!(Ratio::of(rate(30, 7), rate(10, 7)).is_more());
        let none = Ratio::of(rate(0, 7), rate(0, 7));
        assert_eq!((none.ratio, none.low, none.high), (None, 0.0, None));
        let new = Ratio::of(rate(9, 7), rate(0, 56));
        assert_eq!((new.ratio, new.high, new.is_more()), (None, None, true));
    }
}

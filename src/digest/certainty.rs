//! How sure a count lets us be: shares with their intervals, and one share against another. Small counts claim nothing.

use statrs::distribution::{DiscreteCDF, Hypergeometric};

use crate::reconcile::wilson;

/// The chance that is accepted that any one sentence of a digest's rules is due to chance alone.
const CHANCE: f64 = 0.05;

/// So many out of so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Those that have it.
    pub hits: u64,
    /// Those that were looked at.
    pub all: u64,
}

impl Share {
    /// So many out of so many.
    pub fn of(hits: u64, all: u64) -> Self {
        Self { hits, all }
    }

    /// As a part of one; 0 of nothing.
    pub fn rate(self) -> f64 {
        self.hits as f64 / self.all.max(1) as f64
    }

    /// The lower end of its 95 % interval.
    pub fn low(self) -> f64 {
        wilson(self.hits, self.all).low
    }

    /// Counts one more that was looked at.
    pub fn add(&mut self, is_hit: bool) {
        self.all += 1;
        self.hits += u64::from(is_hit);
    }

    /// Both together.
    pub fn plus(self, other: Self) -> Self {
        Self::of(self.hits + other.hits, self.all + other.all)
    }

    /// This without a part of it.
    pub fn without(self, part: Self) -> Self {
        Self::of(self.hits - part.hits, self.all - part.all)
    }
}

/// The share of a topic, and that of everything else that was looked at in the same way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pair {
    /// In the topic.
    pub here: Share,
    /// In everything else.
    pub elsewhere: Share,
}

impl Pair {
    /// A part of the whole, and the rest of it.
    pub fn of(here: Share, whole: Share) -> Self {
        let elsewhere = whole.without(here);
        Self { here, elsewhere }
    }

    /// Whether the topic's share is surely above that of the rest and above `least`, when `looks` comparisons are made in
    /// all. Its 95 % interval must exclude both numbers, and the difference must be rarer by chance than one in twenty even
    /// for the rarest of all comparisons (C. Bonferroni 1936).
    pub fn is_above(&self, least: f64, hits_min: u64, looks: u64) -> bool {
        let is_surely_above = self.here.low() > least.max(self.elsewhere.rate());
        self.here.hits >= hits_min
            && is_surely_above
            && (self.elsewhere.all == 0 || self.chance() <= CHANCE / looks.max(1) as f64)
    }

    /// How likely chance alone puts so many of the hits, or more, into the topic: Fisher's exact test, one-sided (R. A. Fisher,
    /// Statistical Methods for Research Workers, 1934, section 21.02).
    fn chance(&self) -> f64 {
        let both = self.here.plus(self.elsewhere);
        let Some(below) = self.here.hits.checked_sub(1) else {
            return 1.0;
        };
        let drawn = Hypergeometric::new(both.all, both.hits, self.here.all);
        drawn.map_or(1.0, |drawn| drawn.sf(below))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(here: (u64, u64), elsewhere: (u64, u64)) -> Pair {
        Pair {
            here: Share::of(here.0, here.1),
            elsewhere: Share::of(elsewhere.0, elsewhere.1),
        }
    }

    #[test]
    fn fishers_own_example_comes_out() {
        // Convictions of like-sex twins of criminals: 10 of 13 identical, 2 of 17 others; Fisher gives 619 / 1 330 665.
        let chance = pair((10, 13), (2, 17)).chance();
        assert!((chance - 619.0 / 1_330_665.0).abs() < 1e-9, "{chance}");
        assert_eq!(pair((0, 13), (2, 17)).chance(), 1.0);
    }

    #[test]
    fn the_more_is_compared_the_more_it_takes() {
        let twins = pair((10, 13), (2, 17));
        assert!(twins.is_above(0.0, 3, 100));
        assert!(
            !twins.is_above(0.0, 3, 110),
            "0.05 / 110 is rarer than 619 / 1 330 665"
        );
        assert!(!twins.is_above(0.0, 11, 1), "too few hits");
        assert!(!twins.is_above(0.5, 3, 1), "its interval begins at 0.497");
        assert!(
            !pair((2, 17), (10, 13)).is_above(0.0, 1, 1),
            "below the rest"
        );
    }

    #[test]
    fn without_others_the_interval_alone_decides() {
        assert!(pair((7, 10), (0, 0)).is_above(0.15, 4, 1_000));
        assert!(!pair((3, 10), (0, 0)).is_above(0.15, 3, 1));
        assert!(!pair((0, 0), (0, 0)).is_above(0.0, 0, 1));
    }
}

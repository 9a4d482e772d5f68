//! The interval of a share: how sure a count lets us be. Small counts give wide intervals, and so claim nothing.

/// Two-sided 95 % of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// A 95 % interval of a share, within 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Wilson's score interval (E. B. Wilson, Journal of the American Statistical Association 22, 1927) of `hits` out of `all`.
/// It stays honest for few conversations and for shares near 0 and 1. Of nothing, the share may be anything.
pub fn wilson(hits: u64, all: u64) -> Interval {
    if all == 0 {
        return Interval {
            low: 0.0,
            high: 1.0,
        };
    }
    let n = all as f64;
    let share = hits.min(all) as f64 / n;
    let spread = Z * Z / n;
    let middle = (share + spread / 2.0) / (1.0 + spread);
    let reach = Z / (1.0 + spread) * (share * (1.0 - share) / n + spread / (4.0 * n)).sqrt();
    Interval {
        low: (middle - reach).max(0.0),
        high: (middle + reach).min(1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_examples_come_out() {
        // R. G. Newcombe, Statistics in Medicine 17, 1998, table I, method 3.
        let published = [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0000, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ];
        for (hits, all, low, high) in published {
            let interval = wilson(hits, all);
            assert!((interval.low - low).abs() < 0.00006, "{hits}/{all}");
            assert!((interval.high - high).abs() < 0.00006, "{hits}/{all}");
        }
    }

    #[test]
    fn of_nothing_the_share_may_be_anything() {
        let interval = wilson(0, 0);
        assert_eq!((interval.low, interval.high), (0.0, 1.0));
    }
}

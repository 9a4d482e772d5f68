//! The few tests that findings and trends rest on, with their sources; each has reference values in its tests. Pure.
//!
//! Exact tests only: counts here are often below ten, where the usual approximations are wrong.

use statrs::distribution::{Binomial, DiscreteCDF};
use statrs::function::factorial::ln_binomial;

/// Chance of at least so many hits among `all`, were each a hit with chance `share`.
pub fn binomial_at_least(hits: u64, all: u64, share: f64) -> f64 {
    match (hits, Binomial::new(share.clamp(0.0, 1.0), all)) {
        (0, _) | (_, Err(_)) => 1.0,
        (hits, Ok(counts)) => counts.sf(hits - 1),
    }
}

/// Chance of at most so many hits among `all`, were each a hit with chance `share`.
pub fn binomial_at_most(hits: u64, all: u64, share: f64) -> f64 {
    match Binomial::new(share.clamp(0.0, 1.0), all) {
        Ok(counts) => counts.cdf(hits),
        Err(_) => 1.0,
    }
}

/// Fisher's exact test (R. A. Fisher, Statistical Methods for Research Workers, 5th ed., 1934, section 21.02), one-sided: the
/// chance that so many of the hits or more fall on these `all`, were hits spread over these and the others by chance.
pub fn fisher_at_least(hits: u64, all: u64, other_hits: u64, others: u64) -> f64 {
    let (marked, drawn) = (hits + other_hits, all);
    let whole = all + others;
    let most = marked.min(drawn);
    let of_all = ln_binomial(whole, drawn);
    let mut term =
        (ln_binomial(marked, hits) + ln_binomial(whole - marked, drawn - hits) - of_all).exp();
    let mut sum = term;
    for count in hits..most {
        // The next term from this one: exact, and far cheaper than its factorials.
        let more = (marked - count) as f64 * (drawn - count) as f64;
        let fewer = (count + 1) as f64 * (whole + count + 1 - marked - drawn) as f64;
        term *= more / fewer;
        sum += term;
        if more < fewer && term < sum * 1e-17 {
            break;
        }
    }
    sum.min(1.0)
}

/// Each chance corrected for looking at all of them (Y. Benjamini and Y. Hochberg, Journal of the Royal Statistical Society B
/// 57, 1995): what is called a discovery up to some value holds at most that share of false alarms.
pub fn corrected(chances: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..chances.len()).collect();
    order.sort_by(|one, other| chances[*one].total_cmp(&chances[*other]));
    let mut corrected = vec![1.0; chances.len()];
    let mut least = 1.0_f64;
    for (rank, place) in order.into_iter().enumerate().rev() {
        let looked_at = chances.len() as f64 / (rank + 1) as f64;
        least = least.min(chances[place] * looked_at);
        corrected[place] = least;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn close(found: f64, published: f64) {
        let error = (found - published).abs();
        assert!(
            error <= 1e-6 * published.max(1e-3),
            "{found} is not {published}"
        );
    }

    #[test]
    fn fishers_own_examples_come_out() {
        // The lady tasting tea: 3 of 4 right.
        close(fisher_at_least(3, 4, 1, 4), 17.0 / 70.0);
        close(fisher_at_least(4, 4, 0, 4), 1.0 / 70.0);
        // Convictions of twins: 10 of 13 against 2 of 17; Fisher gives 619 / 1330665.
        close(fisher_at_least(10, 13, 2, 17), 619.0 / 1_330_665.0);
        close(fisher_at_least(0, 5, 3, 9), 1.0);
    }

    #[test]
    fn binomial_tails_are_the_exact_ones() {
        // Ten coins: 11 of 1024 ways give at least nine heads.
        close(binomial_at_least(9, 10, 0.5), 11.0 / 1024.0);
        close(binomial_at_most(1, 10, 0.5), 11.0 / 1024.0);
        // Conover, Practical Nonparametric Statistics, 1971, p. 97: 682 of 925 plants against 3 in 4.
        close(binomial_at_most(682, 925, 0.75), 0.196_009_267_053_883_36);
        assert_eq!(binomial_at_least(0, 10, 0.5), 1.0);
        assert_eq!(binomial_at_most(10, 10, 0.5), 1.0);
    }

    #[test]
    fn the_example_of_benjamini_and_hochberg_comes_out() {
        // Their table 1 has fifteen chances; at 5 % the first four are discoveries.
        let chances = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262,
            0.5719, 0.6528, 0.7590, 1.0,
        ];
        let found = corrected(&chances);
        assert_eq!(found.iter().filter(|q| **q <= 0.05).count(), 4);
        close(found[0], 0.0015);
        close(found[3], 0.035_625);
        close(found[14], 1.0);
        assert!(corrected(&[]).is_empty());
    }

    #[test]
    fn many_looked_at_raise_the_bar() {
        let discoveries =
            |chances: &[f64]| corrected(chances).iter().filter(|q| **q <= 0.05).count();
        assert_eq!(discoveries(&[0.01, 0.04, 0.03, 0.5]), 1);
        assert_eq!(discoveries(&[0.01, 0.02, 0.03, 0.04]), 4);
        assert_eq!(discoveries(&[0.2, 0.9]), 0);
    }

    proptest! {
        #[test]
        fn both_tails_of_a_table_share_only_the_table_itself(
            (hits, all) in (0_u64..30).prop_flat_map(|all| (0..=all, Just(all))),
            (other_hits, others) in (0_u64..60).prop_flat_map(|all| (0..=all, Just(all))),
        ) {
            // Fewer hits here are more misses here.
            let more = fisher_at_least(hits, all, other_hits, others);
            let fewer = fisher_at_least(all - hits, all, others - other_hits, others);
            prop_assert!((0.0..=1.0).contains(&more));
            prop_assert!(more + fewer >= 1.0 - 1e-9);
        }

        #[test]
        fn corrected_chances_keep_their_order_and_never_fall(
            chances in prop::collection::vec(0.0_f64..=1.0, 0..40),
        ) {
            let found = corrected(&chances);
            for (one, q) in chances.iter().zip(&found) {
                prop_assert!(q >= one && *q <= 1.0);
                for (other, q_other) in chances.iter().zip(&found) {
                    prop_assert!(one > other || q <= q_other);
                }
            }
        }
    }
}

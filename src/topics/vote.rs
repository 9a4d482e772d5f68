//! Where a document belongs, judged by its nearest neighbours that have a topic, with a threshold that each topic
//! learnt from its own spread. The same rule for arrivals, for what a sample left out, and for what small groups leave behind.

use std::cmp::Reverse;

use super::graph::{Neighbour, nearest};
use super::vector::{Matrix, product, sum};

/// A topic's middle and how near to it one must be.
#[derive(Clone, Debug, PartialEq)]
pub struct Middle {
    /// The direction of the middle.
    pub direction: Vec<i8>,
    /// Least product with it.
    pub threshold: i32,
}

/// Where a document can belong: one middle, or several where a person merged topics.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Place {
    /// The middles.
    pub middles: Vec<Middle>,
}

impl Place {
    /// Whether a vector is near enough.
    pub fn takes(&self, vector: &[i8]) -> bool {
        let is_near = |middle: &Middle| product(&middle.direction, vector) >= middle.threshold;
        self.middles.iter().any(is_near)
    }

    /// The middle that a vector is nearest to, each measured by its own threshold.
    pub fn nearest(&self, vector: &[i8]) -> Option<usize> {
        let margin = |middle: &Middle| {
            i64::from(product(&middle.direction, vector)) - i64::from(middle.threshold)
        };
        let places = 0..self.middles.len();
        places.max_by_key(|at| (margin(&self.middles[*at]), Reverse(*at)))
    }

    /// How near a vector is, 0 to 1.
    pub fn score(&self, vector: &[i8]) -> f64 {
        let nearness = |middle: &Middle| cosine(&middle.direction, vector);
        self.middles
            .iter()
            .map(nearness)
            .fold(0.0, f64::max)
            .min(1.0)
    }
}

/// The cosine of two vectors; 0 when one has no direction.
pub fn cosine(left: &[i8], right: &[i8]) -> f64 {
    share_of_lengths(product(left, right), left, right)
}

/// A product as a cosine: as a share of what two vectors of these lengths can have in common.
pub fn share_of_lengths(part: i32, left: &[i8], right: &[i8]) -> f64 {
    let length = |of: &[i8]| f64::from(product(of, of)).sqrt();
    let lengths = length(left) * length(right);
    if lengths > 0.0 {
        f64::from(part) / lengths
    } else {
        0.0
    }
}

/// What decides.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    /// Where documents can belong.
    pub places: Vec<Place>,
    /// Least mean product with the nearest neighbours: below it a document is alone.
    pub floor: i32,
}

/// Neighbours that say how lonely a document is.
const COMPANY: usize = 5;
/// Neighbours that vote, at most.
const VOTERS_MAX: usize = 15;
/// A document is alone if its company is not even this share of the way from any two documents to the
/// usual company.
const COMPANY_SHARE: f64 = 0.45;

/// The mean product with the nearest neighbours.
pub fn company(neighbours: &[Neighbour]) -> i32 {
    let near = &neighbours[..neighbours.len().min(COMPANY)];
    let total: i64 = near
        .iter()
        .map(|neighbour| i64::from(neighbour.product))
        .sum();
    (total / near.len().max(1) as i64) as i32
}

/// The least company among documents like these, whose own companies are given: between what any two of them have
/// in common and what neighbours usually have.
pub fn floor(matrix: &Matrix, mut companies: Vec<i32>) -> i32 {
    let Some(usual) = median(&mut companies).filter(|_| matrix.len() > COMPANY) else {
        return i32::MIN;
    };
    let rows = || (0..matrix.len()).map(|row| matrix.row(row));
    let whole: i128 = sum(matrix.width(), rows())
        .into_iter()
        .map(|v| i128::from(v) * i128::from(v))
        .sum();
    let alone: i128 = rows().map(|row| i128::from(product(row, row))).sum();
    let pairs = matrix.len() as i128 * (matrix.len() as i128 - 1);
    let any_two = ((whole - alone) / pairs) as f64;
    (any_two + COMPANY_SHARE * (f64::from(usual) - any_two)).round() as i32
}

/// The outcome for one document: places by number.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Verdict {
    /// Where it belongs.
    pub first: Option<u32>,
    /// What it also touches.
    pub second: Option<u32>,
}

/// Least share of the votes for a second topic, in percent.
const SECOND_PERCENT: i64 = 30;

/// Why a document belongs where it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Not even its nearest neighbours are near.
    Alone,
    /// None of its neighbours has a place.
    NoVotes,
    /// The heaviest place, which is too far away.
    TooFar(u32),
    /// The heaviest place, which is near enough.
    Belongs(u32),
}

/// What was heard about one document: places by number.
#[derive(Clone, Debug, PartialEq)]
pub struct Hearing {
    /// The mean product with its nearest neighbours.
    pub company: i32,
    /// The neighbours' products, added up by place, heaviest first.
    pub votes: Vec<(u32, i64)>,
    /// What follows.
    pub outcome: Outcome,
    /// What it also touches.
    pub second: Option<u32>,
}

impl Hearing {
    /// Where the document belongs.
    pub fn verdict(&self) -> Verdict {
        let first = match self.outcome {
            Outcome::Belongs(place) => Some(place),
            _ => None,
        };
        Verdict {
            first,
            second: self.second,
        }
    }
}

/// Hears a document's neighbours; `place_of` gives a neighbour's place.
pub fn hear(
    vector: &[i8],
    neighbours: &[Neighbour],
    place_of: impl Fn(u32) -> Option<u32>,
    rules: &Rules,
) -> Hearing {
    let company = company(neighbours);
    let neighbours = &neighbours[..neighbours.len().min(VOTERS_MAX)];
    let mut votes: Vec<(u32, i64)> = Vec::new();
    for neighbour in neighbours.iter().filter(|neighbour| neighbour.product > 0) {
        let Some(place) = place_of(neighbour.index) else {
            continue;
        };
        match votes.iter_mut().find(|(known, _)| *known == place) {
            Some((_, weight)) => *weight += i64::from(neighbour.product),
            None => votes.push((place, i64::from(neighbour.product))),
        }
    }
    let all: i64 = votes.iter().map(|(_, weight)| weight).sum();
    votes.sort_by_key(|(place, weight)| (-weight, *place));
    let is_near = |place: u32| rules.places[place as usize].takes(vector);
    // The threshold decides whether the strongest may have it, not who comes instead.
    let outcome = match votes.first() {
        _ if company < rules.floor => Outcome::Alone,
        None => Outcome::NoVotes,
        Some((place, _)) if is_near(*place) => Outcome::Belongs(*place),
        Some((place, _)) => Outcome::TooFar(*place),
    };
    let second = votes
        .get(1)
        .filter(|(_, weight)| weight * 100 >= all * SECOND_PERCENT)
        .map(|(place, _)| *place)
        .filter(|place| matches!(outcome, Outcome::Belongs(_)) && is_near(*place));
    Hearing {
        company,
        votes,
        outcome,
        second,
    }
}

/// What follows from the votes of a document's neighbours.
pub fn verdict(
    vector: &[i8],
    neighbours: &[Neighbour],
    place_of: impl Fn(u32) -> Option<u32>,
    rules: &Rules,
) -> Verdict {
    hear(vector, neighbours, place_of, rules).verdict()
}

/// The verdicts for many documents.
pub fn verdicts(
    arrivals: &Matrix,
    settled: &Matrix,
    place_of: &[u32],
    rules: &Rules,
    neighbours: usize,
) -> Vec<Verdict> {
    nearest(
        arrivals,
        settled,
        neighbours,
        |_, _| true,
        |row, found| {
            verdict(
                arrivals.row(row),
                found,
                |index| Some(place_of[index as usize]),
                rules,
            )
        },
    )
}

/// The threshold of a group: as far below the median of its members' products with the middle as `spread` times their
/// usual distance from the median (the median absolute deviation times 1.4826, which is one standard deviation of a
/// normal distribution).
pub fn learnt_threshold(mut products: Vec<i32>, spread: f64) -> i32 {
    let Some(median) = median(&mut products) else {
        return i32::MAX;
    };
    let mut distances: Vec<i32> = products.iter().map(|p| (p - median).abs()).collect();
    let usual = super::vote::median(&mut distances).unwrap_or(0);
    // A group of equal texts has no spread; still, its neighbours must be able to join.
    let usual = f64::from(usual).max(f64::from(median.max(0)) * SPREAD_LEAST);
    (f64::from(median) - spread * 1.4826 * usual).round() as i32
}

/// Least usual distance from the median, as a share of the median.
const SPREAD_LEAST: f64 = 0.02;

fn median(numbers: &mut [i32]) -> Option<i32> {
    numbers.sort_unstable();
    numbers.get(numbers.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Vector;

    fn place(middle: [i8; 2], threshold: i32) -> Place {
        Place {
            middles: vec![Middle {
                direction: middle.to_vec(),
                threshold,
            }],
        }
    }

    fn neighbour(index: u32, product: i32) -> Neighbour {
        Neighbour { index, product }
    }

    #[test]
    fn the_heaviest_place_wins_if_it_is_near_enough() {
        let rules = Rules {
            places: vec![place([100, 0], 5_000), place([0, 100], 5_000)],
            floor: 0,
        };
        let votes = [
            neighbour(0, 9_000),
            neighbour(1, 8_000),
            neighbour(2, 7_000),
        ];
        let of = |index: u32| Some(u32::from(index > 0));
        let found = verdict(&[60, 70], &votes, of, &rules);
        assert_eq!((found.first, found.second), (Some(1), Some(0)));
        let far = verdict(&[60, 40], &votes, of, &rules);
        assert_eq!((far.first, far.second), (None, None));
    }

    #[test]
    fn without_neighbours_there_is_no_verdict() {
        assert_eq!(
            verdict(&[1, 1], &[], |_| None, &Rules::default()),
            Verdict::default()
        );
    }

    #[test]
    fn who_has_no_company_gets_no_verdict() {
        let rules = Rules {
            places: vec![place([100, 0], 0)],
            floor: 6_000,
        };
        let near = verdict(
            &[9, 9],
            &[neighbour(0, 7_000), neighbour(1, 5_000)],
            |_| Some(0),
            &rules,
        );
        assert_eq!(near.first, Some(0));
        let lonely = verdict(
            &[9, 9],
            &[neighbour(0, 7_000), neighbour(1, 4_000)],
            |_| Some(0),
            &rules,
        );
        assert_eq!(lonely.first, None);
    }

    #[test]
    fn the_floor_lies_between_any_two_and_the_usual_neighbours() {
        let vectors = [[100, 0], [100, 0], [100, 0], [0, 100], [0, 100], [0, 100]];
        let vectors: Vec<Vector> = vectors.iter().map(|v| Vector(Box::new(*v))).collect();
        // Six of the fifteen pairs have 10,000 in common, the others nothing: 4,000 on average.
        assert_eq!(floor(&Matrix::new(&vectors), vec![10_000; 6]), 6_700);
        assert_eq!(floor(&Matrix::default(), Vec::new()), i32::MIN);
    }

    #[test]
    fn the_threshold_lies_below_the_median_by_the_spread() {
        let products = vec![10_000, 10_400, 9_600, 10_200, 9_800];
        assert_eq!(
            learnt_threshold(products, 3.0),
            10_000 - (3.0_f64 * 1.4826 * 200.0).round() as i32
        );
        assert_eq!(learnt_threshold(vec![10_000; 9], 3.0), 10_000 - 890);
    }
}

//! The fast tier for large backfills: a map from words to vectors, learnt on the corpus itself.
//!
//! A sample of the texts gets its vectors from the real encoder. Ridge regression then finds for each feature of
//! the sample's texts (words, pairs of words, runs of letters) the numbers whose sum comes nearest to those
//! vectors. For the other texts that sum is the vector: about ten times faster, and nearly as near.
//!
//! Everything is added up in a fixed order, column by column, so threads change nothing; memory is bounded by
//! the number of features, whatever the number of texts.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::lexical::hash;
use super::pieces::ends;
use crate::model::{Text, Vector};
use crate::section::Section;

/// Texts that wait for their vectors from which the fast tier is worth its price.
const ABOVE: i64 = 200_000;
/// Texts that the real encoder reads for it.
const SAMPLE: i64 = 20_000;
/// Places that features are hashed to.
const PLACES: usize = 1 << 16;
/// How much large weights cost; the best of .03 to 1 on held-out texts of banking77.
const PENALTY: f32 = 0.1;
/// Steps towards the best weights; the last ten gain less than .005 in cosine.
const STEPS: usize = 40;
/// Columns worked on at once.
const COLUMNS: usize = 32;
/// Of longer texts both ends are read.
const TEXT_BYTES_MAX: usize = 4_000;
/// Letters in a run.
const RUN: usize = 4;

/// When the fast tier is used: settings of the `[embed]` table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FastConfig {
    /// It is used while more texts than this wait for a vector, and more than the sample.
    pub above: u64,
    /// Texts of the sample.
    pub sample: u64,
}

impl FastConfig {
    /// Reads its settings.
    pub fn read(section: &mut Section<'_>) -> Self {
        let mut number = |key, default, range| section.number(key, default, range).unsigned_abs();
        Self {
            above: number("fast_above", ABOVE, 0..=1_000_000_000_000),
            sample: number("fast_sample", SAMPLE, 100..=1_000_000),
        }
    }

    /// Whether so many waiting texts are enough.
    pub fn is_worth_it(&self, waiting: u64) -> bool {
        waiting > self.above.max(self.sample)
    }
}

impl Default for FastConfig {
    fn default() -> Self {
        Self {
            above: ABOVE.unsigned_abs(),
            sample: SAMPLE.unsigned_abs(),
        }
    }
}

/// A text's features: places and weights, in order of the places; their squares add up to 1.
type Row = Vec<(u32, f32)>;

/// What was learnt: numbers for each feature of the sample, and the mean of all vectors.
pub struct Learnt {
    width: usize,
    mean: Vec<f32>,
    /// Places of the sample's features, in order.
    places: Vec<u32>,
    /// Numbers for each of these places.
    weights: Vec<f32>,
}

impl Learnt {
    /// Learns from texts and their vectors. Vectors of another width than the first are left out.
    pub fn from_sample(sample: &[(Text, Vector)]) -> Self {
        let width = sample.first().map_or(0, |(_, vector)| vector.0.len());
        let known: Vec<(Row, &Vector)> = sample
            .par_iter()
            .filter(|(_, vector)| vector.0.len() == width && !vector.is_zero())
            .map(|(text, vector)| (features(text), vector))
            .collect();
        let (mut rows, vectors): (Vec<Row>, Vec<&Vector>) = known.into_iter().unzip();
        let mut places: Vec<u32> = rows.iter().flatten().map(|(place, _)| *place).collect();
        places.sort_unstable();
        places.dedup();
        for (place, _) in rows.iter_mut().flatten() {
            *place = places.partition_point(|known| known < place) as u32;
        }
        let mut mean = vec![0.0; width];
        for vector in &vectors {
            for (total, value) in mean.iter_mut().zip(&vector.0) {
                *total += f32::from(*value) / 127.0;
            }
        }
        for total in &mut mean {
            *total /= vectors.len().max(1) as f32;
        }
        let mut learnt = Self {
            width,
            weights: vec![0.0; places.len() * width],
            places,
            mean,
        };
        learnt.solve(&rows, &vectors);
        learnt
    }

    /// One vector for each text.
    pub fn vectors(&self, texts: &[Text]) -> Vec<Vector> {
        texts.par_iter().map(|text| self.vector(text)).collect()
    }

    fn vector(&self, text: &Text) -> Vector {
        let features = features(text);
        if features.is_empty() {
            return Vector(vec![0; self.width].into_boxed_slice());
        }
        let mut sum = self.mean.clone();
        for (place, weight) in features {
            let Ok(place) = self.places.binary_search(&place) else {
                continue;
            };
            let from = place * self.width;
            add(&mut sum, weight, &self.weights[from..from + self.width]);
        }
        Vector::from_floats(&sum)
    }

    fn solve(&mut self, rows: &[Row], vectors: &[&Vector]) {
        let starts: Vec<usize> = (0..self.width).step_by(COLUMNS).collect();
        let solved: Vec<Vec<f32>> = starts
            .par_iter()
            .map(|start| {
                let columns = *start..(start + COLUMNS).min(self.width);
                let wanted = |(vector, line): (&&Vector, &mut [f32])| {
                    for (column, value) in columns.clone().zip(line) {
                        *value = f32::from(vector.0[column]) / 127.0 - self.mean[column];
                    }
                };
                let mut targets = vec![0.0; rows.len() * columns.len()];
                let lines = targets.chunks_mut(columns.len());
                vectors.iter().zip(lines).for_each(wanted);
                ridge(rows, self.places.len(), &targets, columns.len())
            })
            .collect();
        for (start, columns) in starts.into_iter().zip(solved) {
            let count = COLUMNS.min(self.width - start);
            for (place, line) in columns.chunks(count).enumerate() {
                let from = place * self.width + start;
                self.weights[from..from + count].copy_from_slice(line);
            }
        }
    }
}

/// The weights that come nearest to the targets at a price for large weights: conjugate gradients on the normal
/// equations, all columns side by side, each with steps of its own.
fn ridge(rows: &[Row], features: usize, targets: &[f32], columns: usize) -> Vec<f32> {
    let mut weights = vec![0.0; features * columns];
    let mut rest = spread(rows, features, targets, columns);
    let mut direction = rest.clone();
    let mut squares = column_products(&rest, &rest, columns);
    for _ in 0..STEPS {
        let seen = gathered(rows, &direction, columns);
        let mut bent = spread(rows, features, &seen, columns);
        add(&mut bent, PENALTY, &direction);
        let curve = column_products(&direction, &bent, columns);
        let steps = quotients(&squares, &curve);
        let lines = weights.chunks_mut(columns).zip(rest.chunks_mut(columns));
        let others = direction.chunks(columns).zip(bent.chunks(columns));
        for ((weight, rest), (direction, bent)) in lines.zip(others) {
            for column in 0..columns {
                weight[column] += steps[column] * direction[column];
                rest[column] -= steps[column] * bent[column];
            }
        }
        let next = column_products(&rest, &rest, columns);
        let turns = quotients(&next, &squares);
        for (direction, rest) in direction.chunks_mut(columns).zip(rest.chunks(columns)) {
            for column in 0..columns {
                direction[column] = rest[column] + turns[column] * direction[column];
            }
        }
        squares = next;
    }
    weights
}

/// What the features of each text add up to.
fn gathered(rows: &[Row], features: &[f32], columns: usize) -> Vec<f32> {
    let mut sums = vec![0.0; rows.len() * columns];
    for (row, sum) in rows.iter().zip(sums.chunks_mut(columns)) {
        for (place, weight) in row {
            let from = *place as usize * columns;
            add(sum, *weight, &features[from..from + columns]);
        }
    }
    sums
}

/// What the texts of each feature add up to.
fn spread(rows: &[Row], features: usize, texts: &[f32], columns: usize) -> Vec<f32> {
    let mut sums = vec![0.0; features * columns];
    for (row, text) in rows.iter().zip(texts.chunks(columns)) {
        for (place, weight) in row {
            let from = *place as usize * columns;
            add(&mut sums[from..from + columns], *weight, text);
        }
    }
    sums
}

fn add(total: &mut [f32], weight: f32, values: &[f32]) {
    for (total, value) in total.iter_mut().zip(values) {
        *total += weight * value;
    }
}

fn column_products(left: &[f32], right: &[f32], columns: usize) -> Vec<f64> {
    let mut products = vec![0.0; columns];
    for (left, right) in left.chunks(columns).zip(right.chunks(columns)) {
        for ((product, left), right) in products.iter_mut().zip(left).zip(right) {
            *product += f64::from(*left) * f64::from(*right);
        }
    }
    products
}

/// Zero where there is nothing left to divide by: that column is solved.
fn quotients(over: &[f64], under: &[f64]) -> Vec<f32> {
    let quotient = |(over, under): (&f64, &f64)| match *under > f64::MIN_POSITIVE {
        true => (over / under) as f32,
        false => 0.0,
    };
    over.iter().zip(under).map(quotient).collect()
}

/// Words, pairs of neighbours and runs of letters, hashed.
fn features(text: &Text) -> Row {
    let (head, tail) = ends(text.as_str(), TEXT_BYTES_MAX);
    let lower = format!("{head} {tail}").to_lowercase();
    let mut counts = BTreeMap::<u32, f32>::new();
    let mut count = |kind: &str, feature: &str| {
        let place = hash(kind, feature) % PLACES as u64;
        *counts.entry(place as u32).or_default() += 1.0;
    };
    let words = lower.split(|c: char| !c.is_alphanumeric());
    let mut before = "^";
    for word in words.filter(|word| !word.is_empty()) {
        count("word", word);
        count("pair", &format!("{before} {word}"));
        let marked = format!("_{word}_");
        let mut edges: Vec<usize> = marked.char_indices().map(|(at, _)| at).collect();
        edges.push(marked.len());
        for window in edges.windows(RUN + 1) {
            count("run", &marked[window[0]..window[RUN]]);
        }
        before = word;
    }
    if before != "^" {
        count("pair", &format!("{before} $"));
    }
    let square: f32 = counts.values().map(|count| count * count).sum();
    let scale = 1.0 / square.sqrt().max(1.0);
    let scaled = |(place, count)| (place, count * scale);
    counts.into_iter().map(scaled).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embed::Transformer;
    use crate::embed::tests::cosine;

    /// Texts from a few parts, so that what is left out is made of what is known.
    fn corpus() -> Vec<Text> {
        let who = ["my", "the", "our new", "this old"];
        let what = ["heat pump", "card", "invoice", "router", "boiler", "parcel"];
        let how = [
            "makes a loud noise at night",
            "has not arrived yet",
            "was charged twice",
            "loses the connection",
            "leaks water on the floor",
            "shows error E17",
        ];
        let mut texts = Vec::new();
        for who in who {
            for what in what {
                for how in how {
                    texts.push(Text::new(format!("{who} {what} {how}")));
                }
            }
        }
        texts
    }

    fn sampled(texts: &[Text]) -> Vec<(Text, Vector)> {
        let encoder = Transformer::built_in().unwrap();
        let vectors = encoder.encode(texts).unwrap();
        texts.iter().cloned().zip(vectors).collect()
    }

    #[test]
    fn what_was_learnt_comes_near_to_the_encoder_on_texts_left_out() {
        let all = sampled(&corpus());
        let (rest, sample): (Vec<_>, Vec<_>) = (0..all.len()).partition(|place| place % 7 == 0);
        let pick = |places: &[usize]| -> Vec<(Text, Vector)> {
            places.iter().map(|place| all[*place].clone()).collect()
        };
        let learnt = Learnt::from_sample(&pick(&sample));
        let rest = pick(&rest);
        let texts: Vec<Text> = rest.iter().map(|(text, _)| text.clone()).collect();
        let found = learnt.vectors(&texts);
        let cosines = rest
            .iter()
            .zip(&found)
            .map(|((_, real), found)| cosine(real, found));
        let mean = cosines.sum::<f64>() / rest.len() as f64;
        assert!(mean > 0.85, "{mean}");
        let strangers: f64 = (1..rest.len())
            .map(|at| cosine(&rest[at].1, &found[at - 1]))
            .sum();
        assert!(strangers / (rest.len() - 1) as f64 + 0.2 < mean);
    }

    #[test]
    fn threads_change_nothing_and_neither_does_company() {
        let sample = sampled(&corpus()[..40]);
        let learnt = Learnt::from_sample(&sample);
        let one = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .unwrap();
        let alone = one.install(|| Learnt::from_sample(&sample));
        assert_eq!(learnt.weights, alone.weights);
        let texts = corpus();
        let together = learnt.vectors(&texts);
        assert_eq!(together[7], alone.vectors(&texts[7..8])[0]);
    }

    #[test]
    fn nothing_learnt_and_nothing_said_give_the_zero_vector() {
        let nothing = Learnt::from_sample(&[]);
        assert_eq!(nothing.vectors(&[Text::from("a pump")])[0].0.len(), 0);
        let learnt = Learnt::from_sample(&sampled(&corpus()[..4]));
        let vectors = learnt.vectors(&[Text::from(""), Text::from("?!"), Text::from("unseen")]);
        assert!(vectors[0].is_zero() && vectors[1].is_zero());
        assert_eq!(vectors[2].0.len(), 384);
    }

    #[test]
    fn it_is_used_above_its_bounds_only() {
        let config = FastConfig {
            above: 10,
            sample: 1_000,
        };
        assert!(!config.is_worth_it(1_000) && config.is_worth_it(1_001));
        assert!(!FastConfig::default().is_worth_it(200_000));
        assert!(FastConfig::default().is_worth_it(200_001));
    }
}

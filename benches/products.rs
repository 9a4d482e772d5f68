//! Integer operations a second in the search for neighbours, beside the most that this processor's multiply instruction
//! gives, measured in the same run on the same threads. `cargo bench --bench products`
//!
//! A multiplication and an addition are two operations. The peak multiplies what already lies in registers; the search
//! also reads vectors, adds up, and keeps the nearest.

#![allow(unsafe_code)]

use std::hint::black_box;
use std::time::Instant;

use groundswell::model::Vector;
use groundswell::topics::{Matrix, nearest};
use rayon::prelude::*;

/// Numbers in a vector of the built-in encoder.
const WIDTH: usize = 384;
/// The neighbours that are kept.
const NEIGHBOURS: usize = 15;
/// Each figure is the best of so many tries: what disturbs only makes it slower.
const TRIES: usize = 5;

fn main() {
    let threads = rayon::current_num_threads();
    let peak = best(peak_operations);
    println!("threads: {threads}");
    match peak {
        Some(peak) => println!("peak of the multiply instruction: {:.1} G/s", peak / 1e9),
        None => println!("peak: no multiply instruction of this processor is known here"),
    }
    for count in [10_000, 40_000] {
        let vectors = vectors(count);
        let matrix = Matrix::new(&vectors);
        let search = best(|| {
            let started = Instant::now();
            let near = nearest(
                &matrix,
                &matrix,
                NEIGHBOURS,
                |row, column| row != column,
                |_, list| list.len(),
            );
            black_box(near);
            Some(2.0 * (count * count * WIDTH) as f64 / started.elapsed().as_secs_f64())
        });
        let search = search.expect("there is a figure");
        let share = peak.map_or_else(String::new, |peak| {
            format!(", {:.0} % of the peak", 100.0 * search / peak)
        });
        println!("neighbours of {count}: {:.1} G/s{share}", search / 1e9);
    }
}

fn best(figure: impl Fn() -> Option<f64>) -> Option<f64> {
    (0..TRIES).filter_map(|_| figure()).max_by(f64::total_cmp)
}

/// Vectors without any order: a fixed generator (Numerical Recipes' constants), the same on every machine.
fn vectors(count: usize) -> Vec<Vector> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8 as i8
    };
    (0..count)
        .map(|_| Vector((0..WIDTH).map(|_| next()).collect()))
        .collect()
}

/// Operations a second of all threads together; none where no instruction is known.
fn peak_operations() -> Option<f64> {
    const ROUNDS: u64 = 20_000_000;
    let started = Instant::now();
    let done: Vec<Option<u64>> = (0..rayon::current_num_threads())
        .into_par_iter()
        .map(|_| multiply(ROUNDS))
        .collect();
    let done: u64 = done.into_iter().sum::<Option<u64>>()?;
    Some(done as f64 / started.elapsed().as_secs_f64())
}

#[cfg(target_arch = "x86_64")]
fn multiply(rounds: u64) -> Option<u64> {
    if is_x86_feature_detected!("avx512vnni") && is_x86_feature_detected!("avx512bw") {
        // SAFETY: the processor has just said that it has these instructions.
        return Some(unsafe { x86::vnni(rounds) });
    }
    // SAFETY: as above, for AVX2.
    is_x86_feature_detected!("avx2").then(|| unsafe { x86::avx2(rounds) })
}

#[cfg(not(target_arch = "x86_64"))]
fn multiply(_rounds: u64) -> Option<u64> {
    None
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;
    use std::hint::black_box;

    /// Sums that do not wait for each other: more than the instruction's delay times the units that do it.
    const SUMS: usize = 12;

    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    pub fn vnni(rounds: u64) -> u64 {
        let left = _mm512_set1_epi8(black_box(3));
        let right = _mm512_set1_epi8(black_box(-2));
        let mut sums = [_mm512_setzero_si512(); SUMS];
        for _ in 0..rounds {
            for sum in &mut sums {
                *sum = _mm512_dpbusd_epi32(*sum, left, right);
            }
        }
        let total = sums
            .iter()
            .fold(_mm512_setzero_si512(), |a, b| _mm512_add_epi32(a, *b));
        black_box(_mm512_reduce_add_epi32(total));
        rounds * SUMS as u64 * 64 * 2
    }

    #[target_feature(enable = "avx2")]
    pub fn avx2(rounds: u64) -> u64 {
        let left = _mm256_set1_epi16(black_box(3));
        let right = _mm256_set1_epi16(black_box(-2));
        let mut sums = [_mm256_setzero_si256(); SUMS];
        for _ in 0..rounds {
            for sum in &mut sums {
                *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(left, right));
            }
        }
        let total = sums
            .iter()
            .fold(_mm256_setzero_si256(), |a, b| _mm256_add_epi32(a, *b));
        black_box(_mm256_extract_epi32::<0>(total));
        rounds * SUMS as u64 * 16 * 2
    }
}

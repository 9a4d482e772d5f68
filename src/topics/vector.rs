//! Exact products of 8-bit vectors, many at a time. Sums of integers have no rounding, so the answer
//! is the same in any order, on any number of threads and on any processor.
//!
//! One job: a tile of products, `rows` times `columns`. `kernel` holds the versions for processors that
//! can do many products at once; what they give is tested against the plain loop here.

use std::sync::LazyLock;

use crate::model::Vector;

use super::kernel::Kernel;

/// Vectors of one width, one after the other.
#[derive(Clone, Debug, Default)]
pub struct Matrix {
    width: usize,
    values: Vec<i8>,
}

impl Matrix {
    /// Copies vectors side by side. A vector of another width than the first counts as zero: vectors of
    /// different models never meet.
    pub fn new<'a>(vectors: impl IntoIterator<Item = &'a Vector>) -> Self {
        let mut matrix = Self::default();
        for vector in vectors {
            if matrix.values.is_empty() {
                matrix.width = vector.0.len();
            }
            if vector.0.len() == matrix.width {
                matrix.values.extend_from_slice(&vector.0);
            } else {
                matrix.values.resize(matrix.values.len() + matrix.width, 0);
            }
        }
        matrix
    }

    /// Some of the rows, in the order given.
    pub fn picked(&self, rows: &[usize]) -> Self {
        Self {
            width: self.width,
            values: rows
                .iter()
                .flat_map(|row| self.row(*row).iter().copied())
                .collect(),
        }
    }

    /// How many vectors.
    pub fn len(&self) -> usize {
        self.values.len().checked_div(self.width).unwrap_or(0)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many numbers a vector has.
    pub fn width(&self) -> usize {
        self.width
    }

    /// One vector.
    pub fn row(&self, index: usize) -> &[i8] {
        &self.values[index * self.width..(index + 1) * self.width]
    }

    /// Vectors `from` up to but not including `to`, side by side.
    pub fn rows(&self, from: usize, to: usize) -> &[i8] {
        &self.values[from * self.width..to * self.width]
    }
}

/// The product of two vectors; numbers without a partner count as zero.
pub fn product(left: &[i8], right: &[i8]) -> i32 {
    left.iter()
        .zip(right)
        .map(|(l, r)| i32::from(*l) * i32::from(*r))
        .sum()
}

/// All products of `rows` with `columns`, row by row: `out[r * columns + c]`.
///
/// # Panics
/// When `out` is not exactly rows times columns long.
pub fn products(rows: &[i8], columns: &[i8], width: usize, out: &mut [i32]) {
    if width == 0 {
        return;
    }
    let (row_count, column_count) = (rows.len() / width, columns.len() / width);
    assert_eq!(
        out.len(),
        row_count * column_count,
        "one place for each product"
    );
    let rows = &rows[..row_count * width];
    let columns = &columns[..column_count * width];
    static FASTEST: LazyLock<Kernel> = LazyLock::new(|| {
        super::kernel::all()
            .first()
            .copied()
            .unwrap_or(products_plainly)
    });
    FASTEST(rows, columns, width, out);
}

/// The plain loop, for processors without a version of their own, and as the measure for those that have one.
fn products_plainly(rows: &[i8], columns: &[i8], width: usize, out: &mut [i32]) {
    let mut places = out.iter_mut();
    for row in rows.chunks_exact(width) {
        for (column, place) in columns.chunks_exact(width).zip(&mut places) {
            *place = product(row, column);
        }
    }
}

/// The sum of vectors, number by number.
pub fn sum<'a>(width: usize, vectors: impl IntoIterator<Item = &'a [i8]>) -> Vec<i64> {
    let mut total = vec![0_i64; width];
    for vector in vectors {
        for (place, value) in total.iter_mut().zip(vector) {
            *place += i64::from(*value);
        }
    }
    total
}

/// The direction of a sum of vectors, as a vector.
pub fn direction(sum: &[i64]) -> Vector {
    let square: f64 = sum.iter().map(|v| (*v as f64) * (*v as f64)).sum();
    if square <= 0.0 {
        return Vector(vec![0; sum.len()].into_boxed_slice());
    }
    let scale = 127.0 / square.sqrt();
    Vector(
        sum.iter()
            .map(|v| (*v as f64 * scale).round().clamp(-127.0, 127.0) as i8)
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_kernel_gives_what_the_plain_loop_gives(
            width in 1_usize..200,
            rows in 0_usize..11,
            columns in 0_usize..11,
            seed in any::<u64>(),
        ) {
            let mut state = seed;
            let mut next = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 56) as u8 as i8
            };
            let left: Vec<i8> = (0..rows * width).map(|_| next()).collect();
            let right: Vec<i8> = (0..columns * width).map(|_| next()).collect();
            let mut plain = vec![0; rows * columns];
            products_plainly(&left, &right, width, &mut plain);
            for kernel in super::super::kernel::all() {
                let mut fast = vec![0; rows * columns];
                kernel(&left, &right, width, &mut fast);
                prop_assert_eq!(&fast, &plain);
            }
        }
    }

    #[test]
    fn the_largest_numbers_do_not_overflow() {
        let lowest = vec![i8::MIN; 384];
        let mut out = [0];
        products(&lowest, &lowest, 384, &mut out);
        assert_eq!(out, [384 * 128 * 128]);
    }

    #[test]
    fn a_vector_of_another_model_counts_as_zero() {
        let matrix = Matrix::new(&[
            Vector(vec![1, 2].into()),
            Vector(vec![1, 2, 3].into()),
            Vector(vec![3, 4].into()),
        ]);
        assert_eq!(matrix.len(), 3);
        assert_eq!(matrix.row(1), [0, 0]);
        assert_eq!(matrix.row(2), [3, 4]);
    }
}

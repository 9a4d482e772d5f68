//! Tiles of integer products with the processor's wide instructions, chosen at run time.
//! The only unsafe code of the program. Every version is compared with the plain loop in `vector`'s tests.

#![allow(unsafe_code)]

/// A version of `vector::products`.
pub type Kernel = fn(&[i8], &[i8], usize, &mut [i32]);

/// The versions that this processor can run, fastest first. May be empty.
pub fn all() -> Vec<Kernel> {
    let mut kernels: Vec<Kernel> = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512vnni") && is_x86_feature_detected!("avx512bw") {
            // SAFETY: the processor has just said that it has these instructions.
            kernels.push(|r, c, w, o| unsafe { x86::products_vnni(r, c, w, o) });
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has just said that it has AVX2.
            kernels.push(|r, c, w, o| unsafe { x86::products_avx2(r, c, w, o) });
        }
    }
    #[cfg(target_arch = "aarch64")]
    kernels.push(arm::products_neon);
    kernels
}

/// A tile, and how to cut it.
#[derive(Clone, Copy)]
struct Tile<'a> {
    rows: &'a [i8],
    columns: &'a [i8],
    width: usize,
}

impl Tile<'_> {
    /// `count` whole vectors of the rows from `first` on.
    #[inline(always)]
    fn rows(&self, first: usize, count: usize) -> &[i8] {
        &self.rows[first * self.width..(first + count) * self.width]
    }

    /// `count` whole vectors of the columns from `first` on.
    #[inline(always)]
    fn columns(&self, first: usize, count: usize) -> &[i8] {
        &self.columns[first * self.width..(first + count) * self.width]
    }

    /// Calls `block` for each whole block of `R` by `C`, and `single` for each place that no block covers.
    /// Both get the first row and column.
    #[inline(always)]
    fn walk<const R: usize, const C: usize>(
        &self,
        out: &mut [i32],
        block: impl Fn(usize, usize) -> [[i32; C]; R],
        single: impl Fn(usize, usize) -> [[i32; 1]; 1],
    ) {
        let row_count = self.rows.len() / self.width;
        let column_count = self.columns.len() / self.width;
        let (whole_rows, whole_columns) = (row_count / R * R, column_count / C * C);
        for row in (0..whole_rows).step_by(R) {
            for column in (0..whole_columns).step_by(C) {
                for (r, sums) in block(row, column).iter().enumerate() {
                    out[(row + r) * column_count + column..][..C].copy_from_slice(sums);
                }
            }
        }
        for row in 0..row_count {
            let from = if row < whole_rows { whole_columns } else { 0 };
            for column in from..column_count {
                out[row * column_count + column] = single(row, column)[0][0];
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::Tile;

    /// Bytes are widened to 16 bits, multiplied and added in pairs to 32 bits.
    #[target_feature(enable = "avx2")]
    pub fn products_avx2(rows: &[i8], columns: &[i8], width: usize, out: &mut [i32]) {
        let tile = Tile {
            rows,
            columns,
            width,
        };
        tile.walk::<4, 2>(
            out,
            |row, column| block_avx2(tile.rows(row, 4), tile.columns(column, 2), width),
            |row, column| block_avx2(tile.rows(row, 1), tile.columns(column, 1), width),
        );
    }

    /// Products of `R` rows and `C` columns; the slices hold that many vectors of `width`.
    #[target_feature(enable = "avx2")]
    fn block_avx2<const R: usize, const C: usize>(
        rows: &[i8],
        columns: &[i8],
        width: usize,
    ) -> [[i32; C]; R] {
        assert!(rows.len() == R * width && columns.len() == C * width);
        let mut sums = [[_mm256_setzero_si256(); C]; R];
        let whole = width / 16 * 16;
        for at in (0..whole).step_by(16) {
            let mut right = [_mm256_setzero_si256(); C];
            for (c, wide) in right.iter_mut().enumerate() {
                // SAFETY: at + 16 <= width, and `columns` holds C vectors of that width.
                let bytes = unsafe { _mm_loadu_si128(columns.as_ptr().add(c * width + at).cast()) };
                *wide = _mm256_cvtepi8_epi16(bytes);
            }
            for (r, sums) in sums.iter_mut().enumerate() {
                // SAFETY: at + 16 <= width, and `rows` holds R vectors of that width.
                let bytes = unsafe { _mm_loadu_si128(rows.as_ptr().add(r * width + at).cast()) };
                let left = _mm256_cvtepi8_epi16(bytes);
                for (sum, right) in sums.iter_mut().zip(right) {
                    *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(left, right));
                }
            }
        }
        let mut totals = [[0; C]; R];
        for (r, totals) in totals.iter_mut().enumerate() {
            for (c, total) in totals.iter_mut().enumerate() {
                let left = &rows[r * width + whole..(r + 1) * width];
                let right = &columns[c * width + whole..(c + 1) * width];
                *total = add_up(sums[r][c]) + super::super::vector::product(left, right);
            }
        }
        totals
    }

    /// The sum of eight numbers.
    #[target_feature(enable = "avx2")]
    fn add_up(sum: __m256i) -> i32 {
        let low = _mm256_castsi256_si128(sum);
        let half = _mm_add_epi32(low, _mm256_extracti128_si256::<1>(sum));
        let quarter = _mm_add_epi32(half, _mm_shuffle_epi32::<0b01_00_11_10>(half));
        let eighth = _mm_add_epi32(quarter, _mm_shuffle_epi32::<0b10_11_00_01>(quarter));
        _mm_cvtsi128_si32(eighth)
    }

    /// One instruction multiplies 64 bytes and adds them up in fours. It wants one side without sign, so the rows
    /// are lifted by 128, and 128 times the sum of the column is taken away again.
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    pub fn products_vnni(rows: &[i8], columns: &[i8], width: usize, out: &mut [i32]) {
        let tile = Tile {
            rows,
            columns,
            width,
        };
        tile.walk::<4, 4>(
            out,
            |row, column| block_vnni(tile.rows(row, 4), tile.columns(column, 4), width),
            |row, column| block_vnni(tile.rows(row, 1), tile.columns(column, 1), width),
        );
    }

    /// Products of `R` rows and `C` columns; the slices hold that many vectors of `width`.
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    fn block_vnni<const R: usize, const C: usize>(
        rows: &[i8],
        columns: &[i8],
        width: usize,
    ) -> [[i32; C]; R] {
        assert!(rows.len() == R * width && columns.len() == C * width);
        let lift = _mm512_set1_epi8(i8::MIN);
        let mut sums = [[_mm512_setzero_si512(); C]; R];
        let mut lifted = [_mm512_setzero_si512(); C];
        for at in (0..width).step_by(64) {
            let mask = u64::MAX >> (64 - (width - at).min(64));
            let mut right = [_mm512_setzero_si512(); C];
            for (c, right) in right.iter_mut().enumerate() {
                // SAFETY: the mask ends at `width`, and `columns` holds C vectors of that width.
                *right =
                    unsafe { _mm512_maskz_loadu_epi8(mask, columns.as_ptr().add(c * width + at)) };
                lifted[c] = _mm512_dpbusd_epi32(lifted[c], lift, *right);
            }
            for (r, sums) in sums.iter_mut().enumerate() {
                // SAFETY: the mask ends at `width`, and `rows` holds R vectors of that width.
                let left =
                    unsafe { _mm512_maskz_loadu_epi8(mask, rows.as_ptr().add(r * width + at)) };
                let left = _mm512_xor_si512(left, lift);
                for (sum, right) in sums.iter_mut().zip(right) {
                    *sum = _mm512_dpbusd_epi32(*sum, left, right);
                }
            }
        }
        let mut totals = [[0; C]; R];
        for (totals, sums) in totals.iter_mut().zip(sums) {
            for ((total, sum), lifted) in totals.iter_mut().zip(sums).zip(lifted) {
                *total = _mm512_reduce_add_epi32(_mm512_sub_epi32(sum, lifted));
            }
        }
        totals
    }
}

#[cfg(target_arch = "aarch64")]
mod arm {
    use std::arch::aarch64::*;

    use super::Tile;

    /// Bytes are multiplied to 16 bits and added in pairs to 32 bits. Every 64-bit ARM has NEON.
    pub fn products_neon(rows: &[i8], columns: &[i8], width: usize, out: &mut [i32]) {
        let tile = Tile {
            rows,
            columns,
            width,
        };
        tile.walk::<4, 4>(
            out,
            |row, column| block_neon(tile.rows(row, 4), tile.columns(column, 4), width),
            |row, column| block_neon(tile.rows(row, 1), tile.columns(column, 1), width),
        );
    }

    /// Products of `R` rows and `C` columns; the slices hold that many vectors of `width`.
    fn block_neon<const R: usize, const C: usize>(
        rows: &[i8],
        columns: &[i8],
        width: usize,
    ) -> [[i32; C]; R] {
        assert!(rows.len() == R * width && columns.len() == C * width);
        let mut totals = [[0; C]; R];
        let whole = width / 16 * 16;
        for (r, totals) in totals.iter_mut().enumerate() {
            for (c, total) in totals.iter_mut().enumerate() {
                let left = &rows[r * width..(r + 1) * width];
                let right = &columns[c * width..(c + 1) * width];
                // SAFETY: NEON is part of this architecture; at + 16 <= width in both slices.
                let sum = unsafe {
                    let mut sum = vdupq_n_s32(0);
                    for at in (0..whole).step_by(16) {
                        let a = vld1q_s8(left.as_ptr().add(at));
                        let b = vld1q_s8(right.as_ptr().add(at));
                        sum = vpadalq_s16(sum, vmull_s8(vget_low_s8(a), vget_low_s8(b)));
                        sum = vpadalq_s16(sum, vmull_high_s8(a, b));
                    }
                    vaddvq_s32(sum)
                };
                *total = sum + super::super::vector::product(&left[whole..], &right[whole..]);
            }
        }
        totals
    }
}

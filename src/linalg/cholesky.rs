//! The Cholesky factorisation `A = UᵀU`, and the solution of `A x = b`.

use num_traits::Float;

use super::products::{BLOCK, gram};
use crate::simd::{Element, Kernel, Real, Simd, Vector, reduce2, transform};

/// The solution of `A x = b`: see [`solve`](super::solve).
pub(super) struct Solve<'a, T> {
    pub(super) a: &'a mut [T],
    pub(super) x: &'a mut [T],
    pub(super) stride: usize,
    pub(super) size: usize,
}

impl<T: Element> Kernel<T> for Solve<'_, T> {
    type Output = bool;

    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) -> bool {
        let Self { a, x, stride, size } = self;
        if !factor(simd, a, stride, size) {
            return false;
        }
        // The column after the matrix is now `U⁻ᵀ b`: the rest is `U x = U⁻ᵀ b`, from the last row up.
        let Some(x) = x.get_mut(..size) else { return false };
        for row in (0..size).rev() {
            let (Some(a), Some([value, known @ ..])) = (a.get(row * stride..), x.get_mut(row..)) else {
                return false;
            };
            let (Some([pivot, coefficients @ ..]), Some(right)) = (a.get(row..size), a.get(size)) else {
                return false;
            };
            let products = reduce2(
                simd,
                coefficients,
                known,
                #[inline(always)]
                |sum, a, x| a.mul_add(x, sum),
            );
            *value = (*right - products) / *pivot;
        }
        x.iter().fold(true, |finite, x| finite & x.is_finite())
    }
}

/// Overwrites the upper triangle of `A` with `U`, and the column `b` after it with `U⁻ᵀ b`. Returns false if `A` is not
/// positive definite to rounding.
#[inline(always)]
fn factor<S: Simd<T>, T: Element>(simd: S, a: &mut [T], stride: usize, size: usize) -> bool {
    let whole_vectors = |column: usize| column / S::LANES * S::LANES;
    // After each block of rows its products are subtracted from all rows below.
    for first in (0..size).step_by(BLOCK) {
        let end = size.min(first + BLOCK);
        let Some(rows) = a.get_mut(first * stride..) else { return false };
        let Some((block, below)) = rows.split_at_mut_checked((end - first) * stride) else { return false };
        for column in first..end {
            let Some((done, next)) = block.split_at_mut_checked((column - first + 1) * stride) else {
                return false;
            };
            let Some(row) = done.get_mut((column - first) * stride..) else { return false };
            // Whole vectors, which start up to a vector below the diagonal: masked ones take several times as long.
            let start = whole_vectors(column);
            let Some(row) = row.get_mut(start..) else { return false };
            let pivot = row.get(column - start).map_or(T::ZERO, |pivot| *pivot);
            // Also false for NaN.
            if !(pivot > T::min_positive_value() && pivot.is_finite()) {
                return false;
            }
            let inverse = Float::sqrt(pivot).recip();
            crate::simd::map(
                simd,
                row,
                #[inline(always)]
                |a: Vector<S, T>| a * inverse,
            );
            for (diagonal, next) in (column + 1..).zip(next.chunks_exact_mut(stride)) {
                let factor = row.get(diagonal - start).map_or(T::ZERO, |a| -*a);
                let from = whole_vectors(diagonal);
                let Some(row) = row.get(from - start..) else { return false };
                let Some(next) = next.get_mut(from..) else { return false };
                transform(
                    simd,
                    next,
                    row,
                    #[inline(always)]
                    |next: Vector<S, T>, a| a.scale_add(factor, next),
                );
            }
        }
        gram(simd, below, block, stride, end, size, S::sub);
    }
    true
}

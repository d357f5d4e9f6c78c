//! The transpose, in registers.

use crate::simd::{Element, Simd};

/// `to[c][r] = from[r][c]`. `from` may have fewer rows than `to` has columns. The number of columns of `to` must be a
/// multiple of the number of lanes; the columns after the last row of `from`, up to such a multiple, become 0.
///
/// Square tiles, as wide as a vector, are transposed in registers. Element by element, the transpose would take as
/// long as the matrix product that uses it.
#[inline(always)]
pub(super) fn transpose<S: Simd<T>, T: Element, const C: usize, const TO: usize>(
    simd: S,
    from: &[[T; C]],
    to: &mut [[T; TO]; C],
) {
    for r in (0..from.len()).step_by(S::LANES) {
        for c in (0..C).step_by(S::LANES) {
            match S::LANES {
                16 => tile::<S, T, C, TO, 16>(simd, r, c, from, to),
                8 => tile::<S, T, C, TO, 8>(simd, r, c, from, to),
                4 => short::<T, C, TO, 4>(r, c, from, to),
                _ => short::<T, C, TO, 2>(r, c, from, to),
            }
        }
    }
}

/// Transposes the tile of `N` rows from `r` and `N` columns from `c` element by element: for vectors of 2 or 4 lanes
/// this is faster than an exchange of lanes.
#[inline(always)]
fn short<T: Element, const C: usize, const TO: usize, const N: usize>(
    r: usize,
    c: usize,
    from: &[[T; C]],
    to: &mut [[T; TO]; C],
) {
    for (c, to) in to.iter_mut().enumerate().skip(c).take(N) {
        let mut column = [T::ZERO; N];
        for (element, from) in column.iter_mut().zip(&from[r..]) {
            *element = from[c];
        }
        to[r..r + N].copy_from_slice(&column);
    }
}

/// The tile of `N` rows from `r` and `N` columns from `c`, turned in registers.
#[inline(always)]
fn tile<S: Simd<T>, T: Element, const C: usize, const TO: usize, const N: usize>(
    simd: S,
    r: usize,
    c: usize,
    from: &[[T; C]],
    to: &mut [[T; TO]; C],
) {
    let mut rows = [simd.splat(T::ZERO); N];
    for (row, from) in rows.iter_mut().zip(&from[r..]) {
        *row = simd.load(&from[c..]);
    }
    swap::<S, T, N, 8>(simd, &mut rows);
    swap::<S, T, N, 4>(simd, &mut rows);
    swap::<S, T, N, 2>(simd, &mut rows);
    swap::<S, T, N, 1>(simd, &mut rows);
    for (row, to) in rows.into_iter().zip(&mut to[c..]) {
        simd.store(&mut to[r..], row);
    }
}

/// One step of the transpose of a tile: in every square of `2 · D` rows and lanes, swaps the upper
/// right quarter with the lower left one.
#[inline(always)]
fn swap<S: Simd<T>, T, const N: usize, const D: usize>(simd: S, rows: &mut [S::Register; N]) {
    if const { D < N } {
        for square in rows.chunks_exact_mut(2 * D) {
            let (uppers, lowers) = square.split_at_mut(D);
            for (upper, lower) in uppers.iter_mut().zip(lowers) {
                [*upper, *lower] = simd.exchange(*upper, *lower, D);
            }
        }
    }
}

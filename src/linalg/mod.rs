//! Symmetric systems of equations whose size is known at run time, in place in slices.
//!
//! A matrix is stored row by row. The distance from the start of a row to that of the next is its [`stride`]; the
//! columns that a matrix does not use are 0. Only the upper triangle is computed.
//!
//! | file | what it holds |
//! |---|---|
//! | `products.rs` | `C ± AᵀA` and `A Aᵀ`, in tiles of registers |
//! | `cholesky.rs` | the Cholesky factorisation, and the solution of a system |

mod cholesky;
mod products;

use crate::simd::{Element, VECTORS};

/// The number by which [`stride`] rounds up: a multiple of the lanes of every vector, and of the rows of every tile.
const ROUNDING: usize = if VECTORS { 16 } else { 1 };

/// The products and the factorisation may overwrite elements up to this distance below the diagonal. A copy of the
/// upper triangle ([`save`]) is stored below them: transposed, and `GUARD` rows lower. So a matrix has `GUARD` more
/// rows than its size.
pub(crate) const GUARD: usize = if VECTORS { 32 } else { 4 };

/// The distance between the rows of a matrix of this size with one more column. Never 0, so that no code for a panic is
/// compiled.
pub(crate) const fn stride(size: usize) -> usize {
    match (size + 1).next_multiple_of(ROUNDING) {
        0 => 1,
        stride => stride,
    }
}

/// `C ← C + AᵀA`: `a` holds any number of rows of as many columns as `c`, a matrix of this size and one more column.
#[inline(never)]
pub(crate) fn add_gram<T: Element>(c: &mut [T], a: &[T], size: usize) {
    T::dispatch(products::Gram { c, a, stride: stride(size), first: 0, size });
}

/// The same for some rows of `C`, which `c` holds: those from `first`, a multiple of 16, to `end`. To the last rows of `C` the
/// [`GUARD`] is appended.
#[cfg(feature = "rayon")]
#[inline(never)]
pub(crate) fn add_gram_rows<T: Element>(c: &mut [T], a: &[T], size: usize, first: usize, end: usize) {
    T::dispatch(products::Gram { c, a, stride: stride(size), first, size: end });
}

/// `C ← A Aᵀ`: `a` holds as many rows as `c` has, each of the stride of a matrix of size `columns`.
#[inline(never)]
pub(crate) fn outer_gram<T: Element>(c: &mut [T], a: &[T], columns: usize, size: usize) {
    T::dispatch(products::OuterGram { c, a, a_stride: stride(columns), stride: stride(size), size });
}

/// `y ← Aᵀ x`: the sum of the rows of `a`, each of the stride of a matrix of size `columns`, multiplied by a number.
#[inline(never)]
pub(crate) fn combine<T: Element>(a: &[T], columns: usize, x: &[T], y: &mut [T]) {
    T::dispatch(products::Combine { a, stride: stride(columns), x, y });
}

/// Solves `A x = b` for a symmetric, positive definite `A` of this size, whose upper triangle `a` holds; the column after
/// it is `b`. Overwrites both. Returns false, and no solution, if `A` is not positive definite to rounding, or not finite.
#[inline(never)]
pub(crate) fn solve<T: Element>(a: &mut [T], x: &mut [T], size: usize) -> bool {
    T::dispatch(cholesky::Solve { a, x, stride: stride(size), size })
}

/// Copies the upper triangle of a matrix below its diagonal, `GUARD` rows lower than it belongs.
pub(crate) fn save<T: Element>(a: &mut [T], size: usize) {
    let stride = stride(size);
    for row in 0..size {
        for column in row..size {
            let (from, to) = (row * stride + column, (column + GUARD) * stride + row);
            if let Some(value) = a.get(from).copied()
                && let Some(saved) = a.get_mut(to)
            {
                *saved = value;
            }
        }
    }
}

/// Restores the upper triangle that was [saved](save), and multiplies it by `scale` from both sides.
pub(crate) fn restore_scaled<T: Element>(a: &mut [T], scale: &[T], size: usize) {
    let stride = stride(size);
    for (row, row_scale) in scale.iter().enumerate().take(size) {
        for (column, column_scale) in scale.iter().enumerate().take(size).skip(row) {
            let (from, to) = ((column + GUARD) * stride + row, row * stride + column);
            if let Some(saved) = a.get(from).copied()
                && let Some(value) = a.get_mut(to)
            {
                *value = saved * *row_scale * *column_scale;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{vec, vec::Vec};

    use rand::{RngExt, SeedableRng, rngs::Xoshiro128PlusPlus};

    use super::{GUARD, add_gram, outer_gram, restore_scaled, save, solve, stride};
    use crate::simd::Element;

    /// Rows of random numbers, with zeros after the columns that are used.
    fn rows<T: Element>(count: usize, columns: usize, stride: usize) -> Vec<T> {
        let mut rng = Xoshiro128PlusPlus::seed_from_u64((count * columns) as u64);
        let mut rows = vec![T::ZERO; count * stride];
        for row in rows.chunks_exact_mut(stride) {
            row[..columns].fill_with(|| T::from_f64(rng.random_range(-1.0..1.0)));
        }
        rows
    }

    /// Solves `(AᵀA + 1) x = b` twice, and compares the products; all sizes around the widths of tiles and blocks.
    fn check<T: Element>(tolerance: f64) {
        for size in (1..36).chain([47, 48, 49, 65]) {
            let stride = stride(size);
            let a = rows::<T>(size + 3, size + 1, stride);
            let mut c = vec![T::ZERO; (size + GUARD) * stride];
            add_gram(&mut c, &a[..2 * stride], size);
            add_gram(&mut c, &a[2 * stride..], size);
            let at = |row: usize, column: usize| {
                a.chunks_exact(stride).map(|a| (a[row] * a[column]).to_f64().unwrap()).sum::<f64>()
            };
            let right: Vec<f64> = (0..size).map(|row| at(row, size)).collect();
            save(&mut c, size);
            for scale in [1.0, 2.0] {
                restore_scaled(&mut c, &vec![T::from_f64(scale); size], size);
                for row in 0..size {
                    c[row * stride + row] = c[row * stride + row] + T::ONE;
                    c[row * stride + size] = T::from_f64(right[row]);
                }
                let mut x = vec![T::ZERO; size];
                assert!(solve(&mut c, &mut x, size));
                for row in 0..size {
                    let products = (0..size).map(|column| at(row, column) * x[column].to_f64().unwrap());
                    let left = scale * scale * products.sum::<f64>() + x[row].to_f64().unwrap();
                    assert!((left - right[row]).abs() < tolerance, "{size}, {row}: {left}, {}", right[row]);
                }
            }
            let mut c = vec![T::ZERO; (size + GUARD) * stride];
            outer_gram(&mut c, &a, size, size);
            for row in 0..size {
                for column in row..size {
                    let pairs = a[row * stride..][..stride].iter().zip(&a[column * stride..]);
                    let expected = pairs.map(|(a, b)| (*a * *b).to_f64().unwrap()).sum::<f64>();
                    assert!((c[row * stride + column].to_f64().unwrap() - expected).abs() < tolerance);
                }
            }
        }
    }

    #[test]
    fn systems_of_all_sizes_are_solved() {
        check::<f32>(1e-2);
        check::<f64>(1e-10);
    }

    #[test]
    fn matrices_that_are_not_positive_definite_are_reported() {
        for (diagonal, upper) in [(0.0, 0.0), (1.0, 1.0), (1.0, 2.0), (f64::NAN, 0.0), (1.0, f64::NAN)] {
            let stride = stride(2);
            let mut a = vec![0.0; (2 + GUARD) * stride];
            (a[0], a[1], a[stride + 1]) = (diagonal, upper, 1.0);
            assert!(!solve(&mut a, &mut [0.0; 2], 2), "{diagonal}, {upper}");
        }
    }
}

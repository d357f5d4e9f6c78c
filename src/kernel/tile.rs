//! Matrix products, a register tile at a time.

use super::Isa;
use crate::Element;

/// `out(r, c, Σₖ a(k, r) b[k][c..] + init(c))` for every row `r < rows` and every vector of columns
/// from `c < columns`: the product of a `(rows, K)` and a `(K, columns)` matrix. `b` may have more
/// columns than are wanted.
///
/// The columns are walked in panels of a few vectors, so that a panel of `b` stays in the cache
/// while all rows pass by, and each tile of rows × vectors in registers. With 32 registers a tile
/// is 4 to 6 rows of 4 vectors, with 16 it is 5 rows of 2: as many multiply-adds in flight as the
/// units can take, and fewer loads than they can do. Without a fused multiply-add, what counts is the
/// instructions, and 2 rows of 4 take the fewest. A single row takes 8 vectors instead.
///
/// `rows` and `columns` are constants of the callers; as all of this is inlined, so are the shapes
/// of the tiles that are left over at the edges.
#[inline(always)]
pub(super) fn product<I: Isa<T>, T: Element, const C: usize>(
    isa: I,
    rows: usize,
    columns: usize,
    a: impl Fn(usize, usize) -> T,
    b: &[[T; C]],
    init: impl Fn(usize) -> I::V,
    mut out: impl FnMut(usize, usize, I::V),
) {
    if rows == 1 {
        panels::<I, T, C, 1, 8>(isa, rows, columns, &a, b, &init, &mut out);
    } else if const { !I::MANY_REGISTERS && !I::FUSED } {
        panels::<I, T, C, 2, 4>(isa, rows, columns, &a, b, &init, &mut out);
    } else if const { !I::MANY_REGISTERS } {
        panels::<I, T, C, 5, 2>(isa, rows, columns, &a, b, &init, &mut out);
    } else if rows.is_multiple_of(6) {
        panels::<I, T, C, 6, 4>(isa, rows, columns, &a, b, &init, &mut out);
    } else if !rows.is_multiple_of(5) && rows.is_multiple_of(4) {
        panels::<I, T, C, 4, 4>(isa, rows, columns, &a, b, &init, &mut out);
    } else {
        panels::<I, T, C, 5, 4>(isa, rows, columns, &a, b, &init, &mut out);
    }
}

/// All panels of `NR` vectors of columns, then the narrower one that is left.
#[inline(always)]
fn panels<I: Isa<T>, T: Element, const C: usize, const MR: usize, const NR: usize>(
    isa: I,
    rows: usize,
    columns: usize,
    a: &impl Fn(usize, usize) -> T,
    b: &[[T; C]],
    init: &impl Fn(usize) -> I::V,
    out: &mut impl FnMut(usize, usize, I::V),
) {
    let width = NR * I::LANES;
    for panel in 0..columns / width {
        panel_rows::<I, T, C, MR, NR>(isa, rows, panel * width, a, b, init, out);
    }
    let c = columns / width * width;
    match (columns - c).div_ceil(I::LANES) {
        0 => {}
        1 => panel_rows::<I, T, C, MR, 1>(isa, rows, c, a, b, init, out),
        2 => panel_rows::<I, T, C, MR, 2>(isa, rows, c, a, b, init, out),
        3 => panel_rows::<I, T, C, MR, 3>(isa, rows, c, a, b, init, out),
        4 => panel_rows::<I, T, C, MR, 4>(isa, rows, c, a, b, init, out),
        5 => panel_rows::<I, T, C, MR, 5>(isa, rows, c, a, b, init, out),
        6 => panel_rows::<I, T, C, MR, 6>(isa, rows, c, a, b, init, out),
        7 => panel_rows::<I, T, C, MR, 7>(isa, rows, c, a, b, init, out),
        _ => panel_rows::<I, T, C, MR, 8>(isa, rows, c, a, b, init, out),
    }
}

/// One panel: all tiles of `MR` rows, then the shorter one that is left.
#[inline(always)]
fn panel_rows<I: Isa<T>, T: Element, const C: usize, const MR: usize, const NR: usize>(
    isa: I,
    rows: usize,
    c: usize,
    a: &impl Fn(usize, usize) -> T,
    b: &[[T; C]],
    init: &impl Fn(usize) -> I::V,
    out: &mut impl FnMut(usize, usize, I::V),
) {
    for r in 0..rows / MR {
        tile::<I, T, C, MR, NR>(isa, r * MR, c, a, b, init, out);
    }
    let r = rows / MR * MR;
    match rows - r {
        0 => {}
        1 => tile::<I, T, C, 1, NR>(isa, r, c, a, b, init, out),
        2 => tile::<I, T, C, 2, NR>(isa, r, c, a, b, init, out),
        3 => tile::<I, T, C, 3, NR>(isa, r, c, a, b, init, out),
        4 => tile::<I, T, C, 4, NR>(isa, r, c, a, b, init, out),
        _ => tile::<I, T, C, 5, NR>(isa, r, c, a, b, init, out),
    }
}

/// `MR` rows from `r` by `NR` vectors of columns from `c`, accumulated in registers.
#[inline(always)]
fn tile<I: Isa<T>, T: Element, const C: usize, const MR: usize, const NR: usize>(
    isa: I,
    r: usize,
    c: usize,
    a: &impl Fn(usize, usize) -> T,
    b: &[[T; C]],
    init: &impl Fn(usize) -> I::V,
    out: &mut impl FnMut(usize, usize, I::V),
) {
    let mut sums = [[isa.splat(T::ZERO); NR]; MR];
    for n in 0..NR {
        let start = init(c + n * I::LANES);
        for row in &mut sums {
            row[n] = start;
        }
    }
    for (k, b) in b.iter().enumerate() {
        let mut vectors = [isa.splat(T::ZERO); NR];
        for (n, vector) in vectors.iter_mut().enumerate() {
            *vector = isa.load(&b[c + n * I::LANES..]);
        }
        for (m, row) in sums.iter_mut().enumerate() {
            let a = isa.splat(a(k, r + m));
            for (sum, vector) in row.iter_mut().zip(vectors) {
                *sum = isa.mul_add(a, vector, *sum);
            }
        }
    }
    for (m, row) in sums.into_iter().enumerate() {
        for (n, sum) in row.into_iter().enumerate() {
            out(r + m, c + n * I::LANES, sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{vec, vec::Vec};

    use rand::{RngExt, SeedableRng, rngs::Xoshiro128PlusPlus};

    use super::product;
    use crate::{
        Element,
        kernel::{Isa, Kernel},
    };

    /// The largest size.
    const MOST: usize = 129;

    /// The sizes that every dimension takes: around the width of every vector and tile. Unoptimised
    /// code does the odd half of them.
    fn sizes() -> Vec<usize> {
        let odd = |n: &usize| !cfg!(debug_assertions) || [1, 2, 3, 5, 8, 9, 16, 17, 31, 65].contains(n);
        (1..=33).chain(63..=65).chain(127..=MOST).filter(odd).collect()
    }

    /// Small whole numbers, whose sums and products are exact in any order.
    fn whole<T: Element>(rng: &mut Xoshiro128PlusPlus) -> Vec<[T; MOST]> {
        vec![(); MOST]
            .into_iter()
            .map(|()| [(); MOST].map(|()| T::from_f64(f64::from(rng.random_range(-4_i8..=4)))))
            .collect()
    }

    /// Products of all sizes, against the plain triple loop.
    struct AllSizes<'a, T> {
        a: &'a [[T; MOST]],
        b: &'a [[T; MOST]],
    }

    impl<T: Element> Kernel<T> for AllSizes<'_, T> {
        type Output = ();

        #[inline(always)]
        fn run<I: Isa<T>>(self, isa: I) {
            let Self { a, b } = self;
            let one = T::from_count(1);
            let mut expected = vec![[one; MOST]; MOST];
            let mut depth = 0;
            for k in sizes() {
                for (r, expected) in expected.iter_mut().enumerate() {
                    for (c, expected) in expected.iter_mut().enumerate() {
                        for k in depth..k {
                            *expected = *expected + a[r][k] * b[k][c];
                        }
                    }
                }
                depth = k;
                for rows in sizes() {
                    for columns in sizes() {
                        let mut found = vec![[T::ZERO; MOST]; rows];
                        product(
                            isa,
                            rows,
                            columns,
                            #[inline(always)]
                            |k, r| a[r][k],
                            &b[..k],
                            #[inline(always)]
                            |_| isa.splat(one),
                            #[inline(always)]
                            |r, c, sum| isa.store(&mut found[r][c..columns], sum),
                        );
                        for (r, (found, expected)) in found.iter().zip(&expected).enumerate() {
                            let context = (rows, k, columns);
                            assert_eq!(found[..columns], expected[..columns], "row {r} of {context:?}");
                            assert!(found[columns..].iter().all(|x| *x == T::ZERO), "{context:?} overflows");
                        }
                    }
                }
            }
        }
    }

    fn all_sizes<T: Element>() {
        let mut rng = Xoshiro128PlusPlus::seed_from_u64(5);
        let (a, b) = (whole::<T>(&mut rng), whole::<T>(&mut rng));
        T::dispatch(AllSizes { a: &a, b: &b });
    }

    #[test]
    fn products_of_all_sizes_are_right_in_f32() {
        all_sizes::<f32>();
    }

    #[test]
    fn products_of_all_sizes_are_right_in_f64() {
        all_sizes::<f64>();
    }
}

//! The general matrix product (GEMM), in tiles whose sums stay in registers.

use crate::simd::{Element, Simd};

/// A compile-time row count, so that only the tile sizes needed for it are instantiated.
pub(super) trait RowCount {
    /// The number of rows.
    const N: usize;
}

/// `N` rows.
pub(super) struct Rows<const N: usize>;

impl<const N: usize> RowCount for Rows<N> {
    const N: usize = N;
}

/// `out(r, c, Σₖ a(k, r) b[k][c..] + init(c))` for every row `r` of `R` and every vector of columns
/// from `c < columns`: the product of a `(R, K)` and a `(K, columns)` matrix. `b` may have more
/// columns than `columns`.
///
/// If there is an `overflow_factor`, only sums are passed to `out` that stay finite when they are multiplied by it; those
/// of a tile are tested together. Returns false if a tile did not pass.
///
/// The columns are walked in panels of [`nr`] vectors, so that a panel of `b` stays in the cache
/// while all rows pass by, and each panel in tiles whose sums stay in registers.
#[inline(always)]
pub(super) fn gemm<S: Simd<T>, T: Element, R: RowCount, const C: usize>(
    simd: S,
    columns: usize,
    a: impl Fn(usize, usize) -> T,
    b: &[[T; C]],
    init: impl Fn(usize) -> S::Register,
    overflow_factor: Option<S::Register>,
    mut out: impl FnMut(usize, usize, S::Register),
) -> bool {
    let mut passed = true;
    // All panels of full width, then the narrower one that is left.
    macro_rules! panels {
        ($panel:ident, $width:literal of $($n:literal)+) => {{
            let width = $width * S::LANES;
            for n in 0..columns / width {
                passed &= $panel::<S, T, R, C, $width>(simd, n * width, &a, b, &init, overflow_factor, &mut out);
            }
            let c = columns / width * width;
            match (columns - c).div_ceil(S::LANES) {
                $( $n => passed &= $panel::<S, T, R, C, $n>(simd, c, &a, b, &init, overflow_factor, &mut out), )+
                _ => {}
            }
        }};
    }
    match const { nr(S::REGISTERS, S::HAS_FMA, R::N) } {
        8 => panels!(single_row, 8 of 1 2 3 4 5 6 7 8),
        4 => panels!(tiles_of_4_vectors, 4 of 1 2 3 4),
        _ => panels!(tiles_of_2_vectors, 2 of 1 2),
    }
    passed
}

/// Whether all sums stay finite when they are multiplied by `overflow_factor`, if there is one. (The products are added:
/// the total is infinite or NaN if one of them is. With a fused multiply-add, one of up to twice the largest number can
/// pass.)
#[inline(always)]
pub(super) fn stay_finite<S: Simd<T>, T: Element, const MR: usize, const NR: usize>(
    simd: S,
    overflow_factor: Option<S::Register>,
    sums: &[[S::Register; NR]; MR],
) -> bool {
    let Some(overflow_factor) = overflow_factor else { return true };
    // Two totals for each column, used alternately, because each addition waits for the one before.
    let mut totals = [[simd.splat(T::ZERO); NR]; 2];
    for (m, row) in sums.iter().enumerate() {
        for (total, sum) in totals[m % 2].iter_mut().zip(row) {
            *total = if m < 2 {
                simd.mul(*sum, overflow_factor)
            } else {
                simd.mul_add(*sum, overflow_factor, *total)
            };
        }
    }
    let mut total = totals[0][0];
    for (n, other) in totals.as_flattened().iter().enumerate().take(if MR == 1 { NR } else { 2 * NR }) {
        if n > 0 {
            total = simd.add(total, *other);
        }
    }
    // 0 if the total is finite, else NaN.
    simd.all(simd.le(simd.sub(total, total), simd.splat(T::ZERO)))
}

/// `NR`: how many vectors wide a tile is. A tile of `MR` rows holds `MR · NR` sums, `NR` vectors of `b` and
/// one element of `a`, so `MR · NR + NR + 1` must not exceed the number of registers:
///
/// | registers | FMA | rows | largest tile |
/// |---|---|---|---|
/// | any | any | 1 | 1 × 8: only one vector of `b` at a time, see [`row`] |
/// | 32 | any | 2 to 6 | 6 × 4 |
/// | 32 | any | more | 13 × 2 |
/// | 16 | yes | 2 or more | 6 × 2 |
/// | 16 | no | 2 or more | 2 × 4: the number of instructions is the limit, and this shape needs the fewest |
const fn nr(registers: usize, has_fma: bool, rows: usize) -> usize {
    match rows {
        1 => 8,
        _ if registers < 32 && !has_fma => 4,
        2..=6 if registers >= 32 => 4,
        _ => 2,
    }
}

/// How many tiles a panel has: as few as the registers allow.
const fn tile_count(registers: usize, has_fma: bool, rows: usize) -> usize {
    rows.div_ceil(match (nr(registers, has_fma, rows), registers >= 32) {
        (4, true) => 6,
        (4, false) => 2,
        (_, true) => 13,
        (_, false) => 6,
    })
}

/// `MR`: how many rows each tile has at least. If that leaves rows over, some tiles have one more.
const fn mr(registers: usize, has_fma: bool, rows: usize) -> usize {
    match tile_count(registers, has_fma, rows) {
        0 => 0,
        tiles => rows / tiles,
    }
}

/// A panel of a single row. It has few sums: each gets several accumulators, see [`row`].
#[inline(always)]
fn single_row<S: Simd<T>, T: Element, R: RowCount, const C: usize, const NR: usize>(
    simd: S,
    c: usize,
    a: &impl Fn(usize, usize) -> T,
    b: &[[T; C]],
    init: &impl Fn(usize) -> S::Register,
    overflow_factor: Option<S::Register>,
    out: &mut impl FnMut(usize, usize, S::Register),
) -> bool {
    match NR {
        1 | 2 => row::<S, T, C, NR, 4>(simd, c, a, b, init, overflow_factor, out),
        _ if NR < 8 || S::REGISTERS >= 32 => row::<S, T, C, NR, 2>(simd, c, a, b, init, overflow_factor, out),
        _ => row::<S, T, C, NR, 1>(simd, c, a, b, init, overflow_factor, out),
    }
}

/// A panel in tiles of one of these heights: the higher ones, then those with a row less.
macro_rules! tiles {
    ($name:ident: $($low:literal $high:literal,)+) => {
        #[inline(always)]
        fn $name<S: Simd<T>, T: Element, R: RowCount, const C: usize, const NR: usize>(
            simd: S,
            c: usize,
            a: &impl Fn(usize, usize) -> T,
            b: &[[T; C]],
            init: &impl Fn(usize) -> S::Register,
            overflow_factor: Option<S::Register>,
            out: &mut impl FnMut(usize, usize, S::Register),
        ) -> bool {
            let mut passed = true;
            let count = const { tile_count(S::REGISTERS, S::HAS_FMA, R::N) };
            match const { mr(S::REGISTERS, S::HAS_FMA, R::N) } {
                $( $low => {
                    let higher = R::N - count * $low;
                    if const { tile_count(S::REGISTERS, S::HAS_FMA, R::N) * $low < R::N } {
                        for n in 0..higher {
                            passed &= tile::<S, T, C, $high, NR>(simd, n * $high, c, a, b, init, overflow_factor, out);
                        }
                    }
                    for n in higher..count {
                        passed &= tile::<S, T, C, $low, NR>(simd, higher + n * $low, c, a, b, init, overflow_factor, out);
                    }
                } )+
                _ => {}
            }
            passed
        }
    };
}

tiles!(tiles_of_4_vectors: 1 2, 2 3, 3 4, 4 5, 5 6, 6 7,);
tiles!(tiles_of_2_vectors: 2 3, 3 4, 4 5, 5 6, 6 7, 7 8, 8 9, 9 10, 10 11, 11 12, 12 13, 13 14,);

/// `MR` rows from `r` by `NR` vectors of columns from `c`, accumulated in registers.
#[expect(clippy::needless_range_loop, reason = "iterators of every shape took the compiler twice as long")]
#[inline(always)]
fn tile<S: Simd<T>, T: Element, const C: usize, const MR: usize, const NR: usize>(
    simd: S,
    r: usize,
    c: usize,
    a: &impl Fn(usize, usize) -> T,
    b: &[[T; C]],
    init: &impl Fn(usize) -> S::Register,
    overflow_factor: Option<S::Register>,
    out: &mut impl FnMut(usize, usize, S::Register),
) -> bool {
    let mut sums = [[simd.splat(T::ZERO); NR]; MR];
    for n in 0..NR {
        let start = init(c + n * S::LANES);
        for m in 0..MR {
            sums[m][n] = start;
        }
    }
    for (k, b) in b.iter().enumerate() {
        let mut vectors = [simd.splat(T::ZERO); NR];
        for n in 0..NR {
            vectors[n] = simd.load(&b[c + n * S::LANES..]);
        }
        for m in 0..MR {
            let a = simd.splat(a(k, r + m));
            for n in 0..NR {
                sums[m][n] = simd.mul_add(a, vectors[n], sums[m][n]);
            }
        }
    }
    if !stay_finite(simd, overflow_factor, &sums) {
        return false;
    }
    for m in 0..MR {
        for n in 0..NR {
            out(r + m, c + n * S::LANES, sums[m][n]);
        }
    }
    true
}

/// A single row by `NR` vectors of columns from `c`. Each sum has `ACCUMULATORS` accumulators, used in turn
/// and added at the end: with only one the loop would be limited by the latency of the multiply-add.
#[inline(always)]
fn row<S: Simd<T>, T: Element, const C: usize, const NR: usize, const ACCUMULATORS: usize>(
    simd: S,
    c: usize,
    a: &impl Fn(usize, usize) -> T,
    b: &[[T; C]],
    init: &impl Fn(usize) -> S::Register,
    overflow_factor: Option<S::Register>,
    out: &mut impl FnMut(usize, usize, S::Register),
) -> bool {
    let mut sums = [[simd.splat(T::ZERO); NR]; ACCUMULATORS];
    for (n, sum) in sums[0].iter_mut().enumerate() {
        *sum = init(c + n * S::LANES);
    }
    let (rounds, rest) = b.as_chunks::<ACCUMULATORS>();
    for (round, b) in rounds.iter().enumerate() {
        for (n, (b, sums)) in b.iter().zip(&mut sums).enumerate() {
            add_product(simd, a(round * ACCUMULATORS + n, 0), &b[c..], sums);
        }
    }
    for (n, (b, sums)) in rest.iter().zip(&mut sums).enumerate() {
        add_product(simd, a(rounds.len() * ACCUMULATORS + n, 0), &b[c..], sums);
    }
    let (first, more) = sums.split_at_mut(1);
    for (n, sum) in first[0].iter_mut().enumerate() {
        for more in &*more {
            *sum = simd.add(*sum, more[n]);
        }
    }
    let sums = first[0];
    if !stay_finite(simd, overflow_factor, &[sums]) {
        return false;
    }
    for (n, sum) in sums.into_iter().enumerate() {
        out(0, c + n * S::LANES, sum);
    }
    true
}

/// Adds `a b` to the sums.
#[inline(always)]
fn add_product<S: Simd<T>, T: Element, const NR: usize>(
    simd: S,
    a: T,
    b: &[T],
    sums: &mut [S::Register; NR],
) {
    let a = simd.splat(a);
    for (n, sum) in sums.iter_mut().enumerate() {
        *sum = simd.mul_add(a, simd.load(&b[n * S::LANES..]), *sum);
    }
}

#[cfg(test)]
mod tests {
    use std::{vec, vec::Vec};

    use rand::{RngExt, SeedableRng, rngs::Xoshiro128PlusPlus};

    use super::{Rows, gemm, mr, nr, tile_count};
    use crate::simd::{Element, Kernel, Simd};

    /// On every instruction set, also on those that the machine which runs this has not.
    #[test]
    fn tiles_of_the_heights_that_are_compiled_cover_all_rows() {
        for (registers, has_fma) in [(16, false), (16, true), (32, false), (32, true)] {
            for rows in 2..300 {
                let tiles = tile_count(registers, has_fma, rows);
                let mr = mr(registers, has_fma, rows);
                let nr = nr(registers, has_fma, rows);
                let compiled = if nr == 4 { 1..=6 } else { 2..=13 };
                assert!(compiled.contains(&mr), "no tile of {mr} rows, for {rows}");
                let larger = rows - tiles * mr;
                let largest = mr + usize::from(larger > 0);
                assert!(largest * nr + nr < registers, "{largest} rows by {nr} vectors");
            }
        }
    }

    /// The largest size.
    const MOST: usize = 129;

    /// The sizes that columns and depth take: around the width of every vector and tile. Unoptimised
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

    /// Products of `ROWS` rows and of all other sizes, against the plain triple loop.
    struct AllSizes<'a, T, const ROWS: usize> {
        a: &'a [[T; MOST]],
        b: &'a [[T; MOST]],
    }

    impl<T: Element, const ROWS: usize> Kernel<T> for AllSizes<'_, T, ROWS> {
        type Output = ();

        #[inline(always)]
        fn run<S: Simd<T>>(self, simd: S) {
            let Self { a, b } = self;
            let one = T::from_count(1);
            let mut expected = vec![[one; MOST]; ROWS];
            let mut depth = 0;
            for k in sizes() {
                for (expected, a) in expected.iter_mut().zip(a) {
                    for (c, expected) in expected.iter_mut().enumerate() {
                        for k in depth..k {
                            *expected = *expected + a[k] * b[k][c];
                        }
                    }
                }
                depth = k;
                for columns in sizes() {
                    let mut found = vec![[T::ZERO; MOST]; ROWS];
                    gemm::<S, T, Rows<ROWS>, MOST>(
                        simd,
                        columns,
                        #[inline(always)]
                        |k, r| a[r][k],
                        &b[..k],
                        #[inline(always)]
                        |_| simd.splat(one),
                        None,
                        #[inline(always)]
                        |r, c, sum| simd.store(&mut found[r][c..columns], sum),
                    );
                    for (r, (found, expected)) in found.iter().zip(&expected).enumerate() {
                        let context = (ROWS, k, columns);
                        assert_eq!(found[..columns], expected[..columns], "row {r} of {context:?}");
                        assert!(found[columns..].iter().all(|x| *x == T::ZERO), "{context:?} overflows");
                    }
                }
            }
        }
    }

    fn all_sizes<T: Element>() {
        let mut rng = Xoshiro128PlusPlus::seed_from_u64(5);
        let (a, b) = (whole::<T>(&mut rng), whole::<T>(&mut rng));
        macro_rules! rows {
            ($($n:literal)+) => { $( T::dispatch(AllSizes::<T, $n> { a: &a, b: &b }); )+ };
        }
        rows!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33);
        rows!(63 64 65 127 128 129);
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

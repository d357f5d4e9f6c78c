//! Matrix products, a register tile at a time.

use super::Isa;
use crate::Element;

/// A number of rows that the types know, so that the tiles of no other number are compiled.
pub(super) trait Rows {
    /// How many.
    const N: usize;
}

/// `N` rows.
pub(super) struct Exactly<const N: usize>;

impl<const N: usize> Rows for Exactly<N> {
    const N: usize = N;
}

/// `out(r, c, Σₖ a(k, r) b[k][c..] + init(c))` for every row `r` of `R` and every vector of columns
/// from `c < columns`: the product of a `(R, K)` and a `(K, columns)` matrix. `b` may have more
/// columns than are wanted.
///
/// The columns are walked in panels of a few [`vectors`], so that a panel of `b` stays in the cache
/// while all rows pass by, and each panel in tiles whose sums stay in registers.
#[inline(always)]
pub(super) fn product<I: Isa<T>, T: Element, R: Rows, const C: usize>(
    isa: I,
    columns: usize,
    a: impl Fn(usize, usize) -> T,
    b: &[[T; C]],
    init: impl Fn(usize) -> I::V,
    mut out: impl FnMut(usize, usize, I::V),
) {
    // All panels of so many vectors, then the narrower one that is left.
    macro_rules! panels {
        ($panel:ident, $width:literal of $($n:literal)+) => {{
            let width = $width * I::LANES;
            for n in 0..columns / width {
                $panel::<I, T, R, C, $width>(isa, n * width, &a, b, &init, &mut out);
            }
            let c = columns / width * width;
            match (columns - c).div_ceil(I::LANES) {
                $( $n => $panel::<I, T, R, C, $n>(isa, c, &a, b, &init, &mut out), )+
                _ => {}
            }
        }};
    }
    match const { vectors(I::MANY_REGISTERS, I::FUSED, R::N) } {
        8 => panels!(single_row, 8 of 1 2 3 4 5 6 7 8),
        4 => panels!(low_tiles, 4 of 1 2 3 4),
        _ => panels!(high_tiles, 2 of 1 2),
    }
}

/// How many vectors wide a panel is: two, each of which is loaded once for as many rows as there are
/// registers for. With 32 registers, few rows leave room for more.
///
/// Without a fused multiply-add it is the instructions that count, and 2 rows by 4 take the fewest.
const fn vectors(many_registers: bool, fused: bool, rows: usize) -> usize {
    match rows {
        1 => 8,
        _ if !many_registers && !fused => 4,
        2..=6 if many_registers => 4,
        _ => 2,
    }
}

/// How many tiles a panel has: as few as the registers allow.
const fn tiles(many_registers: bool, fused: bool, rows: usize) -> usize {
    rows.div_ceil(match (vectors(many_registers, fused, rows), many_registers) {
        (4, true) => 6,
        (4, false) => 2,
        (_, true) => 13,
        (_, false) => 6,
    })
}

/// How many rows each tile has at least. Where that leaves rows over, some have one more.
const fn height(many_registers: bool, fused: bool, rows: usize) -> usize {
    match tiles(many_registers, fused, rows) {
        0 => 0,
        tiles => rows / tiles,
    }
}

/// A panel of a single row. Few sums would wait for themselves: there are more of each, in turns.
#[inline(always)]
fn single_row<I: Isa<T>, T: Element, R: Rows, const C: usize, const NR: usize>(
    isa: I,
    c: usize,
    a: &impl Fn(usize, usize) -> T,
    b: &[[T; C]],
    init: &impl Fn(usize) -> I::V,
    out: &mut impl FnMut(usize, usize, I::V),
) {
    match NR {
        1 | 2 => row::<I, T, C, NR, 4>(isa, c, a, b, init, out),
        _ if NR < 8 || I::MANY_REGISTERS => row::<I, T, C, NR, 2>(isa, c, a, b, init, out),
        _ => row::<I, T, C, NR, 1>(isa, c, a, b, init, out),
    }
}

/// A panel in tiles of one of these heights: the higher ones, then those with a row less.
macro_rules! tiles {
    ($name:ident: $($low:literal $high:literal,)+) => {
        #[inline(always)]
        fn $name<I: Isa<T>, T: Element, R: Rows, const C: usize, const NR: usize>(
            isa: I,
            c: usize,
            a: &impl Fn(usize, usize) -> T,
            b: &[[T; C]],
            init: &impl Fn(usize) -> I::V,
            out: &mut impl FnMut(usize, usize, I::V),
        ) {
            let count = const { tiles(I::MANY_REGISTERS, I::FUSED, R::N) };
            match const { height(I::MANY_REGISTERS, I::FUSED, R::N) } {
                $( $low => {
                    let higher = R::N - count * $low;
                    if const { tiles(I::MANY_REGISTERS, I::FUSED, R::N) * $low < R::N } {
                        for n in 0..higher {
                            tile::<I, T, C, $high, NR>(isa, n * $high, c, a, b, init, out);
                        }
                    }
                    for n in higher..count {
                        tile::<I, T, C, $low, NR>(isa, higher + n * $low, c, a, b, init, out);
                    }
                } )+
                _ => {}
            }
        }
    };
}

tiles!(low_tiles: 1 2, 2 3, 3 4, 4 5, 5 6, 6 7,);
tiles!(high_tiles: 2 3, 3 4, 4 5, 5 6, 6 7, 7 8, 8 9, 9 10, 10 11, 11 12, 12 13, 13 14,);

/// `MR` rows from `r` by `NR` vectors of columns from `c`, accumulated in registers.
#[expect(clippy::needless_range_loop, reason = "iterators of every shape took the compiler twice as long")]
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
        for m in 0..MR {
            sums[m][n] = start;
        }
    }
    for (k, b) in b.iter().enumerate() {
        let mut vectors = [isa.splat(T::ZERO); NR];
        for n in 0..NR {
            vectors[n] = isa.load(&b[c + n * I::LANES..]);
        }
        for m in 0..MR {
            let a = isa.splat(a(k, r + m));
            for n in 0..NR {
                sums[m][n] = isa.mul_add(a, vectors[n], sums[m][n]);
            }
        }
    }
    for m in 0..MR {
        for n in 0..NR {
            out(r + m, c + n * I::LANES, sums[m][n]);
        }
    }
}

/// A single row by `NR` vectors of columns from `c`, in `TURNS` sums each: a single one would wait for
/// itself.
#[inline(always)]
fn row<I: Isa<T>, T: Element, const C: usize, const NR: usize, const TURNS: usize>(
    isa: I,
    c: usize,
    a: &impl Fn(usize, usize) -> T,
    b: &[[T; C]],
    init: &impl Fn(usize) -> I::V,
    out: &mut impl FnMut(usize, usize, I::V),
) {
    let mut sums = [[isa.splat(T::ZERO); NR]; TURNS];
    for (n, sum) in sums[0].iter_mut().enumerate() {
        *sum = init(c + n * I::LANES);
    }
    let (rounds, rest) = b.as_chunks::<TURNS>();
    for (round, b) in rounds.iter().enumerate() {
        for (turn, (b, sums)) in b.iter().zip(&mut sums).enumerate() {
            add_product(isa, a(round * TURNS + turn, 0), &b[c..], sums);
        }
    }
    for (turn, (b, sums)) in rest.iter().zip(&mut sums).enumerate() {
        add_product(isa, a(rounds.len() * TURNS + turn, 0), &b[c..], sums);
    }
    let (first, more) = sums.split_at_mut(1);
    for (n, sum) in first[0].iter_mut().enumerate() {
        for more in &*more {
            *sum = isa.add(*sum, more[n]);
        }
        out(0, c + n * I::LANES, *sum);
    }
}

/// Adds `a b` to the sums.
#[inline(always)]
fn add_product<I: Isa<T>, T: Element, const NR: usize>(isa: I, a: T, b: &[T], sums: &mut [I::V; NR]) {
    let a = isa.splat(a);
    for (n, sum) in sums.iter_mut().enumerate() {
        *sum = isa.mul_add(a, isa.load(&b[n * I::LANES..]), *sum);
    }
}

#[cfg(test)]
mod tests {
    use std::{vec, vec::Vec};

    use rand::{RngExt, SeedableRng, rngs::Xoshiro128PlusPlus};

    use super::{Exactly, height, product, tiles, vectors};
    use crate::{
        Element,
        kernel::{Isa, Kernel},
    };

    /// On every instruction set, also on those that the machine which runs this has not.
    #[test]
    fn tiles_of_the_heights_that_are_compiled_cover_all_rows() {
        for (many_registers, fused) in [(false, false), (false, true), (true, false), (true, true)] {
            for rows in 2..300 {
                let tiles = tiles(many_registers, fused, rows);
                let height = height(many_registers, fused, rows);
                let compiled = if vectors(many_registers, fused, rows) == 4 { 1..=6 } else { 2..=13 };
                assert!(compiled.contains(&height), "no tile of {height} rows, for {rows}");
                let higher = rows - tiles * height;
                let highest = height + usize::from(higher > 0);
                let vectors = vectors(many_registers, fused, rows);
                let registers = if many_registers { 32 } else { 16 };
                assert!((highest + 1) * vectors < registers, "{highest} rows by {vectors} vectors");
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
        fn run<I: Isa<T>>(self, isa: I) {
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
                    product::<I, T, Exactly<ROWS>, MOST>(
                        isa,
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

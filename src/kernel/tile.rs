//! Matrix products, a register tile at a time.

use super::Isa;
use crate::Element;

/// `out(r, c, Σₖ a(k, r) b[k][c..] + init(c))` for every row `r < R` and every vector of columns
/// from `c`: the product of an `(R, K)` and a `(K, C)` matrix.
///
/// The columns are walked in panels of a few vectors, so that a panel of `b` stays in the cache
/// while all rows pass by, and each tile of rows × vectors in registers. With 32 registers a tile
/// is 4 to 6 rows of 4 vectors, with 16 it is 5 rows of 2: as many multiply-adds in flight as the
/// units can take, and fewer loads than they can do. A single row takes 8 vectors instead.
#[inline(always)]
pub(super) fn product<I: Isa<T>, T: Element, const R: usize, const C: usize>(
    isa: I,
    a: impl Fn(usize, usize) -> T,
    b: &[[T; C]],
    init: impl Fn(usize) -> I::V,
    mut out: impl FnMut(usize, usize, I::V),
) {
    if R == 1 {
        panels::<I, T, R, C, 1, 8>(isa, &a, b, &init, &mut out);
    } else if !I::MANY_REGISTERS {
        panels::<I, T, R, C, 5, 2>(isa, &a, b, &init, &mut out);
    } else if R.is_multiple_of(6) {
        panels::<I, T, R, C, 6, 4>(isa, &a, b, &init, &mut out);
    } else if !R.is_multiple_of(5) && R.is_multiple_of(4) {
        panels::<I, T, R, C, 4, 4>(isa, &a, b, &init, &mut out);
    } else {
        panels::<I, T, R, C, 5, 4>(isa, &a, b, &init, &mut out);
    }
}

/// All panels of `NR` vectors of columns, then the narrower one that is left.
#[inline(always)]
fn panels<I: Isa<T>, T: Element, const R: usize, const C: usize, const MR: usize, const NR: usize>(
    isa: I,
    a: &impl Fn(usize, usize) -> T,
    b: &[[T; C]],
    init: &impl Fn(usize) -> I::V,
    out: &mut impl FnMut(usize, usize, I::V),
) {
    let width = NR * I::LANES;
    for panel in 0..C / width {
        panel_rows::<I, T, R, C, MR, NR>(isa, panel * width, a, b, init, out);
    }
    let c = C / width * width;
    match (C - c).div_ceil(I::LANES) {
        0 => {}
        1 => panel_rows::<I, T, R, C, MR, 1>(isa, c, a, b, init, out),
        2 => panel_rows::<I, T, R, C, MR, 2>(isa, c, a, b, init, out),
        3 => panel_rows::<I, T, R, C, MR, 3>(isa, c, a, b, init, out),
        4 => panel_rows::<I, T, R, C, MR, 4>(isa, c, a, b, init, out),
        5 => panel_rows::<I, T, R, C, MR, 5>(isa, c, a, b, init, out),
        6 => panel_rows::<I, T, R, C, MR, 6>(isa, c, a, b, init, out),
        7 => panel_rows::<I, T, R, C, MR, 7>(isa, c, a, b, init, out),
        _ => panel_rows::<I, T, R, C, MR, 8>(isa, c, a, b, init, out),
    }
}

/// One panel: all tiles of `MR` rows, then the shorter one that is left.
#[inline(always)]
fn panel_rows<I: Isa<T>, T: Element, const R: usize, const C: usize, const MR: usize, const NR: usize>(
    isa: I,
    c: usize,
    a: &impl Fn(usize, usize) -> T,
    b: &[[T; C]],
    init: &impl Fn(usize) -> I::V,
    out: &mut impl FnMut(usize, usize, I::V),
) {
    for tile in 0..R / MR {
        self::tile::<I, T, C, MR, NR>(isa, tile * MR, c, a, b, init, out);
    }
    let r = R / MR * MR;
    match R - r {
        0 => {}
        1 => self::tile::<I, T, C, 1, NR>(isa, r, c, a, b, init, out),
        2 => self::tile::<I, T, C, 2, NR>(isa, r, c, a, b, init, out),
        3 => self::tile::<I, T, C, 3, NR>(isa, r, c, a, b, init, out),
        _ => self::tile::<I, T, C, 4, NR>(isa, r, c, a, b, init, out),
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
    let mut acc = [[isa.splat(T::ZERO); NR]; MR];
    for n in 0..NR {
        let start = init(c + n * I::LANES);
        for row in &mut acc {
            row[n] = start;
        }
    }
    for (k, b) in b.iter().enumerate() {
        let mut bs = [isa.splat(T::ZERO); NR];
        for (n, b_n) in bs.iter_mut().enumerate() {
            *b_n = isa.load(&b[c + n * I::LANES..]);
        }
        for (m, row) in acc.iter_mut().enumerate() {
            let a = isa.splat(a(k, r + m));
            for (sum, b) in row.iter_mut().zip(bs) {
                *sum = isa.mul_add(a, b, *sum);
            }
        }
    }
    for (m, row) in acc.iter().enumerate() {
        for (n, sum) in row.iter().enumerate() {
            out(r + m, c + n * I::LANES, *sum);
        }
    }
}

//! The products `C ± AᵀA` and `A Aᵀ`, of which only the upper triangle is computed.

use crate::simd::{Element, Kernel, Real, Simd, Vector, transform};

/// A multiple of the height of every tile.
pub(super) const BLOCK: usize = 16;

/// `C ← C + AᵀA`, for the rows from `first` to `size`: see [`gram`].
pub(super) struct Gram<'a, T> {
    pub(super) c: &'a mut [T],
    pub(super) a: &'a [T],
    pub(super) stride: usize,
    pub(super) first: usize,
    pub(super) size: usize,
}

impl<T: Element> Kernel<T> for Gram<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        let Self { c, a, stride, first, size } = self;
        gram(simd, c, a, stride, first, size, S::add);
    }
}

/// `C ← C ± AᵀA` for the rows from `first`, a multiple of [`BLOCK`], to `size` of `C`; `c` starts with the first of them. Tiles
/// of sums that stay in registers may reach a few elements below the diagonal, and a few rows below the matrix.
#[inline(always)]
pub(super) fn gram<S: Simd<T>, T: Element>(
    simd: S,
    c: &mut [T],
    a: &[T],
    stride: usize,
    first: usize,
    size: usize,
    add: impl Fn(S, S::Register, S::Register) -> S::Register + Copy,
) {
    match const { (S::LANES, S::REGISTERS) } {
        (1, _) => tiles::<S, T, 2, 2>(simd, c, a, stride, first, size, add),
        (_, 32..) => tiles::<S, T, 8, 3>(simd, c, a, stride, first, size, add),
        _ => tiles::<S, T, 4, 3>(simd, c, a, stride, first, size, add),
    }
}

#[inline(always)]
fn tiles<S: Simd<T>, T: Element, const MR: usize, const NR: usize>(
    simd: S,
    c: &mut [T],
    a: &[T],
    stride: usize,
    first: usize,
    size: usize,
    add: impl Fn(S, S::Register, S::Register) -> S::Register + Copy,
) {
    for row in (first..size).step_by(MR) {
        let c = c.get_mut((row - first) * stride..).unwrap_or_default();
        let mut column = row / S::LANES * S::LANES;
        while column + (NR - 1) * S::LANES < stride {
            tile::<S, T, MR, NR>(simd, c, a, stride, row, column, add);
            column += NR * S::LANES;
        }
        while column < stride {
            tile::<S, T, MR, 1>(simd, c, a, stride, row, column, add);
            column += S::LANES;
        }
    }
}

/// `MR` rows from `row` by `NR` vectors of columns from `column`.
#[expect(clippy::needless_range_loop, reason = "as in `matmul::gemm`")]
#[inline(always)]
fn tile<S: Simd<T>, T: Element, const MR: usize, const NR: usize>(
    simd: S,
    c: &mut [T],
    a: &[T],
    stride: usize,
    row: usize,
    column: usize,
    add: impl Fn(S, S::Register, S::Register) -> S::Register,
) {
    let mut sums = [[simd.splat(T::ZERO); NR]; MR];
    for a in a.chunks_exact(stride) {
        let (Some((left, _)), Some(right)) =
            (a.get(row..).and_then(<[T]>::split_first_chunk::<MR>), a.get(column..column + NR * S::LANES))
        else {
            return;
        };
        let mut vectors = [simd.splat(T::ZERO); NR];
        for n in 0..NR {
            vectors[n] = simd.load(right.get(n * S::LANES..).unwrap_or_default());
        }
        for m in 0..MR {
            let left = simd.splat(left[m]);
            for n in 0..NR {
                sums[m][n] = simd.mul_add(left, vectors[n], sums[m][n]);
            }
        }
    }
    for (sums, c) in sums.iter().zip(c.chunks_exact_mut(stride)) {
        for n in 0..NR {
            let c = c.get_mut(column + n * S::LANES..).unwrap_or_default();
            simd.store(c, add(simd, simd.load(c), sums[n]));
        }
    }
}

/// `C ← A Aᵀ`
pub(super) struct OuterGram<'a, T> {
    pub(super) c: &'a mut [T],
    pub(super) a: &'a [T],
    pub(super) a_stride: usize,
    pub(super) stride: usize,
    pub(super) size: usize,
}

impl<T: Element> Kernel<T> for OuterGram<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        if const { S::LANES > 1 && S::REGISTERS >= 32 } {
            self.tiles::<S, 4>(simd);
        } else {
            self.tiles::<S, 2>(simd);
        }
    }
}

impl<T: Element> OuterGram<'_, T> {
    /// Dot products of `R` rows with `R` others at a time.
    #[inline(always)]
    fn tiles<S: Simd<T>, const R: usize>(self, simd: S) {
        let Self { c, a, a_stride, stride, size } = self;
        let row = |row: usize| {
            a.get(row.min(size - 1) * a_stride..).and_then(|a| a.get(..a_stride)).unwrap_or_default()
        };
        for first in (0..size).step_by(R) {
            let left: [&[T]; R] = core::array::from_fn(|m| row(first + m));
            for second in (first..size).step_by(R) {
                let right: [&[T]; R] = core::array::from_fn(|n| row(second + n));
                let mut sums = [[simd.splat(T::ZERO); R]; R];
                for at in (0..a_stride).step_by(S::LANES) {
                    let right = right.map(
                        #[inline(always)]
                        |right| simd.load(right.get(at..).unwrap_or_default()),
                    );
                    for (sums, left) in sums.iter_mut().zip(left) {
                        let left = simd.load(left.get(at..).unwrap_or_default());
                        for (sum, right) in sums.iter_mut().zip(right) {
                            *sum = simd.mul_add(left, right, *sum);
                        }
                    }
                }
                let rows = c.chunks_exact_mut(stride).take(size).skip(first);
                for (c, sums) in rows.zip(sums) {
                    for (c, sum) in c.iter_mut().take(size).skip(second).zip(sums) {
                        *c = simd.sum(sum);
                    }
                }
            }
        }
    }
}

/// `y ← Aᵀ x`
pub(super) struct Combine<'a, T> {
    pub(super) a: &'a [T],
    pub(super) stride: usize,
    pub(super) x: &'a [T],
    pub(super) y: &'a mut [T],
}

impl<T: Element> Kernel<T> for Combine<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        let Self { a, stride, x, y } = self;
        y.fill(T::ZERO);
        for (row, factor) in a.chunks_exact(stride).zip(x) {
            transform(
                simd,
                y,
                row,
                #[inline(always)]
                |y: Vector<S, T>, a| a.scale_add(*factor, y),
            );
        }
    }
}

//! The three products of a linear layer: `z = x Wᵀ + b`, `dW = dzᵀ x` and `dx = dz W`.
//!
//! `w` is kept input-major, `[[T; OUT]; IN]`, so that a vector runs over the outputs, with one
//! exception: see [`narrow`].

use super::{Isa, Scalar, plain, tile::product};
use crate::{Activation, Element};

/// Whether the weights are kept output-major, `[[T; IN]; OUT]`, in the same memory.
///
/// A layer of few outputs leaves most lanes of a vector over the outputs idle. Its vectors run
/// over the inputs instead: the forward pass is a dot product, and `dx` needs no transpose.
pub(crate) const fn narrow<const IN: usize, const OUT: usize>() -> bool {
    OUT <= 8 && IN > OUT
}

/// The weights of a [`narrow`] layer, one row an output.
#[inline(always)]
pub(crate) fn rows<T, const IN: usize, const OUT: usize>(w: &[[T; OUT]; IN]) -> &[[T; IN]] {
    w.as_flattened().as_chunks().0
}

/// The weights of a [`narrow`] layer, one row an output, to be changed.
#[inline(always)]
pub(crate) fn rows_mut<T, const IN: usize, const OUT: usize>(w: &mut [[T; OUT]; IN]) -> &mut [[T; IN]] {
    w.as_flattened_mut().as_chunks_mut().0
}

/// `z = then(x Wᵀ + b)`
#[inline(always)]
pub(crate) fn forward<I: Isa<T>, T: Element, const IN: usize, const OUT: usize, const B: usize>(
    isa: I,
    w: &[[T; OUT]; IN],
    bias: &[T; OUT],
    x: &[[T; IN]; B],
    z: &mut [[T; OUT]; B],
    then: impl Activation<T>,
) {
    if I::LANES == 1 {
        return plain::forward(w, bias, x, z, then);
    }
    if narrow::<IN, OUT>() {
        return forward_narrow(isa, rows(w), bias, x, z, then);
    }
    product::<I, T, B, OUT>(
        isa,
        #[inline(always)]
        |i, b| x[b][i],
        w,
        #[inline(always)]
        |o| isa.load(&bias[o..]),
        #[inline(always)]
        |b, o, sum| isa.store(&mut z[b][o..], then.forward(isa, sum)),
    );
}

#[inline(always)]
fn forward_narrow<I: Isa<T>, T: Element, const IN: usize, const OUT: usize, const B: usize>(
    isa: I,
    w: &[[T; IN]],
    bias: &[T; OUT],
    x: &[[T; IN]; B],
    z: &mut [[T; OUT]; B],
    then: impl Activation<T>,
) {
    for (x, z) in x.iter().zip(z) {
        let mut acc = [isa.splat(T::ZERO); OUT];
        for at in (0..IN).step_by(I::LANES) {
            let x = isa.load(&x[at..]);
            for (sum, w) in acc.iter_mut().zip(w) {
                *sum = isa.mul_add(x, isa.load(&w[at..]), *sum);
            }
        }
        for ((z, sum), bias) in z.iter_mut().zip(acc).zip(bias) {
            *z = then.forward(Scalar, isa.sum(sum) + *bias);
        }
    }
}

/// Where the gradient of a layer goes, a vector at a time: into a gradient, or straight into the
/// weights as an optimiser's step.
pub(crate) trait Sink<T, const IN: usize, const OUT: usize> {
    /// The weights as they are.
    fn w(&self) -> &[[T; OUT]; IN];
    /// Takes the gradient of some weights: those of a row, from a column on, as they are stored.
    fn weight<I: Isa<T>>(&mut self, isa: I, row: usize, column: usize, gradient: I::V);
    /// Takes the gradient of some biases, from an output on.
    fn bias<I: Isa<T>>(&mut self, isa: I, from: usize, gradient: I::V);
}

/// Hands `dW = dzᵀ x / B` and the mean of `dz` to the sink, and turns `x` into `before`'s share of
/// `dx = dz W`, for the old `W`.
#[inline(always)]
pub(crate) fn backward<
    I: Isa<T>,
    T: Element,
    A: Activation<T>,
    const IN: usize,
    const OUT: usize,
    const B: usize,
>(
    isa: I,
    x: &mut [[T; IN]; B],
    dz: &[[T; OUT]; B],
    before: A,
    transposed: &mut Transposed<T, IN, OUT>,
    sink: &mut impl Sink<T, IN, OUT>,
) {
    let share = isa.splat(T::ONE / T::from_count(B));
    for o in (0..OUT).step_by(I::LANES) {
        let sum = dz.iter().fold(isa.splat(T::ZERO), |sum, dz| isa.add(sum, isa.load(&dz[o..])));
        sink.bias(isa, o, isa.mul(share, sum));
    }
    if I::LANES == 1 {
        return plain::backward(x, dz, before, sink);
    }
    if narrow::<IN, OUT>() {
        return backward_narrow(isa, x, dz, before, share, sink);
    }
    #[cfg(feature = "simd")]
    if B > 1 && I::LANES > 1 {
        return backward_tiles(isa, x, dz, before, share, transposed, sink);
    }
    let _ = transposed;
    backward_rows(isa, x, dz, before, share, sink);
}

/// Room for the weights output-major, as `dx` wants them. Without vectors nobody does.
#[cfg(feature = "simd")]
pub(crate) type Transposed<T, const IN: usize, const OUT: usize> = [[T; IN]; OUT];
/// Room for the weights output-major, as `dx` wants them. Without vectors nobody does.
#[cfg(not(feature = "simd"))]
pub(crate) type Transposed<T, const IN: usize, const OUT: usize> = [T; 0];

/// Both products by register tiles, the second with the weights transposed.
#[cfg(feature = "simd")]
#[inline(always)]
fn backward_tiles<
    I: Isa<T>,
    T: Element,
    A: Activation<T>,
    const IN: usize,
    const OUT: usize,
    const B: usize,
>(
    isa: I,
    x: &mut [[T; IN]; B],
    dz: &[[T; OUT]; B],
    before: A,
    share: I::V,
    transposed: &mut Transposed<T, IN, OUT>,
    sink: &mut impl Sink<T, IN, OUT>,
) {
    if A::WANTED {
        transpose(sink.w(), transposed);
    }
    product::<I, T, IN, OUT>(
        isa,
        #[inline(always)]
        |b, i| x[b][i],
        dz,
        #[inline(always)]
        |_| isa.splat(T::ZERO),
        #[inline(always)]
        |i, o, sum| sink.weight(isa, i, o, isa.mul(share, sum)),
    );
    if A::WANTED {
        product::<I, T, B, IN>(
            isa,
            #[inline(always)]
            |o, b| dz[b][o],
            transposed,
            #[inline(always)]
            |_| isa.splat(T::ZERO),
            #[inline(always)]
            |b, i, dx| {
                let x = &mut x[b][i..];
                let a = isa.load(x);
                isa.store(x, before.backward(isa, a, dx));
            },
        );
    }
}

/// The transpose, in square tiles that fit the registers.
#[cfg(feature = "simd")]
#[inline(always)]
fn transpose<T: Element, const IN: usize, const OUT: usize>(w: &[[T; OUT]; IN], to: &mut [[T; IN]; OUT]) {
    const TILE: usize = 8;
    for i in 0..IN / TILE {
        for o in 0..OUT / TILE {
            let mut tile = [[T::ZERO; TILE]; TILE];
            for m in 0..TILE {
                for n in 0..TILE {
                    tile[n][m] = w[i * TILE + m][o * TILE + n];
                }
            }
            for n in 0..TILE {
                to[o * TILE + n][i * TILE..][..TILE].copy_from_slice(&tile[n]);
            }
        }
    }
    for i in 0..IN {
        let from = if i < IN / TILE * TILE { OUT / TILE * TILE } else { 0 };
        for o in from..OUT {
            to[o][i] = w[i][o];
        }
    }
}

/// A row of weights at a time, read and written once: for a single sample, which the weights'
/// traffic bounds, and without vectors.
#[inline(always)]
fn backward_rows<
    I: Isa<T>,
    T: Element,
    A: Activation<T>,
    const IN: usize,
    const OUT: usize,
    const B: usize,
>(
    isa: I,
    x: &mut [[T; IN]; B],
    dz: &[[T; OUT]; B],
    before: A,
    share: I::V,
    sink: &mut impl Sink<T, IN, OUT>,
) {
    for i in 0..IN {
        let mut dx = [T::ZERO; B];
        if A::WANTED {
            for (dx, dz) in dx.iter_mut().zip(dz) {
                let mut sum = isa.splat(T::ZERO);
                for o in (0..OUT).step_by(I::LANES) {
                    sum = isa.mul_add(isa.load(&dz[o..]), isa.load(&sink.w()[i][o..]), sum);
                }
                *dx = isa.sum(sum);
            }
        }
        for o in (0..OUT).step_by(I::LANES) {
            let mut sum = isa.splat(T::ZERO);
            for (x, dz) in x.iter().zip(dz) {
                sum = isa.mul_add(isa.splat(x[i]), isa.load(&dz[o..]), sum);
            }
            sink.weight(isa, i, o, isa.mul(share, sum));
        }
        if A::WANTED {
            for (x, dx) in x.iter_mut().zip(dx) {
                x[i] = before.backward(Scalar, x[i], dx);
            }
        }
    }
}

/// Both products of a [`narrow`] layer in one pass over its weights and inputs.
#[inline(always)]
fn backward_narrow<
    I: Isa<T>,
    T: Element,
    A: Activation<T>,
    const IN: usize,
    const OUT: usize,
    const B: usize,
>(
    isa: I,
    x: &mut [[T; IN]; B],
    dz: &[[T; OUT]; B],
    before: A,
    share: I::V,
    sink: &mut impl Sink<T, IN, OUT>,
) {
    for at in (0..IN).step_by(I::LANES) {
        let mut w = [isa.splat(T::ZERO); OUT];
        for (w, row) in w.iter_mut().zip(rows(sink.w())) {
            *w = isa.load(&row[at..]);
        }
        let mut dw = [isa.splat(T::ZERO); OUT];
        for (x, dz) in x.iter_mut().zip(dz) {
            let x = &mut x[at..];
            let a = isa.load(x);
            let mut dx = isa.splat(T::ZERO);
            for ((dw, w), dz) in dw.iter_mut().zip(w).zip(dz) {
                let dz = isa.splat(*dz);
                *dw = isa.mul_add(dz, a, *dw);
                dx = isa.mul_add(dz, w, dx);
            }
            if A::WANTED {
                isa.store(x, before.backward(isa, a, dx));
            }
        }
        for (o, dw) in dw.into_iter().enumerate() {
            sink.weight(isa, o, at, isa.mul(share, dw));
        }
    }
}

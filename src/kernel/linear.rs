//! The three products of a linear layer: `z = x Wᵀ + b`, `dW = dzᵀ x` and `dx = dz W`.
//!
//! `w` is kept input-major, `[[T; OUT]; IN]`, so that a vector runs over the outputs, with one
//! exception: see [`narrow`].

use super::{
    Isa, Scalar, plain,
    tile::{Exactly, Rows, product},
    transpose::transpose,
};
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
    if const { I::LANES == 1 } {
        return plain::forward(w, bias, x, z, then);
    }
    if const { narrow::<IN, OUT>() } {
        return forward_narrow(isa, rows(w), bias, x, z, then);
    }
    product::<I, T, Exactly<B>, OUT>(
        isa,
        OUT,
        #[inline(always)]
        |i, b| x[b][i],
        w,
        #[inline(always)]
        |o| isa.load(&bias[o..]),
        #[inline(always)]
        |b, o, sum| isa.store(&mut z[b][o..], then.forward(isa, sum)),
    );
}

/// Dot products along the inputs, of a few samples at a time, which share each load of the weights.
#[inline(always)]
fn forward_narrow<I: Isa<T>, T: Element, const IN: usize, const OUT: usize, const B: usize>(
    isa: I,
    w: &[[T; IN]],
    bias: &[T; OUT],
    x: &[[T; IN]; B],
    z: &mut [[T; OUT]; B],
    then: impl Activation<T>,
) {
    macro_rules! groups_of {
        ($($n:literal)+) => {
            match const { samples(I::MANY_REGISTERS, OUT, B) } {
                $( $n => {
                    for n in 0..B / $n {
                        let (x, z) = (&x.as_chunks().0[n], &mut z.as_chunks_mut().0[n]);
                        dot_products::<I, T, IN, OUT, $n>(isa, w, bias, x, z, then);
                    }
                    for b in B / $n * $n..B {
                        let (x, z) = (&x.as_chunks().0[b], &mut z.as_chunks_mut().0[b]);
                        dot_products::<I, T, IN, OUT, 1>(isa, w, bias, x, z, then);
                    }
                } )+
                _ => {}
            }
        };
    }
    groups_of!(1 2 3 4 5 8 16);
}

/// Of how many samples a [`narrow`] layer computes the outputs at a time: of as many as there are
/// registers for all their sums.
const fn samples(many_registers: bool, outputs: usize, batch: usize) -> usize {
    let sums = if many_registers { 16 } else { 8 };
    let mut samples = 16;
    while samples > batch || samples * outputs > sums {
        samples = match samples {
            16 => 8,
            8 => 5,
            _ => samples - 1,
        };
    }
    samples
}

/// The outputs of `S` samples: every lane sums its share of the inputs, then all lanes are summed.
#[inline(always)]
fn dot_products<I: Isa<T>, T: Element, const IN: usize, const OUT: usize, const S: usize>(
    isa: I,
    w: &[[T; IN]],
    bias: &[T; OUT],
    x: &[[T; IN]; S],
    z: &mut [[T; OUT]; S],
    then: impl Activation<T>,
) {
    // Few sums would wait for themselves: there are two of each, in turns.
    let turns = if S * OUT < 8 { 2 } else { 1 };
    let mut dots = [[[isa.splat(T::ZERO); OUT]; S]; 2];
    for (o, bias) in bias.iter().enumerate() {
        for dots in &mut dots[0] {
            dots[o] = first_lane(isa, *bias);
        }
    }
    for (n, at) in (0..IN).step_by(I::LANES).enumerate() {
        let mut samples = [isa.splat(T::ZERO); S];
        for (sample, x) in samples.iter_mut().zip(x) {
            *sample = isa.load(&x[at..]);
        }
        for (o, w) in w.iter().enumerate().take(OUT) {
            let w = isa.load(&w[at..]);
            for (dots, sample) in dots[n % turns].iter_mut().zip(samples) {
                dots[o] = isa.mul_add(sample, w, dots[o]);
            }
        }
    }
    let [dots, odd] = dots;
    for ((z, dots), odd) in z.iter_mut().zip(dots).zip(odd) {
        for ((z, dot), odd) in z.iter_mut().zip(dots).zip(odd) {
            let lanes = if turns == 2 { isa.add(dot, odd) } else { dot };
            *z = then.forward(Scalar, isa.sum(lanes));
        }
    }
}

/// A vector of this value and zeros. (To load a slice of one would be a jump through a table.)
#[inline(always)]
fn first_lane<I: Isa<T>, T: Element>(isa: I, value: T) -> I::V {
    let mut lanes = [T::ZERO; MOST_LANES];
    lanes[0] = value;
    isa.load(&lanes)
}

/// Lanes of the widest vector.
const MOST_LANES: usize = 16;

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
    transposed: &mut Transposed<T, OUT>,
    sink: &mut impl Sink<T, IN, OUT>,
) {
    let share = isa.splat(T::ONE / T::from_count(B));
    for o in (0..OUT).step_by(I::LANES) {
        let sum = dz.iter().fold(isa.splat(T::ZERO), |sum, dz| isa.add(sum, isa.load(&dz[o..])));
        sink.bias(isa, o, isa.mul(share, sum));
    }
    if const { I::LANES == 1 } {
        return plain::backward(x, dz, before, sink);
    }
    if const { narrow::<IN, OUT>() } {
        return backward_narrow(isa, x, dz, before, share, sink);
    }
    if const { B == 1 } {
        return backward_row(isa, x, dz, before, sink);
    }
    if const { IN >= PANEL } {
        for panel in 0..IN / PANEL {
            backward_panel::<_, _, _, Exactly<PANEL>, IN, OUT, B>(
                isa,
                panel * PANEL,
                x,
                dz,
                before,
                share,
                transposed,
                sink,
            );
        }
    }
    if const { !IN.is_multiple_of(PANEL) } {
        let from = IN / PANEL * PANEL;
        backward_panel::<_, _, _, Rest<IN>, IN, OUT, B>(isa, from, x, dz, before, share, transposed, sink);
    }
}

/// Whether the target can have vectors.
const VECTORS: bool = cfg!(all(
    feature = "simd",
    any(target_arch = "x86_64", target_arch = "aarch64", target_feature = "simd128")
));

/// How many inputs' weights are transposed at a time: whole vectors of every width, and few enough to
/// stay in the cache until `dx` is made of them.
const PANEL: usize = 64;

/// The inputs that are left after whole panels of `IN`.
struct Rest<const IN: usize>;

impl<const IN: usize> Rows for Rest<IN> {
    const N: usize = IN % PANEL;
}

/// Room for a panel of weights output-major, as `dx` wants them. Without vectors nobody does.
pub(crate) type Transposed<T, const OUT: usize> = [[T; PANEL_OR_NONE]; OUT];

const PANEL_OR_NONE: usize = if VECTORS { PANEL } else { 0 };

/// Transposes the weights of a panel, updates them, and then turns its `x` into `dx`.
#[inline(always)]
fn backward_panel<
    I: Isa<T>,
    T: Element,
    A: Activation<T>,
    Inputs: Rows,
    const IN: usize,
    const OUT: usize,
    const B: usize,
>(
    isa: I,
    from: usize,
    x: &mut [[T; IN]; B],
    dz: &[[T; OUT]; B],
    before: A,
    share: I::V,
    transposed: &mut Transposed<T, OUT>,
    sink: &mut impl Sink<T, IN, OUT>,
) {
    let zero = isa.splat(T::ZERO);
    if A::WANTED {
        transpose(isa, &sink.w()[from..from + Inputs::N], transposed);
    }
    product::<I, T, Inputs, OUT>(
        isa,
        OUT,
        #[inline(always)]
        |b, i| x[b][from + i],
        dz,
        #[inline(always)]
        |_| zero,
        #[inline(always)]
        |i, o, sum| sink.weight(isa, from + i, o, isa.mul(share, sum)),
    );
    if A::WANTED {
        product::<I, T, Exactly<B>, PANEL_OR_NONE>(
            isa,
            Inputs::N,
            #[inline(always)]
            |o, b| dz[b][o],
            transposed,
            #[inline(always)]
            |_| zero,
            #[inline(always)]
            |b, i, dx| {
                let x = &mut x[b][from + i..];
                let a = isa.load(x);
                isa.store(x, before.backward(isa, a, dx));
            },
        );
    }
}

/// A single sample: both products in one pass over the weights, whose traffic bounds it. Each row
/// of weights is read and written once.
#[inline(always)]
fn backward_row<
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
    sink: &mut impl Sink<T, IN, OUT>,
) {
    for (x, dz) in x.iter_mut().zip(dz) {
        for (i, x) in x.iter_mut().enumerate() {
            let mut dx = isa.splat(T::ZERO);
            let spread = isa.splat(*x);
            for o in (0..OUT).step_by(I::LANES) {
                let dz = isa.load(&dz[o..]);
                if A::WANTED {
                    dx = isa.mul_add(dz, isa.load(&sink.w()[i][o..]), dx);
                }
                sink.weight(isa, i, o, isa.mul(spread, dz));
            }
            if A::WANTED {
                *x = before.backward(Scalar, *x, isa.sum(dx));
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

//! The three matrix products of a linear layer: `z = x Wᵀ + b`, `dW = dzᵀ x` and `dx = dz W`.
//!
//! | file | what it holds |
//! |---|---|
//! | this one | the choice of a kernel for each product, by the sizes of the layer |
//! | [`gemm`] | the general product, in tiles of registers |
//! | [`scalar_kernels`] | the products for targets without SIMD |
//! | [`transpose`] | the transpose of the weights that `dx` needs |
//! | [`storage`] | the order in which the weights are stored |
//! | [`epilogue`] | what is applied to each result as it is written |

pub(crate) mod epilogue;
mod gemm;
mod scalar_kernels;
pub(crate) mod storage;
mod transpose;

use self::{
    epilogue::{Epilogue, InputGrad, NoActivation},
    gemm::{RowCount, Rows, gemm, stay_finite},
    storage::{is_output_major, output_rows},
    transpose::transpose,
};
use crate::simd::{Element, Simd, VECTORS, Vector, largest_absolute, map};

/// `z = epilogue(x Wᵀ + b)`
#[inline(always)]
pub(crate) fn forward<S: Simd<T>, T: Element, const IN: usize, const OUT: usize, const B: usize>(
    simd: S,
    w: &[[T; OUT]; IN],
    bias: &[T; OUT],
    x: &[[T; IN]; B],
    z: &mut [[T; OUT]; B],
    epilogue: impl Epilogue<T>,
) {
    if const { S::LANES == 1 } {
        return scalar_kernels::forward(w, bias, x, z, epilogue);
    }
    if const { is_output_major::<IN, OUT>() } {
        return forward_output_major(simd, output_rows(w), bias, x, z, epilogue);
    }
    // Of rows that fill at most half a vector, the epilogue of several rows is computed at a time.
    if const { 2 * OUT <= S::LANES && B > 1 } {
        forward_input_major(simd, w, bias, x, z, NoActivation);
        return map(
            simd,
            z.as_flattened_mut(),
            #[inline(always)]
            |z: Vector<S, T>| epilogue.apply(z),
        );
    }
    forward_input_major(simd, w, bias, x, z, epilogue);
}

/// Tiles of some samples and some vectors of outputs.
#[inline(always)]
fn forward_input_major<S: Simd<T>, T: Element, const IN: usize, const OUT: usize, const B: usize>(
    simd: S,
    w: &[[T; OUT]; IN],
    bias: &[T; OUT],
    x: &[[T; IN]; B],
    z: &mut [[T; OUT]; B],
    epilogue: impl Epilogue<T>,
) {
    gemm::<S, T, Rows<B>, OUT>(
        simd,
        OUT,
        #[inline(always)]
        |i, b| x[b][i],
        w,
        #[inline(always)]
        |o| simd.load(&bias[o..]),
        None,
        #[inline(always)]
        |b, o, sum| simd.store(&mut z[b][o..], epilogue.apply(Vector::new(simd, sum)).register),
    );
}

/// Dot products along the inputs, of a few samples at a time, so that each vector of weights is loaded once for all of them.
#[inline(always)]
fn forward_output_major<S: Simd<T>, T: Element, const IN: usize, const OUT: usize, const B: usize>(
    simd: S,
    w: &[[T; IN]],
    bias: &[T; OUT],
    x: &[[T; IN]; B],
    z: &mut [[T; OUT]; B],
    epilogue: impl Epilogue<T>,
) {
    macro_rules! groups_of {
        ($($n:literal)+) => {
            match const { samples(S::REGISTERS, OUT, B) } {
                $( $n => {
                    for n in 0..B / $n {
                        let (x, z) = (&x.as_chunks().0[n], &mut z.as_chunks_mut().0[n]);
                        dot_products::<S, T, IN, OUT, $n>(simd, w, bias, x, z, epilogue);
                    }
                    for b in B / $n * $n..B {
                        let (x, z) = (&x.as_chunks().0[b], &mut z.as_chunks_mut().0[b]);
                        dot_products::<S, T, IN, OUT, 1>(simd, w, bias, x, z, epilogue);
                    }
                } )+
                _ => {}
            }
        };
    }
    groups_of!(1 2 3 4 5 8 16);
}

/// The number of samples whose outputs [`forward_output_major`] computes at a time: as many as there are
/// registers for all their sums.
const fn samples(registers: usize, outputs: usize, batch: usize) -> usize {
    let sums = registers / 2;
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

/// The outputs of `SAMPLES` samples: each lane adds up the products of every `LANES`-th input, then the lanes
/// are added.
#[inline(always)]
fn dot_products<S: Simd<T>, T: Element, const IN: usize, const OUT: usize, const SAMPLES: usize>(
    simd: S,
    w: &[[T; IN]],
    bias: &[T; OUT],
    x: &[[T; IN]; SAMPLES],
    z: &mut [[T; OUT]; SAMPLES],
    epilogue: impl Epilogue<T>,
) {
    // With fewer than 8 accumulators the loop would be limited by the latency of the multiply-add, so each
    // output gets two accumulators, used alternately and added at the end.
    let accumulators = if SAMPLES * OUT < 8 { 2 } else { 1 };
    let mut dots = [[[simd.splat(T::ZERO); OUT]; SAMPLES]; 2];
    for (o, bias) in bias.iter().enumerate() {
        for dots in &mut dots[0] {
            dots[o] = first_lane(simd, *bias);
        }
    }
    for (n, at) in (0..IN).step_by(S::LANES).enumerate() {
        let mut samples = [simd.splat(T::ZERO); SAMPLES];
        for (sample, x) in samples.iter_mut().zip(x) {
            *sample = simd.load(&x[at..]);
        }
        for (o, w) in w.iter().enumerate().take(OUT) {
            let w = simd.load(&w[at..]);
            for (dots, sample) in dots[n % accumulators].iter_mut().zip(samples) {
                dots[o] = simd.mul_add(sample, w, dots[o]);
            }
        }
    }
    let [dots, odd] = dots;
    for ((z, dots), odd) in z.iter_mut().zip(dots).zip(odd) {
        for ((z, dot), odd) in z.iter_mut().zip(dots).zip(odd) {
            let lanes = if accumulators == 2 { simd.add(dot, odd) } else { dot };
            *z = epilogue.apply(Vector::number(simd.sum(lanes))).get();
        }
    }
}

/// A vector with this value in the first lane and 0 in all others. (Loading a slice of length 1 would compile
/// to a jump table.)
#[inline(always)]
fn first_lane<S: Simd<T>, T: Element>(simd: S, value: T) -> S::Register {
    let mut lanes = [T::ZERO; MOST_LANES];
    lanes[0] = value;
    simd.load(&lanes)
}

/// The number of lanes of the widest vector.
const MOST_LANES: usize = 16;

/// Receives the gradient of a layer, one vector at a time, as a sum over the batch and `1 / B`: adds it to a
/// gradient, or updates the weights with it at once.
pub(crate) trait GradientSink<S: Simd<T>, T, const IN: usize, const OUT: usize> {
    /// Whether the gradient is needed at all.
    const NEEDED: bool = true;

    /// The current weights, as they are stored.
    fn weights(&self) -> &[[T; OUT]; IN];
    /// Takes the gradient of the stored weights of a row from a column on, as many as there are lanes.
    fn weight_grad(&mut self, row: usize, column: usize, sum: Vector<S, T>, inv_batch: T);
    /// Takes the gradient of the biases from output `from` on, as many as there are lanes.
    fn bias_grad(&mut self, from: usize, sum: Vector<S, T>, inv_batch: T);
}

/// Passes `dW = dzᵀ x / B` and `db`, the mean of `dz` over the batch, to `sink`. Overwrites `x` with
/// `dx = dz W`, computed from the weights before the update, to which `input_grad` is applied: it multiplies
/// by the derivative of the activation before this layer.
///
/// If there is an `overflow_factor`, a tile of gradients is passed to `sink` only if their products with it are all finite.
/// If a tile was left out, the result is false, and `dx` may not be valid.
#[inline(always)]
pub(crate) fn backward<
    S: Simd<T>,
    T: Element,
    G: InputGrad<T>,
    K: GradientSink<S, T, IN, OUT>,
    const IN: usize,
    const OUT: usize,
    const B: usize,
>(
    simd: S,
    x: &mut [[T; IN]; B],
    dz: &[[T; OUT]; B],
    input_grad: G,
    transposed: &mut Transposed<T, OUT>,
    overflow_factor: Option<T>,
    sink: &mut K,
) -> bool {
    if !K::NEEDED && !G::NEEDED {
        return true;
    }
    let inv_batch = T::ONE / T::from_count(B);
    let mut factor_of_sums = None;
    if let Some(factor) = overflow_factor {
        if const { S::LANES == 1 || B == 1 } {
            let (x, dz) = (x.as_flattened(), dz.as_flattened());
            let stay_finite = if const { S::LANES == 1 } {
                scalar_kernels::rows_stay_finite(factor, x, dz)
            } else {
                rows_stay_finite(simd, factor, x, dz)
            };
            if !stay_finite && !largest_stay_finite(factor, x, dz, B) {
                return false;
            }
        } else {
            factor_of_sums = Some(simd.splat(factor * inv_batch));
        }
    }
    if const { S::LANES == 1 } {
        scalar_kernels::backward(simd, x, dz, input_grad, sink);
        return true;
    }
    let mut passed = match const { if K::NEEDED { OUT.div_ceil(S::LANES) } else { 0 } } {
        0 => true,
        1 => bias_grads::<_, _, _, IN, OUT, B, 1>(simd, dz, inv_batch, factor_of_sums, sink),
        2 => bias_grads::<_, _, _, IN, OUT, B, 2>(simd, dz, inv_batch, factor_of_sums, sink),
        _ => bias_grads::<_, _, _, IN, OUT, B, 4>(simd, dz, inv_batch, factor_of_sums, sink),
    };
    if const { is_output_major::<IN, OUT>() } {
        passed &= backward_output_major(simd, x, dz, input_grad, inv_batch, factor_of_sums, sink);
    } else if const { B == 1 } {
        backward_row(simd, x, dz, input_grad, sink);
    } else {
        if const { IN >= PANEL } {
            for panel in 0..IN / PANEL {
                passed &= backward_panel::<_, _, _, Rows<PANEL>, K, IN, OUT, B>(
                    simd,
                    panel * PANEL,
                    x,
                    dz,
                    input_grad,
                    inv_batch,
                    transposed,
                    factor_of_sums,
                    sink,
                );
            }
        }
        if const { !IN.is_multiple_of(PANEL) } {
            let from = IN / PANEL * PANEL;
            passed &= backward_panel::<_, _, _, RemainingRows<IN>, K, IN, OUT, B>(
                simd,
                from,
                x,
                dz,
                input_grad,
                inv_batch,
                transposed,
                factor_of_sums,
                sink,
            );
        }
    }
    passed
}

/// Passes the sums of `dz` over the batch to `sink`, `N` vectors at a time.
#[inline(always)]
fn bias_grads<
    S: Simd<T>,
    T: Element,
    G: GradientSink<S, T, IN, OUT>,
    const IN: usize,
    const OUT: usize,
    const B: usize,
    const N: usize,
>(
    simd: S,
    dz: &[[T; OUT]; B],
    inv_batch: T,
    overflow_factor: Option<S::Register>,
    sink: &mut G,
) -> bool {
    let mut passed = true;
    for first in (0..OUT).step_by(N * S::LANES) {
        let mut sums = [simd.splat(T::ZERO); N];
        for dz in dz {
            for (sum, o) in sums.iter_mut().zip((first..OUT).step_by(S::LANES)) {
                *sum = simd.add(*sum, simd.load(&dz[o..]));
            }
        }
        if stay_finite(simd, overflow_factor, &[sums]) {
            for (sum, o) in sums.into_iter().zip((first..OUT).step_by(S::LANES)) {
                sink.bias_grad(o, Vector::new(simd, sum), inv_batch);
            }
        } else {
            passed = false;
        }
    }
    passed
}

/// Whether the products of all gradients with `overflow_factor` are finite, tested with a bound instead of each gradient:
/// by `2ab ≤ a² + b²`, every `|dW|` and `|db|` is at most `1 + Σ x² + Σ dz²`.
///
/// Each lane adds up its own columns. A number in `dW` depends on two columns, so the larger of two lanes is a bound for it.
#[inline(always)]
fn rows_stay_finite<S: Simd<T>, T: Element>(simd: S, overflow_factor: T, x: &[T], dz: &[T]) -> bool {
    let mut sums = [simd.splat(T::ONE); 2];
    for rows in [x, dz] {
        let pairs = rows.chunks_exact(2 * S::LANES);
        let rest = pairs.remainder();
        for pair in pairs.chain(rest.chunks(2 * S::LANES)) {
            for (sum, numbers) in sums.iter_mut().zip(pair.chunks(S::LANES)) {
                let numbers = simd.load(numbers);
                *sum = simd.mul_add(numbers, numbers, *sum);
            }
        }
    }
    let [a, b] = sums;
    stay_finite(simd, Some(simd.splat(overflow_factor)), &[[simd.add(a, b)]])
}

/// The same with a closer bound, which is exact for one sample: every `|dW|` is at most `max |x| · max |dz|`, every `|db|`
/// at most `max |dz|`. The sums over the batch must be finite too. It takes longer, and is needed for large numbers only.
#[cold]
#[inline(never)]
fn largest_stay_finite<T: Element>(overflow_factor: T, x: &[T], dz: &[T], batch: usize) -> bool {
    let [x, dz] = [x, dz].map(|numbers| largest_absolute(numbers.iter().copied()));
    let batch = T::from_count(batch);
    let overflow_factor = if overflow_factor.abs() < batch { batch } else { overflow_factor };
    (x * dz * overflow_factor).is_finite() && (dz * overflow_factor).is_finite() && x.is_finite()
}

/// The number of inputs whose weights are transposed at a time: a multiple of every number of lanes, and few
/// enough to stay in the cache until `dx` is computed from them.
const PANEL: usize = 64;

/// The number of inputs that are left after all full panels of `IN` inputs.
struct RemainingRows<const IN: usize>;

impl<const IN: usize> RowCount for RemainingRows<IN> {
    const N: usize = IN % PANEL;
}

/// Scratch space for one panel of weights, transposed to `(OUT, PANEL)` for computing `dx`. Empty on targets
/// without SIMD, where the scalar kernel reads the weights in place.
pub(crate) type Transposed<T, const OUT: usize> = [[T; TRANSPOSED_PANEL]; OUT];

const TRANSPOSED_PANEL: usize = if VECTORS { PANEL } else { 0 };

/// Transposes the weights of a panel, passes their gradient to `sink`, then overwrites the panel of `x` with
/// `dx`.
#[inline(always)]
fn backward_panel<
    S: Simd<T>,
    T: Element,
    G: InputGrad<T>,
    Inputs: RowCount,
    K: GradientSink<S, T, IN, OUT>,
    const IN: usize,
    const OUT: usize,
    const B: usize,
>(
    simd: S,
    from: usize,
    x: &mut [[T; IN]; B],
    dz: &[[T; OUT]; B],
    input_grad: G,
    inv_batch: T,
    transposed: &mut Transposed<T, OUT>,
    overflow_factor: Option<S::Register>,
    sink: &mut K,
) -> bool {
    let zero = simd.splat(T::ZERO);
    if G::NEEDED {
        transpose(simd, &sink.weights()[from..from + Inputs::N], transposed);
    }
    let passed = !K::NEEDED
        || gemm::<S, T, Inputs, OUT>(
            simd,
            OUT,
            #[inline(always)]
            |b, i| x[b][from + i],
            dz,
            #[inline(always)]
            |_| zero,
            overflow_factor,
            #[inline(always)]
            |i, o, sum| sink.weight_grad(from + i, o, Vector::new(simd, sum), inv_batch),
        );
    if G::NEEDED {
        gemm::<S, T, Rows<B>, TRANSPOSED_PANEL>(
            simd,
            Inputs::N,
            #[inline(always)]
            |o, b| dz[b][o],
            transposed,
            #[inline(always)]
            |_| zero,
            None,
            #[inline(always)]
            |b, i, dx| {
                let x = &mut x[b][from + i..];
                let a = simd.load(x);
                simd.store(x, input_grad.apply(Vector::new(simd, a), Vector::new(simd, dx)).register);
            },
        );
    }
    passed
}

/// Both products for a single sample, in one pass over the weights: memory traffic is the limit, so each row
/// of weights is read and written once.
#[inline(always)]
fn backward_row<
    S: Simd<T>,
    T: Element,
    G: InputGrad<T>,
    const IN: usize,
    const OUT: usize,
    const B: usize,
>(
    simd: S,
    x: &mut [[T; IN]; B],
    dz: &[[T; OUT]; B],
    input_grad: G,
    sink: &mut impl GradientSink<S, T, IN, OUT>,
) {
    for (x, dz) in x.iter_mut().zip(dz) {
        for (i, x) in x.iter_mut().enumerate() {
            let mut dx = simd.splat(T::ZERO);
            let spread = simd.splat(*x);
            for o in (0..OUT).step_by(S::LANES) {
                let dz = simd.load(&dz[o..]);
                if G::NEEDED {
                    dx = simd.mul_add(dz, simd.load(&sink.weights()[i][o..]), dx);
                }
                sink.weight_grad(i, o, Vector::new(simd, simd.mul(spread, dz)), T::ONE);
            }
            if G::NEEDED {
                *x = input_grad.apply(Vector::number(*x), Vector::number(simd.sum(dx))).get();
            }
        }
    }
}

/// Both products for output-major weights, in one pass over weights and inputs.
#[inline(always)]
fn backward_output_major<
    S: Simd<T>,
    T: Element,
    G: InputGrad<T>,
    const IN: usize,
    const OUT: usize,
    const B: usize,
>(
    simd: S,
    x: &mut [[T; IN]; B],
    dz: &[[T; OUT]; B],
    input_grad: G,
    inv_batch: T,
    overflow_factor: Option<S::Register>,
    sink: &mut impl GradientSink<S, T, IN, OUT>,
) -> bool {
    let mut passed = true;
    for at in (0..IN).step_by(S::LANES) {
        let mut w = [simd.splat(T::ZERO); OUT];
        for (w, row) in w.iter_mut().zip(output_rows(sink.weights())) {
            *w = simd.load(&row[at..]);
        }
        let mut dw = [simd.splat(T::ZERO); OUT];
        for (x, dz) in x.iter_mut().zip(dz) {
            let x = &mut x[at..];
            let a = simd.load(x);
            let mut dx = simd.splat(T::ZERO);
            for ((dw, w), dz) in dw.iter_mut().zip(w).zip(dz) {
                let dz = simd.splat(*dz);
                *dw = simd.mul_add(dz, a, *dw);
                dx = simd.mul_add(dz, w, dx);
            }
            if G::NEEDED {
                simd.store(x, input_grad.apply(Vector::new(simd, a), Vector::new(simd, dx)).register);
            }
        }
        if stay_finite(simd, overflow_factor, &[dw]) {
            for (o, dw) in dw.into_iter().enumerate() {
                sink.weight_grad(o, at, Vector::new(simd, dw), inv_batch);
            }
        } else {
            passed = false;
        }
    }
    passed
}

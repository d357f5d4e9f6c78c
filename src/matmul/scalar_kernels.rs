//! The matrix products for targets without SIMD: small code, few instructions, no panics.
//!
//! For a microcontroller, code is compiled for size, and the compiler unrolls no loop. So each iteration of the inner
//! loops here processes four elements, so that the instructions of the loop itself cost little. The compiler can
//! prove that every index is in bounds, and adds no code for a panic.

use core::hint::black_box;

use super::{
    GradientSink,
    epilogue::{Epilogue, InputGrad},
    storage::{is_output_major, output_rows},
};
use crate::simd::{Element, Simd, Vector};

/// The number of elements that one iteration of an inner loop processes.
const WIDE: usize = 4;

/// `a b + c`, element by element.
#[inline(always)]
fn mul_add<T: Element>(a: T, [b0, b1, b2, b3]: [T; WIDE], [c0, c1, c2, c3]: [T; WIDE]) -> [T; WIDE] {
    [a * b0 + c0, a * b1 + c1, a * b2 + c2, a * b3 + c3]
}

/// `a b`, element by element.
#[inline(always)]
fn mul<T: Element>(a: T, [b0, b1, b2, b3]: [T; WIDE]) -> [T; WIDE] {
    [a * b0, a * b1, a * b2, a * b3]
}

/// `x · w + sum`, added in the order of the features.
///
/// At `opt-level = 3` the compiler would unroll the loop completely, for each output. So this is not inlined, the caller hides
/// the length, and the `black_box` in the loop stops any other unrolling; it costs no instruction.
#[inline(never)]
fn dot<T: Element>(x: &[T], w: &[T], sum: T) -> T {
    let ((x, x_rest), (w, w_rest)) = (x.as_chunks::<WIDE>(), w.as_chunks::<WIDE>());
    let sum = x.iter().zip(w).fold(sum, |sum, ([x0, x1, x2, x3], [w0, w1, w2, w3])| {
        black_box(());
        *x3 * *w3 + (*x2 * *w2 + (*x1 * *w1 + (*x0 * *w0 + sum)))
    });
    x_rest.iter().zip(w_rest).fold(sum, |sum, (x, w)| *x * *w + sum)
}

/// `z = f(x Wᵀ + b)`, with the epilogue `f`. Eight outputs at a time, which load each input once; then four; then the rest.
#[inline(always)]
pub(super) fn forward<T: Element, const IN: usize, const OUT: usize, const B: usize>(
    w: &[[T; OUT]; IN],
    bias: &[T; OUT],
    x: &[[T; IN]; B],
    z: &mut [[T; OUT]; B],
    epilogue: impl Epilogue<T>,
) {
    let f = |sum| epilogue.apply(Vector::number(sum)).get();
    // Of weights in a `static`, the compiler would add their address anew for each load.
    let w = black_box(w);
    for (x, z) in x.iter().zip(z) {
        if const { is_output_major::<IN, OUT>() } {
            for ((z, bias), w) in z.iter_mut().zip(bias).zip(output_rows(w)) {
                *z = f(dot(black_box(x.as_slice()), w, *bias));
            }
            continue;
        }
        let (eights, rest) = z.as_chunks_mut::<{ 2 * WIDE }>();
        let (bias_eights, bias_rest) = bias.as_chunks();
        for (at, (z, [b0, b1, b2, b3, b4, b5, b6, b7])) in eights.iter_mut().zip(bias_eights).enumerate() {
            let (mut low, mut high) = ([*b0, *b1, *b2, *b3], [*b4, *b5, *b6, *b7]);
            for (x, w) in x.iter().zip(w) {
                let [w0, w1, w2, w3, w4, w5, w6, w7] = w.as_chunks().0[at];
                low = mul_add(*x, [w0, w1, w2, w3], low);
                high = mul_add(*x, [w4, w5, w6, w7], high);
            }
            let ([z0, z1, z2, z3], [z4, z5, z6, z7]) = (low, high);
            *z = [f(z0), f(z1), f(z2), f(z3), f(z4), f(z5), f(z6), f(z7)];
        }
        let (fours, rest) = rest.as_chunks_mut::<WIDE>();
        for (z, bias) in fours.iter_mut().zip(bias_rest.as_chunks().0) {
            let mut sum = *bias;
            for (x, w) in x.iter().zip(w) {
                let (_, w) = w.as_chunks::<{ 2 * WIDE }>();
                sum = mul_add(*x, w.as_chunks().0[0], sum);
            }
            let [z0, z1, z2, z3] = sum;
            *z = [f(z0), f(z1), f(z2), f(z3)];
        }
        for (at, (z, bias)) in rest.iter_mut().zip(bias.as_chunks::<WIDE>().1).enumerate() {
            let mut sum = *bias;
            for (x, w) in x.iter().zip(w) {
                sum = *x * w.as_chunks::<WIDE>().1[at] + sum;
            }
            *z = f(sum);
        }
    }
}

/// `rows_stay_finite` of the parent module, without SIMD. It is not inlined: all layers call one copy of it.
#[inline(never)]
pub(super) fn rows_stay_finite<T: Element>(overflow_factor: T, x: &[T], dz: &[T]) -> bool {
    let add_squares = |sum: T, numbers: &[T]| {
        let (wide, rest) = numbers.as_chunks::<WIDE>();
        let sum =
            wide.iter().fold(sum, |sum, [a, b, c, d]| *a * *a + (*b * *b + (*c * *c + (*d * *d + sum))));
        rest.iter().fold(sum, |sum, a| *a * *a + sum)
    };
    (add_squares(add_squares(T::ONE, x), dz) * overflow_factor).is_finite()
}

/// Passes `dW = dzᵀ x / B` and `db`, the mean of `dz`, to `sink`, and overwrites `x` with `dx = dz W`, to which
/// `input_grad` is applied.
///
/// Both are computed in one pass over the weights, each of which is read and written once.
#[inline(always)]
pub(super) fn backward<
    S: Simd<T>,
    T: Element,
    G: InputGrad<T>,
    const IN: usize,
    const OUT: usize,
    const B: usize,
>(
    token: S,
    x: &mut [[T; IN]; B],
    dz: &[[T; OUT]; B],
    input_grad: G,
    sink: &mut impl GradientSink<S, T, IN, OUT>,
) {
    let inv_batch = T::ONE / T::from_count(B);
    for o in 0..OUT {
        let sum = dz.iter().fold(T::ZERO, |sum, dz| sum + dz[o]);
        sink.bias_grad(o, Vector::from_number(token, sum), inv_batch);
    }
    for i in 0..IN {
        let mut dx = [T::ZERO; B];
        if const { is_output_major::<IN, OUT>() } {
            for o in 0..OUT {
                let Some(row) = output_rows(sink.weights()).get(o) else { continue };
                let w = row[i];
                let mut dw = T::ZERO;
                for ((dx, x), dz) in dx.iter_mut().zip(&*x).zip(dz) {
                    *dx = dz[o] * w + *dx;
                    dw = x[i] * dz[o] + dw;
                }
                sink.weight_grad(o, i, Vector::from_number(token, dw), inv_batch);
            }
        } else {
            for at in 0..OUT / WIDE {
                let [w0, w1, w2, w3] = sink.weights()[i].as_chunks::<WIDE>().0[at];
                let mut dw = [T::ZERO; WIDE];
                for ((dx, x), dz) in dx.iter_mut().zip(&*x).zip(dz) {
                    let dz = dz.as_chunks::<WIDE>().0[at];
                    let [dz0, dz1, dz2, dz3] = dz;
                    *dx = dz3 * w3 + (dz2 * w2 + (dz1 * w1 + (dz0 * w0 + *dx)));
                    dw = if B == 1 { mul(x[i], dz) } else { mul_add(x[i], dz, dw) };
                }
                let [dw0, dw1, dw2, dw3] = dw;
                sink.weight_grad(i, WIDE * at, Vector::from_number(token, dw0), inv_batch);
                sink.weight_grad(i, WIDE * at + 1, Vector::from_number(token, dw1), inv_batch);
                sink.weight_grad(i, WIDE * at + 2, Vector::from_number(token, dw2), inv_batch);
                sink.weight_grad(i, WIDE * at + 3, Vector::from_number(token, dw3), inv_batch);
            }
            for o in OUT / WIDE * WIDE..OUT {
                let w = sink.weights()[i][o];
                let mut dw = T::ZERO;
                for ((dx, x), dz) in dx.iter_mut().zip(&*x).zip(dz) {
                    *dx = dz[o] * w + *dx;
                    dw = x[i] * dz[o] + dw;
                }
                sink.weight_grad(i, o, Vector::from_number(token, dw), inv_batch);
            }
        }
        if G::NEEDED {
            for (x, dx) in x.iter_mut().zip(dx) {
                x[i] = input_grad.apply(Vector::number(x[i]), Vector::number(dx)).get();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng, rngs::Xoshiro128PlusPlus};

    use crate::{
        activation::Relu,
        layers::{Context, Layer, LayerTypes, Linear, Mode, NoActivation, NoInputGrad},
        simd::{Scalar, Zeroed},
    };

    /// Small whole numbers, whose sums and products are exact in any order.
    fn whole<const N: usize, const M: usize>(rng: &mut Xoshiro128PlusPlus) -> [[f32; N]; M] {
        [(); M].map(|()| [(); N].map(|()| f32::from(rng.random_range(-4_i8..=4))))
    }

    /// Both passes against the readable ones of [`Linear`]; `B` is a power of two, so that its
    /// reciprocal is exact too.
    fn is_linear<const IN: usize, const OUT: usize, const B: usize>() {
        let mut rng = Xoshiro128PlusPlus::seed_from_u64((IN * 100 + OUT * 10 + B) as u64);
        let [bias] = whole(&mut rng);
        let layer = Linear::<IN, OUT>::new(whole(&mut rng), bias);
        let (x, dz) = (whole::<IN, B>(&mut rng), whole::<OUT, B>(&mut rng));

        let ctx = Context::new(Scalar, Mode::Eval);
        let mut cache = <Linear<IN, OUT> as LayerTypes>::Cache::<B>::ZERO;
        let mut z = [[0.0; OUT]; B];
        *Linear::<IN, OUT>::input_buffer(&mut cache, &mut z) = x;
        Layer::forward(&layer, ctx, &mut cache, &mut z, Relu::<OUT>::new());
        assert_eq!(z, Relu::new().forward(&layer.forward(&x)), "forward of {IN} to {OUT}, batch {B}");

        let mut expected = Linear::ZERO;
        let dx = layer.backward(&x, &dz, &mut expected);
        let (mut scratch, mut gradient) = (Zeroed::ZERO, Linear::ZERO);
        Layer::backward(&layer, ctx, &mut cache, &mut scratch, &mut { dz }, NoInputGrad, &mut gradient);
        assert_eq!(gradient, expected, "gradient of {IN} to {OUT}, batch {B}");
        assert_eq!(
            *Linear::<IN, OUT>::input_buffer(&mut cache, &mut z),
            x,
            "a dx was written that is not needed"
        );
        let mut gradient = Linear::ZERO;
        Layer::backward(&layer, ctx, &mut cache, &mut scratch, &mut { dz }, NoActivation, &mut gradient);
        assert_eq!(gradient, expected, "gradient of {IN} to {OUT}, batch {B}");
        assert_eq!(
            *Linear::<IN, OUT>::input_buffer(&mut cache, &mut z),
            dx,
            "dx of {IN} to {OUT}, batch {B}"
        );
    }

    /// All widths around the four that an inner loop takes, and around the eight below which a
    /// layer is narrow. An optimiser would take minutes over them all, and gets a few.
    #[test]
    fn both_passes_are_those_of_a_linear_layer() {
        macro_rules! every {
            ($($in:literal)+ => $out:tt) => { $( every!(@ $in => $out); )+ };
            (@ $in:literal => [$($out:literal)+]) => {
                $( is_linear::<$in, $out, 1>(); is_linear::<$in, $out, 2>(); is_linear::<$in, $out, 8>(); )+
            };
        }
        #[cfg(debug_assertions)]
        every!(1 2 3 4 5 7 8 9 13 => [1 2 3 4 5 6 7 8 9 10 11 12 13 17]);
        #[cfg(not(debug_assertions))]
        every!(1 7 9 => [3 8 13]);
    }
}

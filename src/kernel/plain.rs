//! The products of a linear layer without vectors: small code, few instructions, no panics.
//!
//! A microcontroller's compiler is asked for small code and unrolls nothing. So the inner loops are
//! written out four wide here, which is what a load-multiply-add needs to pay for its loop, and
//! every index is one that the compiler can see to be in bounds.

use super::{
    Scalar,
    linear::{Sink, narrow, rows},
};
use crate::{Activation, Element};

/// How many elements an inner loop takes at a time.
const WIDE: usize = 4;

/// `Σ a b + c`, element by element.
#[inline(always)]
fn mul_add<T: Element>(a: T, [b0, b1, b2, b3]: [T; WIDE], [c0, c1, c2, c3]: [T; WIDE]) -> [T; WIDE] {
    [a * b0 + c0, a * b1 + c1, a * b2 + c2, a * b3 + c3]
}

/// `a b`, element by element.
#[inline(always)]
fn mul<T: Element>(a: T, [b0, b1, b2, b3]: [T; WIDE]) -> [T; WIDE] {
    [a * b0, a * b1, a * b2, a * b3]
}

/// `z = then(x Wᵀ + b)`
#[inline(always)]
pub(super) fn forward<T: Element, const IN: usize, const OUT: usize, const B: usize>(
    w: &[[T; OUT]; IN],
    bias: &[T; OUT],
    x: &[[T; IN]; B],
    z: &mut [[T; OUT]; B],
    then: impl Activation<T>,
) {
    for (x, z) in x.iter().zip(z) {
        if const { narrow::<IN, OUT>() } {
            for ((z, bias), w) in z.iter_mut().zip(bias).zip(rows(w)) {
                let sum = x.iter().zip(w).fold(*bias, |sum, (x, w)| *x * *w + sum);
                *z = then.forward(Scalar, sum);
            }
            continue;
        }
        let (wide, rest) = z.as_chunks_mut::<WIDE>();
        for (at, (z, bias)) in wide.iter_mut().zip(bias.as_chunks::<WIDE>().0).enumerate() {
            let mut sum = *bias;
            for (x, w) in x.iter().zip(w) {
                sum = mul_add(*x, w.as_chunks::<WIDE>().0[at], sum);
            }
            let [z0, z1, z2, z3] = sum;
            *z = [
                then.forward(Scalar, z0),
                then.forward(Scalar, z1),
                then.forward(Scalar, z2),
                then.forward(Scalar, z3),
            ];
        }
        for (at, (z, bias)) in rest.iter_mut().zip(bias.as_chunks::<WIDE>().1).enumerate() {
            let mut sum = *bias;
            for (x, w) in x.iter().zip(w) {
                sum = *x * w.as_chunks::<WIDE>().1[at] + sum;
            }
            *z = then.forward(Scalar, sum);
        }
    }
}

/// `dW = dzᵀ x / B` to the sink, and `x` turned into `before`'s share of `dx = dz W`.
///
/// Both in one pass over the weights, each read and written once.
#[inline(always)]
pub(super) fn backward<T: Element, A: Activation<T>, const IN: usize, const OUT: usize, const B: usize>(
    x: &mut [[T; IN]; B],
    dz: &[[T; OUT]; B],
    before: A,
    sink: &mut impl Sink<T, IN, OUT>,
) {
    let share = T::ONE / T::from_count(B);
    for i in 0..IN {
        let mut dx = [T::ZERO; B];
        if const { narrow::<IN, OUT>() } {
            for o in 0..OUT {
                let Some(row) = rows(sink.w()).get(o) else { continue };
                let w = row[i];
                let mut dw = T::ZERO;
                for ((dx, x), dz) in dx.iter_mut().zip(&*x).zip(dz) {
                    *dx = dz[o] * w + *dx;
                    dw = x[i] * dz[o] + dw;
                }
                sink.weight(Scalar, o, i, share * dw);
            }
        } else {
            for at in 0..OUT / WIDE {
                let [w0, w1, w2, w3] = sink.w()[i].as_chunks::<WIDE>().0[at];
                let mut dw = [T::ZERO; WIDE];
                for ((dx, x), dz) in dx.iter_mut().zip(&*x).zip(dz) {
                    let dz = dz.as_chunks::<WIDE>().0[at];
                    let [dz0, dz1, dz2, dz3] = dz;
                    *dx = dz3 * w3 + (dz2 * w2 + (dz1 * w1 + (dz0 * w0 + *dx)));
                    dw = if B == 1 { mul(x[i], dz) } else { mul_add(x[i], dz, dw) };
                }
                let [dw0, dw1, dw2, dw3] = mul(share, dw);
                sink.weight(Scalar, i, WIDE * at, dw0);
                sink.weight(Scalar, i, WIDE * at + 1, dw1);
                sink.weight(Scalar, i, WIDE * at + 2, dw2);
                sink.weight(Scalar, i, WIDE * at + 3, dw3);
            }
            for o in OUT / WIDE * WIDE..OUT {
                let w = sink.w()[i][o];
                let mut dw = T::ZERO;
                for ((dx, x), dz) in dx.iter_mut().zip(&*x).zip(dz) {
                    *dx = dz[o] * w + *dx;
                    dw = x[i] * dz[o] + dw;
                }
                sink.weight(Scalar, i, o, share * dw);
            }
        }
        if A::WANTED {
            for (x, dx) in x.iter_mut().zip(dx) {
                x[i] = before.backward(Scalar, x[i], dx);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng, rngs::Xoshiro128PlusPlus};

    use crate::{
        Identity, Layer, Linear, Relu, Unwanted, Zeroed,
        activation::{Fused, ReluFn},
        kernel::Scalar,
    };

    /// Small whole numbers, whose sums and products are exact in any order.
    fn whole<const N: usize, const M: usize>(rng: &mut Xoshiro128PlusPlus) -> [[f32; N]; M] {
        [(); M].map(|()| [(); N].map(|()| f32::from(rng.random_range(-4_i8..=4))))
    }

    /// Both passes against the readable ones of [`Linear`]; `B` is a power of two, so that its
    /// share is exact too.
    fn is_linear<const IN: usize, const OUT: usize, const B: usize>() {
        let mut rng = Xoshiro128PlusPlus::seed_from_u64((IN * 100 + OUT * 10 + B) as u64);
        let [bias] = whole(&mut rng);
        let layer = Linear::<IN, OUT>::new(whole(&mut rng), bias);
        let (x, dz) = (whole::<IN, B>(&mut rng), whole::<OUT, B>(&mut rng));

        let mut tape = <Linear<IN, OUT> as Layer>::Tape::<B>::ZERO;
        let mut z = [[0.0; OUT]; B];
        *Linear::<IN, OUT>::input(&mut tape, &mut z) = x;
        layer.forward_tape(Scalar, &mut tape, &mut z, Fused::<ReluFn>::default());
        assert_eq!(z, Relu::new().forward(&layer.forward(&x)), "forward of {IN} to {OUT}, batch {B}");

        let mut expected = Linear::ZERO;
        let dx = layer.backward(&x, &dz, &mut expected);
        let mut unwanted = Linear::ZERO;
        layer.backward_tape(Scalar, &mut tape, &mut { Zeroed::ZERO }, &mut { dz }, Unwanted, &mut unwanted);
        assert_eq!(unwanted, expected, "gradient of {IN} to {OUT}, batch {B}");
        assert_eq!(*Linear::<IN, OUT>::input(&mut tape, &mut z), x, "an unwanted dx was written");
        let mut gradient = Linear::ZERO;
        layer.backward_tape(Scalar, &mut tape, &mut { Zeroed::ZERO }, &mut { dz }, Identity, &mut gradient);
        assert_eq!(gradient, expected, "gradient of {IN} to {OUT}, batch {B}");
        assert_eq!(*Linear::<IN, OUT>::input(&mut tape, &mut z), dx, "dx of {IN} to {OUT}, batch {B}");
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

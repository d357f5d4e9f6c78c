//! Every size around the widths of all vectors and tiles, as the number of inputs, of outputs and of samples: the
//! kernels against the textbook passes of `Linear`.

use constnet::{Cache, Linear, Sequential, Zeroed, simd::Element};
use rand::{Rng, SeedableRng, rngs::Xoshiro128PlusPlus};

/// Sums of up to 129 products of standard normal numbers, added in different orders: a few dozen roundings of numbers
/// below 100.
const TOLERANCE: f32 = 1e-4;

fn normal<const N: usize, const M: usize>(rng: &mut impl Rng) -> [[f32; N]; M] {
    [(); M].map(|()| [(); N].map(|()| Element::standard_normal(rng)))
}

fn assert_close(found: &[f32], expected: &[f32], what: &str, shape: [usize; 3]) {
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= TOLERANCE, "{what} of {shape:?}: {found} instead of {expected}");
    }
}

/// The forward and the backward pass, by the kernels and by the textbook passes.
fn check<const IN: usize, const OUT: usize, const B: usize>() {
    let shape = [IN, OUT, B];
    let rng = &mut Xoshiro128PlusPlus::seed_from_u64((IN * 10_000 + OUT * 100 + B) as u64);
    let [bias] = normal(rng);
    let layer = Linear::<IN, OUT>::new(normal(rng), bias);
    let (x, dz) = (normal::<IN, B>(rng), normal::<OUT, B>(rng));

    let net = Sequential(layer);
    let (mut cache, mut gradient) = (Cache::ZERO, Sequential::ZERO);
    let pass = net.forward(&x, &mut cache);
    assert_close(pass.output().as_flattened(), layer.forward(&x).as_flattened(), "z", shape);
    let dx = pass.backward_to_input(&dz, &mut gradient);

    let mut expected = Linear::ZERO;
    assert_close(dx.as_flattened(), layer.backward(&x, &dz, &mut expected).as_flattened(), "dx", shape);
    assert_close(gradient.0.bias(), expected.bias(), "db", shape);
    assert_close(gradient.0.weight().as_flattened(), expected.weight().as_flattened(), "dW", shape);
}

/// Each size `n` as the number of inputs, of outputs and of samples, with two other sizes.
macro_rules! each_size {
    ($($name:ident: $n:literal $m:literal $l:literal;)+) => { $(
        #[test]
        fn $name() {
            check::<$n, $m, $l>();
            check::<$l, $n, $m>();
            check::<$m, $l, $n>();
        }
    )+ };
}

each_size! {
    size_1: 1 5 2;
    size_2: 2 16 16;
    size_3: 3 2 5;
    size_4: 4 9 31;
    size_5: 5 33 8;
    size_6: 6 7 1;
    size_7: 7 17 15;
    size_8: 8 3 3;
    size_9: 9 15 17;
    size_10: 10 1 7;
    size_11: 11 8 33;
    size_12: 12 31 9;
    size_13: 13 5 2;
    size_14: 14 16 16;
    size_15: 15 2 5;
    size_16: 16 9 31;
    size_17: 17 33 8;
    size_18: 18 7 1;
    size_19: 19 17 15;
    size_20: 20 3 3;
    size_21: 21 15 17;
    size_22: 22 1 7;
    size_23: 23 8 33;
    size_24: 24 31 9;
    size_25: 25 5 2;
    size_26: 26 16 16;
    size_27: 27 2 5;
    size_28: 28 9 31;
    size_29: 29 33 8;
    size_30: 30 7 1;
    size_31: 31 17 15;
    size_32: 32 3 3;
    size_33: 33 15 17;
    size_63: 63 1 7;
    size_64: 64 8 33;
    size_65: 65 31 9;
    size_127: 127 5 2;
    size_128: 128 16 16;
    size_129: 129 2 5;
}

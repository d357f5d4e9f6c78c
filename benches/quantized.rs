//! Prediction for one sample in `f32` and in 8-bit integers, side by side: on a host, `f32` must be faster.
//!
//! `cargo bench --bench quantized`

use std::hint::black_box;

use constnet::{Quantized, Zeroed, mlp};
use divan::Bencher;
use rand::{RngExt, SeedableRng, rngs::StdRng};

fn main() {
    divan::main();
}

/// Both benches of a network.
macro_rules! networks {
    ($($name:ident: $inputs:literal, $net:ty;)+) => { $(
        mod $name {
            use super::*;

            fn net() -> (Box<$net>, [f32; $inputs]) {
                let rng = &mut StdRng::seed_from_u64(0);
                let mut net = <$net>::boxed();
                net.init(rng);
                (net, [(); $inputs].map(|()| rng.random_range(-1.0..1.0)))
            }

            #[divan::bench]
            fn f32(bencher: Bencher) {
                let (net, x) = net();
                bencher.bench_local(|| black_box(&net).predict(black_box(&x)));
            }

            #[divan::bench]
            fn int8(bencher: Bencher) {
                let (net, x) = net();
                let (net, _) = Quantized::of(&*net, &[x, x.map(|x| -x)]).expect("a quantised network");
                let x = net.quantize_input(&x);
                bencher.bench_local(|| black_box(&net).predict_bytes(black_box(&x)));
            }
        }
    )+ };
}

networks! {
    small_5_64_64_3: 5, mlp![5, 64, 64, 3];
    digits_64_128_10: 64, mlp![64, 128, 10];
    large_256_256_10: 256, mlp![256, 256, 10];
}

//! Jacobians, and prediction for many rows.

use std::hint::black_box;

use constnet::{Cache, Zeroed, mlp};
use divan::Bencher;
use rand::{SeedableRng, rngs::StdRng};

fn main() {
    divan::main();
}

type Net = mlp![12, 64, 64, 4];

fn net() -> Net {
    let mut net = Net::ZERO;
    net.init(&mut StdRng::seed_from_u64(0));
    net
}

const X: [f32; 12] = [0.5, -0.5, 0.25, 1.0, -1.0, 0.75, 0.1, 0.2, 0.3, -0.4, 0.6, 0.7];

/// Must take at most as long as four backward passes: the time of `four_forward_and_backward_passes` minus that of
/// `four_forward_passes`.
#[divan::bench]
fn jacobian(bencher: Bencher) {
    let net = net();
    bencher.bench_local(|| -> [[f32; 12]; 4] { black_box(&net).jacobian(black_box(&X)) });
}

/// A forward and a backward pass for each of the four outputs, as without `jacobian`.
#[divan::bench]
fn four_forward_and_backward_passes(bencher: Bencher) {
    let (net, mut cache, mut gradient) = (net(), Cache::ZERO, Net::ZERO);
    bencher.bench_local(|| {
        for o in 0..4 {
            let mut dy = [[0.0; 4]];
            dy[0][o] = 1.0;
            black_box(&net).forward(black_box(&[X]), &mut cache).backward_to_input(&dy, &mut gradient);
        }
    });
}

/// The four forward passes of the above alone.
#[divan::bench]
fn four_forward_passes(bencher: Bencher) {
    let (net, mut cache) = (net(), Cache::<_, 1>::ZERO);
    bencher.bench_local(|| {
        for _ in 0..4 {
            black_box(black_box(&net).forward(black_box(&[X]), &mut cache).output());
        }
    });
}

type Classifier = mlp![64, 128, 10];

/// `predict_all` for 10,000 rows; with the feature `rayon` on all cores. Must take at most 5 % more than `forward_passes`.
#[divan::bench]
fn predict_all(bencher: Bencher) {
    let (net, x) = (classifier(), vec![[0.5; 64]; ROWS]);
    bencher.bench_local(|| black_box(&net).predict_all(black_box(&x)));
}

/// The forward passes of as many rows in batches of 64: those of the roofline.
#[divan::bench]
fn forward_passes(bencher: Bencher) {
    let (net, x, mut cache) = (classifier(), vec![[0.5; 64]; ROWS], Cache::<_, 64>::boxed());
    bencher.bench_local(|| {
        for x in black_box(&x).as_chunks().0 {
            black_box(black_box(&*net).forward(x, &mut cache).output());
        }
        // The 16 rows that are left take another pass.
        black_box(black_box(&*net).forward(&[[0.5; 64]; 64], &mut cache).output());
    });
}

const ROWS: usize = 10_000;

fn classifier() -> Box<Classifier> {
    let mut net = Classifier::boxed();
    net.init(&mut StdRng::seed_from_u64(0));
    net
}

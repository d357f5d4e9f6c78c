//! What a training step costs with each optimiser, beside plain gradient descent.
//!
//! A bench is named for the optimiser, its arguments are the element type and the network. The
//! throughput is in floating-point operations of the products alone, so that the quotient of two
//! rows is what an optimiser adds. `cargo bench --bench optimizers`

use std::hint::black_box;

use constnet::{
    Adam, AdamW, ClipNorm, ClipValue, Elem, Element, Layer, Momentum, Optimizer, RmsProp, Scheduled, Sgd,
    Shape, Trainer, Zeroed, mlp, schedule::Cosine,
};
use divan::{Bencher, counter::ItemsCount};
use rand::{SeedableRng, rngs::StdRng};

fn main() {
    // The last core: the first serves most interrupts.
    if let Some(core) = core_affinity::get_core_ids().and_then(|cores| cores.last().copied()) {
        core_affinity::set_for_current(core);
    }
    divan::main();
}

/// Batch 20.
type Small = mlp![5, 64, 64, 3];
/// Batch 64.
type Large = mlp![32, 256, 256, 8];

/// One row for each optimiser.
macro_rules! benches {
    ($($name:ident: $optimizer:expr;)+) => { $(
        mod $name {
            use super::*;

            #[divan::bench]
            fn f32_5_64_64_3_batch_20(bencher: Bencher) {
                type T = f32;
                step::<Small, _, 20>(bencher, $optimizer, 5 * 64);
            }

            #[divan::bench]
            fn f32_32_256_256_8_batch_64(bencher: Bencher) {
                type T = f32;
                step::<Large, _, 64>(bencher, $optimizer, 32 * 256);
            }

            #[divan::bench]
            fn f64_5_64_64_3_batch_20(bencher: Bencher) {
                type T = f64;
                step::<mlp![f64; 5, 64, 64, 3], _, 20>(bencher, $optimizer, 5 * 64);
            }
        }
    )+ };
}

/// So slow that the network hardly changes, however often it is trained on the same batch.
fn lr<T: Element>() -> T {
    black_box(T::from_f64(1e-7))
}

benches! {
    sgd: Sgd { lr: lr::<T>() };
    momentum: Sgd { lr: lr::<T>() }.with_momentum(0.9);
    nesterov: Momentum { nesterov: true, ..Sgd { lr: lr::<T>() }.with_momentum(0.9) };
    rms_prop: RmsProp::<T>::new(lr());
    adam: Adam::<T>::new(lr());
    adam_w: AdamW::<T>::new(lr());
    adam_clip_value: ClipValue { optimizer: Adam::<T>::new(lr()), max_value: black_box(0.1) };
    adam_clip_norm: ClipNorm { optimizer: Adam::<T>::new(lr()), max_norm: black_box(0.1) };
    adam_cosine: Scheduled {
        optimizer: Adam::<T>::new(lr()),
        schedule: Cosine { lr: lr::<T>(), min: 0.0, steps: 100_000_000 },
    };
}

/// Times a whole training step on normal numbers.
fn step<N: Layer + 'static, O: Optimizer<Elem<N>>, const B: usize>(
    bencher: Bencher,
    optimizer: O,
    first_weights: usize,
) where
    constnet::Mse: constnet::Loss<N::Out, Target = constnet::Row<N::Out>>,
{
    let mut rng = StdRng::seed_from_u64(0);
    let mut trainer: Box<Trainer<N, O, B>> = Box::new(Trainer::new(N::ZERO, optimizer));
    trainer.net.init(&mut rng);
    let mut x = Box::new([<N::In as Shape>::Row::ZERO; B]);
    let mut y = Box::new([<N::Out as Shape>::Row::ZERO; B]);
    N::In::flatten_mut(&mut *x).fill_with(|| Element::standard_normal(&mut rng));
    N::Out::flatten_mut(&mut *y).fill_with(|| Element::standard_normal(&mut rng));
    let mut run = || trainer.step(black_box(&x), black_box(&y));
    // The first, cold calls are the ones by which divan sizes its samples.
    for _ in 0..100 {
        run();
    }
    bencher.counter(ItemsCount::new(2 * B * (3 * N::WEIGHTS - first_weights))).bench_local(run);
}

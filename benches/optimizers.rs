//! What a training step costs with each optimiser, beside plain gradient descent.
//!
//! A bench is named for the optimiser and the network: `small` is 5→64→64→3 at batch 20, `large`
//! 32→256→256→8 at batch 64, both in f32. The throughput is in floating-point operations of the
//! products alone, so that the quotient of two rows is what an optimiser adds. `cargo bench --bench optimizers`

use std::hint::black_box;

use constnet::{
    Adam, AdamW, ClipNorm, ClipValue, Elem, Element, Layer, Optimizer, RmsProp, Scheduled, Sgd, Shape,
    Trainer, Zeroed, mlp, schedule::Cosine,
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

type Small = mlp![5, 64, 64, 3];
type Large = mlp![32, 256, 256, 8];

/// One row for each optimiser.
macro_rules! benches {
    ($($name:ident: $optimizer:expr;)+) => { $(
        mod $name {
            use super::*;

            #[divan::bench]
            fn small(bencher: Bencher) {
                step::<Small, _, 20>(bencher, $optimizer, 5 * 64);
            }

            #[divan::bench]
            fn large(bencher: Bencher) {
                step::<Large, _, 64>(bencher, $optimizer, 32 * 256);
            }
        }
    )+ };
}

/// So slow that the network hardly changes, however often it is trained on the same batch.
fn lr() -> f32 {
    black_box(1e-7)
}

benches! {
    sgd: Sgd { lr: lr() };
    momentum: Sgd { lr: lr() }.with_momentum(0.9);
    rms_prop: RmsProp::new(lr());
    adam: Adam::new(lr());
    adam_w: AdamW::new(lr());
    adam_clip_value: ClipValue { optimizer: Adam::new(lr()), max_value: black_box(0.1) };
    adam_clip_norm: ClipNorm { optimizer: Adam::new(lr()), max_norm: black_box(0.1) };
    adam_cosine: Scheduled {
        optimizer: Adam::new(lr()),
        schedule: Cosine { lr: lr(), min: 0.0, steps: 100_000_000 },
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

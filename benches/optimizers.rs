//! The time of a training step with each optimiser, compared with plain gradient descent.
//!
//! A bench has the name of its optimiser and its network: `small` is 5→64→64→3 at batch size 20, `large`
//! 32→256→256→8 at batch size 64, both in f32. The throughput counts the floating-point operations of the matrix
//! products only, so the ratio of two rows shows the cost of an optimiser.
//!
//! `cargo bench --bench optimizers -- [part of a name]…`

use std::hint::black_box;

use constnet::{
    Adam, AdamW, ClipNorm, ClipValue, He, Loss, Mse, Optimizer, RmsProp, Sgd, Trainer, WithSchedule, Zeroed,
    layers::{Cost, Elem, Row, Shape},
    mlp,
    optim::schedule::Cosine,
    simd::Element,
};
use divan::{Bencher, counter::ItemsCount};
use rand::{SeedableRng, rngs::StdRng};

fn main() {
    // Runs on the last core, because the first one handles most interrupts.
    if let Some(core) = core_affinity::get_core_ids().and_then(|cores| cores.last().copied()) {
        core_affinity::set_for_current(core);
    }
    divan::main();
}

type Small = mlp![5, 64, 64, 3];
type Large = mlp![32, 256, 256, 8];

/// Two benches for each optimiser.
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

/// A learning rate so small that the network hardly changes in all the steps on the same batch.
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
    adam_cosine: WithSchedule {
        optimizer: Adam::new(lr()),
        schedule: Cosine { lr: lr(), eta_min: 0.0, t_max: 100_000_000 },
    };
}

/// Times a whole training step on normally distributed data.
fn step<N: Cost + 'static, O: Optimizer<Elem<N>>, const B: usize>(
    bencher: Bencher,
    optimizer: O,
    first_weights: usize,
) where
    Mse: Loss<N::Out, Target = Row<N::Out>>,
{
    let mut rng = StdRng::seed_from_u64(0);
    let mut trainer: Box<Trainer<N, O, B>> = Box::new(Trainer::new(N::ZERO, optimizer));
    trainer.net.init(&He, &mut rng);
    let mut x = Box::new([<Row<N::In>>::ZERO; B]);
    let mut y = Box::new([<Row<N::Out>>::ZERO; B]);
    N::In::flatten_mut(&mut *x).fill_with(|| Element::standard_normal(&mut rng));
    N::Out::flatten_mut(&mut *y).fill_with(|| Element::standard_normal(&mut rng));
    let mut run = || trainer.step(black_box(&x), black_box(&y));
    // divan chooses the size of its samples by the first calls, which must not be cold ones.
    for _ in 0..100 {
        run();
    }
    bencher.counter(ItemsCount::new(2 * B * (3 * N::FORWARD - first_weights))).bench_local(run);
}

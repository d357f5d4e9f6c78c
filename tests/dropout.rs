//! The masks of dropout follow the user's seed, whichever way a network is trained.

mod common;

use common::{flat, rng};
#[cfg(feature = "rayon")]
use constnet::parallel::{Workers, train_each};
use constnet::{Dropout, He, Linear, Sequential, Sgd, Trainer, Zeroed};
use rand::{RngExt, rngs::Xoshiro128PlusPlus};

const N: usize = 64;
const X: [[f32; N]; 1] = [[1.0; N]];
const Y: [[f32; 1]; 1] = [[1e3]];

type Net = Sequential![Dropout<N>, Linear<N, 1>];
type Training = Trainer<Net, Sgd, 1>;

/// A new trainer, whose seed nobody has set, of a network that was initialised by this generator.
fn trainer(rng: &mut Xoshiro128PlusPlus) -> Training {
    Trainer::new(rng.sample(He), Sgd { lr: 0.01 })
}

/// The mask of the first training pass: a weight changes only if its input was not dropped.
fn mask(before: &Net, after: &Net) -> Vec<bool> {
    let mask: Vec<bool> = flat(before).iter().zip(flat(after)).take(N).map(|(a, b)| *a != b).collect();
    let kept = mask.iter().filter(|kept| **kept).count();
    assert!((10..N - 10).contains(&kept), "{kept} of {N} features were kept");
    mask
}

/// The masks of ten seeds differ, and those of a seed are always the same.
fn assert_masks_follow_the_seed(train: impl Fn(&mut Training, &mut Xoshiro128PlusPlus)) {
    let of_seed = |seed| {
        let mut rng = rng(seed);
        let mut trainer = trainer(&mut rng);
        let before = trainer.net;
        train(&mut trainer, &mut rng);
        mask(&before, &trainer.net)
    };
    let masks: Vec<Vec<bool>> = (0..10).map(of_seed).collect();
    assert_eq!(masks, (0..10).map(of_seed).collect::<Vec<_>>());
    assert_different(&masks);
}

fn assert_different(masks: &[Vec<bool>]) {
    for (index, mask) in masks.iter().enumerate() {
        assert!(!masks[..index].contains(mask), "two seeds have the same mask");
    }
}

#[test]
fn masks_of_steps() {
    assert_masks_follow_the_seed(|trainer, _| {
        trainer.step(&X, &Y);
    });
}

#[test]
fn masks_of_steps_in_halves() {
    assert_masks_follow_the_seed(|trainer, _| {
        let mut gradient = Net::ZERO;
        trainer.gradient(&X, &Y, &mut gradient);
        trainer.update(&gradient).expect("finite numbers");
    });
}

#[test]
fn masks_of_runs() {
    assert_masks_follow_the_seed(|trainer, rng| {
        trainer.fit(&X, &Y).run(rng).expect("a loss");
    });
}

#[cfg(feature = "rayon")]
#[test]
fn masks_of_parallel_steps_and_runs() {
    assert_masks_follow_the_seed(|trainer, _| {
        trainer.step_parallel(&X, &Y, &mut Workers::new()).expect("a loss");
    });
    assert_masks_follow_the_seed(|trainer, rng| {
        trainer.fit(&X, &Y).parallel(1).run(rng).expect("a loss");
    });
}

#[cfg(feature = "rayon")]
#[test]
fn masks_of_networks_trained_at_once() {
    let masks = || {
        let mut trainers: Vec<Training> = (0..10).map(|seed| trainer(&mut rng(seed))).collect();
        train_each(&mut trainers, |_, trainer| {
            let before = trainer.net;
            trainer.step(&X, &Y);
            mask(&before, &trainer.net)
        })
    };
    assert_eq!(masks(), masks());
    assert_different(&masks());
}

/// A seed that the user has set stays, and then the parameters make no difference.
#[test]
fn masks_of_a_given_seed() {
    let of_seed = |seed, initial| {
        let mut trainer = trainer(&mut rng(initial));
        trainer.seed = seed;
        let before = trainer.net;
        trainer.step(&X, &Y);
        assert_eq!(trainer.seed, seed);
        mask(&before, &trainer.net)
    };
    assert_eq!(of_seed(7, 0), of_seed(7, 1));
    assert_ne!(of_seed(7, 0), of_seed(8, 0));
}

/// The seed that stands for 0 is drawn from the parameters as they are before the first pass, and then stays. The last
/// bits of parameters, which depend on the machine, do not change it.
#[test]
fn a_seed_from_the_parameters() {
    let seed_of = |net: Net, steps: usize| {
        let mut trainer = Training::new(net, Sgd { lr: 0.01 });
        for _ in 0..steps {
            trainer.step(&X, &Y);
        }
        trainer.seed
    };
    let net: Net = rng(0).sample(He);
    assert_eq!(seed_of(net, 0), 0);
    let seed = seed_of(net, 1);
    assert_ne!(seed, 0);
    assert_eq!(seed_of(net, 5), seed);

    let changed = |change: fn(f32) -> f32| {
        let mut net = net;
        let mut values = flat(&net);
        values[5] = change(values[5]);
        common::set_flat(&mut net, &values);
        seed_of(net, 1)
    };
    assert_eq!(changed(f32::next_up), seed);
    assert_eq!(changed(f32::next_down), seed);
    assert_ne!(changed(|value| -value), seed);
    assert_ne!(changed(|value| 2.0 * value), seed);
    assert_ne!(changed(|_| 0.0), seed);
}

/// Networks without random layers leave the seed at 0.
#[test]
fn no_seed_without_dropout() {
    let mut trainer = Trainer::<Sequential![Linear<N, 1>], _, 1>::new(rng(0).sample(He), Sgd { lr: 0.01 });
    trainer.step(&X, &Y);
    assert_eq!(trainer.seed, 0);
}

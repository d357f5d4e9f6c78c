//! Training on many threads: the same bits on any number of them, and the same numbers as on one.

mod common;

use approx::assert_relative_eq;
use common::{ROUNDING, bits, flat, network, rng, rows};
use constnet::{
    Adam, ClipNorm, CrossEntropy, DataError, Error, Features, He, Mse, ParallelTrainer, Sgd, Trainer, mlp,
    parallel::side_by_side,
};
use rand::RngExt;
use rayon::ThreadPoolBuilder;

const THREADS: [usize; 4] = [1, 2, 3, 8];

/// Runs on so many threads.
fn on<R: Send>(threads: usize, run: impl FnOnce() -> R + Send) -> R {
    ThreadPoolBuilder::new().num_threads(threads).build().expect("threads").install(run)
}

type Net = mlp![5, 17, 3];

/// More shards than lanes, so that a lane takes several; and a last one that is not full.
const SAMPLES: usize = 64 * 2 * 4 + 3 * 4 + 1;

#[test]
fn the_same_bits_on_any_number_of_threads() {
    let x = rows::<Features<5>, SAMPLES>(&mut rng(1));
    let y = rows::<Features<3>, SAMPLES>(&mut rng(2));
    let run = || {
        let optimizer = ClipNorm { optimizer: Adam::new(0.01), max_norm: 0.5 };
        let mut trainer = ParallelTrainer::<Net, _, 4>::new(rng(3).sample(He), optimizer);
        let mut losses = vec![];
        // One sample, one shard and a bit, an odd number of lanes, all lanes full.
        for samples in [1, 5, 11, 64 * 4, SAMPLES] {
            losses.push(trainer.step(&x[..samples], &y[..samples]).expect("samples"));
        }
        losses.push(trainer.epoch(&x, &y, 100, &mut rng(4)).expect("an epoch"));
        losses.push(trainer.evaluate(&x, &y).expect("a loss"));
        (losses.into_iter().map(f32::to_bits).collect::<Vec<_>>(), bits(&trainer.net))
    };
    let alone = on(1, run);
    for threads in THREADS {
        // Twice, as threads race differently each time.
        assert_eq!(on(threads, run), alone, "on {threads} threads");
        assert_eq!(on(threads, run), alone, "on {threads} threads again");
    }
}

/// Batches of any length are as those of a trainer whose batch has that length.
fn is_one_batch<const B: usize>() {
    let x = rows::<Features<3, f64>, B>(&mut rng(1));
    let y = rows::<Features<2, f64>, B>(&mut rng(2));
    let net: mlp![f64; 3, 9, 2] = network(&mut rng(3));
    let mut parallel = ParallelTrainer::<_, _, 4>::new(net, Sgd { lr: 0.1 }.with_momentum(0.9));
    let mut whole = Box::new(Trainer::<_, _, B>::new(net, Sgd { lr: 0.1 }.with_momentum(0.9)));
    for _ in 0..3 {
        let [found, expected] = [parallel.step(&x, &y).expect("samples"), whole.step(&x, &y)];
        assert_relative_eq!(found, expected, max_relative = ROUNDING);
    }
    assert_relative_eq!(parallel.net, whole.net, epsilon = ROUNDING, max_relative = ROUNDING);
    let loss = whole.evaluate(&x, &y).expect("a loss");
    assert_relative_eq!(parallel.evaluate(&x, &y).expect("a loss"), loss, max_relative = ROUNDING);
    assert!(flat(&net) != flat(&parallel.net), "nothing was learned");
}

/// Under one shard, one, some and a part, as many as lanes, and one sample more.
#[test]
fn a_step_is_that_of_the_whole_batch() {
    is_one_batch::<1>();
    is_one_batch::<3>();
    is_one_batch::<4>();
    is_one_batch::<13>();
    is_one_batch::<256>();
    is_one_batch::<257>();
}

/// An epoch is its steps in a row.
#[test]
fn an_epoch_is_its_steps() {
    let x = rows::<Features<5>, 23>(&mut rng(1));
    let y = rows::<Features<3>, 23>(&mut rng(2));
    let mut trainer = ParallelTrainer::<Net, _, 4>::new(rng(3).sample(He), Sgd { lr: 0.05 });
    let mut by_hand = Trainer::<Net, _, 23>::new(rng(3).sample(He), Sgd { lr: 0.05 });
    // A batch that holds all samples: in any order their mean is the same.
    for _ in 0..5 {
        let loss = trainer.epoch(&x, &y, 100, &mut rng(4)).expect("an epoch");
        assert_relative_eq!(loss, by_hand.step(&x, &y), max_relative = SINGLE);
    }
    assert_relative_eq!(trainer.net, by_hand.net, epsilon = SINGLE, max_relative = SINGLE);

    // Smaller batches: 10, 10 and 3 steps more of Adam.
    let mut trainer = ParallelTrainer::<Net, _, 4>::new(rng(3).sample(He), Adam::new(0.01));
    let first = trainer.evaluate(&x, &y).expect("a loss");
    for _ in 0..20 {
        trainer.epoch(&x, &y, 10, &mut rng(4)).expect("an epoch");
    }
    assert!(trainer.evaluate(&x, &y).expect("a loss") < first / 2.0);
}

/// Two orders of the same sums of some dozen numbers of size 1 in f32.
const SINGLE: f32 = 1e-5;

#[test]
fn networks_side_by_side_are_as_those_one_by_one() {
    let x = rows::<Features<5>, 20>(&mut rng(1));
    let y = rows::<Features<3>, 20>(&mut rng(2));
    let start = || -> Vec<Trainer<Net, _, 20>> {
        (0..13).map(|seed| Trainer::new(rng(seed).sample(He), Adam::new(0.01))).collect()
    };
    let train = |index: usize, trainer: &mut Trainer<Net, Adam, 20>| {
        let losses = (0..10 + index).map(|_| trainer.step(&x, &y));
        losses.last().map(f32::to_bits)
    };
    let mut one_by_one = start();
    let losses: Vec<_> = one_by_one.iter_mut().enumerate().map(|(index, t)| train(index, t)).collect();
    for threads in THREADS {
        let mut trainers = start();
        let found = on(threads, || side_by_side(&mut trainers, train));
        assert_eq!(found, losses, "on {threads} threads");
        for (found, expected) in trainers.iter().zip(&one_by_one) {
            assert_eq!(bits(&found.net), bits(&expected.net), "on {threads} threads");
        }
    }
}

#[test]
fn classes() {
    let x = rows::<Features<5>, 50>(&mut rng(1));
    let y: Vec<usize> = x.iter().map(|x| usize::from(x[0] > 0.0) + usize::from(x[1] > 0.0)).collect();
    let net: Net = rng(3).sample(He);
    let mut trainer = ParallelTrainer::<_, _, 8, _>::with_criterion(net, Adam::new(0.01), CrossEntropy);
    for _ in 0..200 {
        trainer.epoch(&x, &y, 20, &mut rng(4)).expect("an epoch");
    }
    assert!(trainer.evaluate(&x, &y).expect("a loss") < 0.1);
}

#[test]
fn what_bad_input_gets() {
    let (x, y) = ([[0.5; 5]; 9], [[0.5; 3]; 9]);
    let mut trainer = ParallelTrainer::<Net, _, 4>::new(rng(3).sample(He), Sgd { lr: 0.1 });
    let before = bits(&trainer.net);
    let random = &mut rng(1);
    let lengths = Err(DataError::Lengths { inputs: 9, targets: 8 }.into());
    assert_eq!(trainer.step(&x, &y[..8]), lengths);
    assert_eq!(trainer.epoch(&x, &y[..8], 4, random), lengths);
    assert_eq!(trainer.evaluate(&x, &y[..8]), lengths);
    assert_eq!(trainer.step(&[], &[]), Err(DataError::NoSamples.into()));
    assert_eq!(trainer.epoch(&[], &[], 4, random), Err(DataError::NoSamples.into()));
    assert_eq!(trainer.evaluate(&[], &[]), Err(DataError::NoSamples.into()));
    let error = trainer.epoch(&x, &y, 0, random).expect_err("no batch");
    assert_eq!(error.to_string(), "the batch size is 0: expected at least 1");
    trainer.optimizer.lr = -1.0;
    assert_eq!(trainer.epoch(&x, &y, 4, random), Err(Error::LearningRate(-1.0)));
    trainer.optimizer.lr = 0.1;
    // A loss that is not finite, in a lane that is not the first.
    let mut bad = x;
    bad[8][2] = f32::NAN;
    assert!(trainer.step(&bad, &y).expect("samples").is_nan());
    assert_eq!(trainer.epoch(&bad, &y, 9, random), Err(Error::Diverged { epoch: 0, last_loss: None }));
    assert_eq!(bits(&trainer.net), before, "the network changed");
    // And it is forgotten.
    let loss = trainer.step(&x, &y).expect("samples");
    let expected = Mse.forward(&[rng(3).sample::<Net, _>(He).predict(&x[0])], &[y[0]]);
    assert_relative_eq!(loss, expected, max_relative = SINGLE);
    assert!(flat(&trainer.net).iter().all(|p| p.is_finite()));
}

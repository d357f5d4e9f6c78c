//! Training on many threads: the same bits for any number of threads, and the same numbers as on one thread.

mod common;

use std::{ops::ControlFlow, sync::Mutex};

use approx::assert_relative_eq;
use common::{ROUNDING, bits, flat, network, rng, rows, set_flat};
use constnet::{
    Adam, Cache, ClipNorm, CrossEntropy, DataError, Dropout, Error, He, LayerNorm, Lbfgs, LevenbergMarquardt,
    Linear, Loss, Mse, Relu, Residual, Sequential, Sgd, Trainer, Unchecked, Weighted, Zeroed,
    layers::Features,
    mlp,
    parallel::{Workers, train_each},
    second_order::LbfgsMemory,
    simd::Simd,
};
use rand::RngExt;
use rayon::ThreadPoolBuilder;

const THREADS: [usize; 4] = [1, 2, 3, 8];

/// Runs on this number of threads.
fn on<R: Send>(threads: usize, run: impl FnOnce() -> R + Send) -> R {
    ThreadPoolBuilder::new().num_threads(threads).build().expect("threads").install(run)
}

type Net = mlp![5, 17, 3];

/// More shards than work units, so that a unit takes several, and a last shard that is not full.
const SAMPLES: usize = 64 * 2 * 4 + 3 * 4 + 1;

#[test]
fn the_same_bits_on_any_number_of_threads() {
    let x = rows::<Features<5>, SAMPLES>(&mut rng(1));
    let y = rows::<Features<3>, SAMPLES>(&mut rng(2));
    let run = || {
        let optimizer = ClipNorm { optimizer: Adam::new(0.01), max_norm: 0.5 };
        let mut trainer = Trainer::<Net, _, 4>::new(rng(3).sample(He), optimizer);
        let mut workers = Workers::new();
        let mut losses = vec![];
        // One sample, more than one shard, an odd number of units, all units full.
        for samples in [1, 5, 11, 64 * 4, SAMPLES] {
            losses.push(trainer.step_parallel(&x[..samples], &y[..samples], &mut workers).expect("samples"));
        }
        losses.push(trainer.fit(&x, &y).parallel(100).run(&mut rng(4)).expect("an epoch").loss);
        losses.push(workers.evaluate(&trainer.net, &trainer.loss, &x, &y).expect("a loss"));
        (losses.into_iter().map(f32::to_bits).collect::<Vec<_>>(), bits(&trainer.net))
    };
    let alone = on(1, run);
    for threads in THREADS {
        // Twice, as the threads run in another order each time.
        assert_eq!(on(threads, run), alone, "on {threads} threads");
        assert_eq!(on(threads, run), alone, "on {threads} threads again");
    }
}

/// Checks that steps on batches of `B` samples equal those of a trainer of this batch size.
fn assert_equals_whole_batch<const B: usize>() {
    let x = rows::<Features<3, f64>, B>(&mut rng(1));
    let y = rows::<Features<2, f64>, B>(&mut rng(2));
    let net: mlp![f64; 3, 9, 2] = network(&mut rng(3));
    let mut parallel = Trainer::<_, _, 4>::new(net, Sgd { lr: 0.1 }.with_momentum(0.9));
    let mut workers = Workers::new();
    let mut whole = Box::new(Trainer::<_, _, B>::new(net, Sgd { lr: 0.1 }.with_momentum(0.9)));
    for _ in 0..3 {
        let found = parallel.step_parallel(&x, &y, &mut workers).expect("samples");
        let expected = whole.step(&x, &y);
        assert_relative_eq!(found, expected, max_relative = ROUNDING);
    }
    assert_relative_eq!(parallel.net, whole.net, epsilon = ROUNDING, max_relative = ROUNDING);
    let loss = whole.evaluate(&x, &y).expect("a loss");
    assert_relative_eq!(parallel.evaluate(&x, &y).expect("a loss"), loss, max_relative = ROUNDING);
    let found = workers.evaluate(&parallel.net, &parallel.loss, &x, &y).expect("a loss");
    assert_relative_eq!(found, loss, max_relative = ROUNDING);
    assert!(flat(&net) != flat(&parallel.net), "nothing was learned");

    // The gradient alone, averaged over the batch.
    let mut expected = Zeroed::ZERO;
    let loss = whole.gradient(&x, &y, &mut expected);
    assert_relative_eq!(
        workers.gradient(&whole.net, &Mse, &x, &y).expect("a loss"),
        loss,
        max_relative = ROUNDING
    );
    let found = workers.sum().expect("a gradient");
    assert_relative_eq!(*found, expected, epsilon = ROUNDING, max_relative = ROUNDING);
}

/// Fewer samples than a shard, one shard, several and a part, as many as units, and one more.
#[test]
fn a_parallel_step_equals_that_of_the_whole_batch() {
    assert_equals_whole_batch::<1>();
    assert_equals_whole_batch::<3>();
    assert_equals_whole_batch::<4>();
    assert_equals_whole_batch::<13>();
    assert_equals_whole_batch::<256>();
    assert_equals_whole_batch::<257>();
}

/// An epoch equals its steps.
#[test]
fn an_epoch_equals_its_steps() {
    let x = rows::<Features<5>, 23>(&mut rng(1));
    let y = rows::<Features<3>, 23>(&mut rng(2));
    let mut trainer = Trainer::<Net, _, 4>::new(rng(3).sample(He), Sgd { lr: 0.05 });
    let mut by_hand = Trainer::<Net, _, 23>::new(rng(3).sample(He), Sgd { lr: 0.05 });
    // One batch holds all samples, so their order does not matter.
    for _ in 0..5 {
        let loss = trainer.fit(&x, &y).parallel(100).run(&mut rng(4)).expect("an epoch").loss;
        assert_relative_eq!(loss, by_hand.step(&x, &y), max_relative = SINGLE);
    }
    assert_relative_eq!(trainer.net, by_hand.net, epsilon = SINGLE, max_relative = SINGLE);

    // Smaller batches, of 10, 10 and 3 samples, with Adam.
    let mut trainer = Trainer::<Net, _, 4>::new(rng(3).sample(He), Adam::new(0.01));
    let first = trainer.evaluate(&x, &y).expect("a loss");
    for _ in 0..20 {
        trainer.fit(&x, &y).parallel(10).run(&mut rng(4)).expect("an epoch");
    }
    assert!(trainer.evaluate(&x, &y).expect("a loss") < first / 2.0);
}

/// The largest difference between two orders of the same sum of some dozen numbers of size 1 in `f32`.
const SINGLE: f32 = 1e-5;

#[test]
fn networks_trained_in_parallel_equal_those_trained_one_by_one() {
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
        let found = on(threads, || train_each(&mut trainers, train));
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
    let mut trainer = Trainer::<_, _, 8, _>::with_loss(net, Adam::new(0.01), CrossEntropy);
    for _ in 0..200 {
        trainer.fit(&x, &y).parallel(20).run(&mut rng(4)).expect("an epoch");
    }
    assert!(trainer.evaluate(&x, &y).expect("a loss") < 0.1);
}

#[test]
fn bad_input() {
    let (x, y) = ([[0.5; 5]; 9], [[0.5; 3]; 9]);
    let mut trainer = Trainer::<Net, _, 4>::new(rng(3).sample(He), Sgd { lr: 0.1 });
    let mut workers = Workers::new();
    let before = bits(&trainer.net);
    let random = &mut rng(1);
    let lengths = Error::Data(DataError::Lengths { inputs: 9, targets: 8 });
    assert_eq!(trainer.step_parallel(&x, &y[..8], &mut workers), Err(lengths));
    let of_run = Error::Training(DataError::Lengths { inputs: 9, targets: 8 });
    assert_eq!(trainer.fit(&x, &y[..8]).parallel(4).run(random), Err(of_run));
    assert_eq!(trainer.evaluate(&x, &y[..8]), Err(lengths));
    assert_eq!(workers.evaluate(&trainer.net, &Mse, &x, &y[..8]), Err(lengths));
    assert_eq!(workers.gradient(&trainer.net, &Mse, &x, &y[..8]), Err(lengths));
    let no_samples = Error::Data(DataError::NoSamples);
    assert_eq!(trainer.step_parallel(&[], &[], &mut workers), Err(no_samples));
    let of_run = Error::Training(DataError::NoSamples);
    assert_eq!(trainer.fit(&[], &[]).parallel(4).run(random), Err(of_run));
    assert_eq!(trainer.evaluate(&[], &[]), Err(no_samples));
    assert_eq!(workers.evaluate(&trainer.net, &Mse, &[], &[]), Err(no_samples));
    assert_eq!(workers.gradient(&trainer.net, &Mse, &[], &[]), Err(no_samples));
    assert_eq!(trainer.fit(&x, &y).epochs(0).parallel(4).run(random), Err(Error::NoEpochs));
    let validation = trainer.fit(&x, &y).validate(&x, &y[..8]).parallel(4).run(random);
    assert_eq!(validation, Err(Error::Validation(DataError::Lengths { inputs: 9, targets: 8 })));
    let error = trainer.fit(&x, &y).parallel(0).run(random).expect_err("no batch");
    assert_eq!(error.to_string(), "the batch size is 0: expected at least 1");
    trainer.optimizer.lr = -1.0;
    assert_eq!(trainer.fit(&x, &y).parallel(4).run(random), Err(Error::LearningRate(-1.0)));
    trainer.optimizer.lr = 0.1;
    assert_eq!(*random, rng(1), "random numbers were drawn");
    // An input that is not finite.
    let mut bad = x;
    bad[8][2] = f32::INFINITY;
    let input = DataError::Input { sample: 8, feature: 2, value: f32::INFINITY };
    assert_eq!(trainer.step_parallel(&bad, &y, &mut workers), Err(input.into()));
    assert_eq!(workers.evaluate(&trainer.net, &Mse, &bad, &y), Err(input.into()));
    assert_eq!(workers.gradient(&trainer.net, &Mse, &bad, &y), Err(input.into()));
    assert_eq!(trainer.fit(&bad, &y).parallel(9).run(random), Err(Error::Training(input)));
    assert_eq!(trainer.fit(&x, &y).validate(&bad, &y).parallel(9).run(random), Err(Error::Validation(input)));
    assert_eq!(*random, rng(1), "random numbers were drawn");
    // A loss that is not finite, in a unit that is not the first.
    let mut large = y;
    large[8][2] = 1e30;
    assert_eq!(trainer.step_parallel(&x, &large, &mut workers), Err(Error::Loss(f32::INFINITY)));
    assert_eq!(workers.evaluate(&trainer.net, &Mse, &x, &large), Err(Error::Loss(f32::INFINITY)));
    assert_eq!(workers.gradient(&trainer.net, &Mse, &x, &large), Err(Error::Loss(f32::INFINITY)));
    let diverged = Error::Diverged { epoch: 0, last_loss: None };
    assert_eq!(trainer.fit(&x, &large).parallel(9).run(random), Err(diverged));
    assert_eq!(bits(&trainer.net), before, "the network changed");
    let validation = trainer.fit(&x, &y).validate(&x, &large).parallel(9).run(random);
    assert_eq!(validation, Err(Error::ValidationLoss { epoch: 0, loss: f32::INFINITY }));
    trainer.net = rng(3).sample(He);
    // A network that is not finite.
    let mut broken = trainer.net;
    broken.layer_mut::<2>().bias_mut()[1] = f32::NEG_INFINITY;
    let parameter = Error::Parameter { layer: 2, name: "bias", row: 1, column: 0, value: f32::NEG_INFINITY };
    assert_eq!(workers.evaluate(&broken, &Mse, &x, &y), Err(parameter));
    assert_eq!(workers.gradient(&broken, &Mse, &x, &y), Err(parameter));
    // It leaves nothing in the workers.
    let loss = trainer.step_parallel(&x, &y, &mut workers).expect("samples");
    let expected = Mse.forward(&[rng(3).sample::<Net, _>(He).predict(&x[0])], &[y[0]]);
    assert_relative_eq!(loss, expected, max_relative = SINGLE);
    assert!(flat(&trainer.net).iter().all(|p| p.is_finite()));
}

/// A run with batches of 20 samples in shards of 4 equals that of a trainer with a batch size of 20: the same samples
/// in the same order.
#[test]
fn a_parallel_run_equals_the_run_of_whole_batches() -> Result<(), Error<f64>> {
    type Net = mlp![f64; 5, 17, 3];
    let (x, y) = data::<50>(1);
    let (x_val, y_val) = data::<13>(2);
    let net: Net = network(&mut rng(0));
    let optimizer = ClipNorm { optimizer: Adam { eps: 1e-2, ..Adam::new(0.01) }, max_norm: 0.5 };
    let mut whole = Trainer::<Net, _, 20>::new(net, optimizer);
    let mut parallel = Trainer::<Net, _, 4>::new(net, optimizer);
    let (mut expected, mut reports) = (Vec::new(), Vec::new());
    whole.fit(&x, &y).epochs(4).validate(&x_val, &y_val).run_with(&mut rng(3), |report, _| {
        expected.push(report);
        ControlFlow::Continue(())
    })?;
    parallel.fit(&x, &y).epochs(4).validate(&x_val, &y_val).parallel(20).run_with(
        &mut rng(3),
        |report, _| {
            reports.push(report);
            ControlFlow::Continue(())
        },
    )?;
    assert_eq!(reports.len(), 4);
    for (found, expected) in reports.iter().zip(&expected) {
        assert_eq!((found.epoch, found.best_epoch), (expected.epoch, expected.best_epoch));
        assert_relative_eq!(found.loss, expected.loss, max_relative = ROUNDING);
        assert_relative_eq!(found.best_loss, expected.best_loss, max_relative = ROUNDING);
        let [found, expected] = [found, expected].map(|report| report.validation_loss.expect("a loss"));
        assert_relative_eq!(found, expected, max_relative = ROUNDING);
    }
    assert_relative_eq!(parallel.net, whole.net, epsilon = ROUNDING, max_relative = ROUNDING);
    Ok(())
}

fn data<const COUNT: usize>(seed: u64) -> ([[f64; 5]; COUNT], [[f64; 3]; COUNT]) {
    let rng = &mut rng(seed);
    (rows::<Features<5, f64>, COUNT>(rng), rows::<Features<3, f64>, COUNT>(rng))
}

type Precise = mlp![f64; 5, 17, 3];

fn precise() -> Trainer<Precise, Sgd<f64>, 4> {
    Trainer::new(network(&mut rng(0)), Sgd { lr: 0.05 })
}

/// Validation does not change training, and reports the loss that `evaluate` returns after the epoch.
#[test]
fn validation_in_a_parallel_run() -> Result<(), Error<f64>> {
    let ((x, y), (x_val, y_val)) = (data::<20>(1), data::<13>(2));
    let mut plain = precise();
    let mut losses = Vec::new();
    plain.fit(&x, &y).epochs(5).parallel(10).run_with(&mut rng(3), |report, trainer| {
        losses.push((report.loss, trainer.evaluate(&x_val, &y_val)));
        ControlFlow::Continue(())
    })?;
    let mut validated = precise();
    let mut reported = Vec::new();
    let run = validated.fit(&x, &y).epochs(5).validate(&x_val, &y_val).parallel(10);
    run.run_with(&mut rng(3), |report, _| {
        reported.push((report.loss, report.validation_loss));
        ControlFlow::Continue(())
    })?;
    for ((loss, validation), (expected_loss, expected)) in reported.into_iter().zip(losses) {
        assert_eq!(loss, expected_loss);
        assert_relative_eq!(validation.expect("a loss"), expected?, max_relative = ROUNDING);
    }
    assert_eq!(validated.net, plain.net);
    Ok(())
}

/// `keep_best` copies the network of the best epoch, which is not the last, because training restarts after epoch 19.
#[test]
fn the_best_network_of_a_parallel_run_is_kept() -> Result<(), Error<f64>> {
    let ((x, y), (x_val, y_val)) = (data::<20>(1), data::<13>(2));
    let mut trainer = precise();
    let start = trainer.net;
    let mut best = Zeroed::ZERO;
    let run = trainer.fit(&x, &y).epochs(30).parallel(10).keep_best(&mut best).validate(&x_val, &y_val);
    let mut epochs = Vec::new();
    let last = run.run_with(&mut rng(3), |report, trainer| {
        epochs.push((report.validation_loss.expect("a loss"), trainer.net));
        let smallest = epochs.iter().map(|(loss, _)| *loss).fold(f64::INFINITY, f64::min);
        assert_eq!(report.best_loss, smallest);
        assert_eq!(report.since_best(), report.epoch - report.best_epoch);
        if report.epoch == 19 {
            trainer.net = start;
        }
        ControlFlow::Continue(())
    })?;
    assert!(0 < last.best_epoch && last.best_epoch < 29, "the best is epoch {}", last.best_epoch);
    assert_eq!((best.net, best.loss()), (epochs[last.best_epoch].1, Some(last.best_loss)));
    Ok(())
}

/// Training stops when the validation loss has not improved for 10 epochs.
#[test]
fn a_parallel_run_stops_early() -> Result<(), Error<f64>> {
    let ((x, y), (x_val, y_val)) = (data::<20>(1), data::<13>(2));
    let mut trainer = precise();
    let mut best = Zeroed::ZERO;
    let run = trainer.fit(&x, &y).epochs(1000).validate(&x_val, &y_val).parallel(10).keep_best(&mut best);
    let last = run.run_with(&mut rng(3), |report, _| match report.since_best() {
        ..10 => ControlFlow::Continue(()),
        10.. => ControlFlow::Break(()),
    })?;
    assert!(last.epoch < 999, "the run was not stopped");
    assert_eq!(last.since_best(), 10);
    let loss = Trainer::<Precise, _, 4>::new(best.net, Sgd { lr: 0.05 }).evaluate(&x_val, &y_val)?;
    assert_relative_eq!(loss, last.best_loss, max_relative = ROUNDING);

    // A run of as many epochs has the same result.
    let mut whole = precise();
    let of_whole =
        whole.fit(&x, &y).epochs(last.epoch + 1).validate(&x_val, &y_val).parallel(10).run(&mut rng(3))?;
    assert_eq!(of_whole, last);
    assert_eq!(whole.net, trainer.net);
    Ok(())
}

/// A diverging run names its epoch and the last finite loss, and the best network before it is kept.
#[test]
fn a_diverging_parallel_run_names_its_epoch() {
    let ((x, y), (x_val, y_val)) = (data::<20>(1), data::<13>(2));
    let mut trainer = precise();
    let mut best = Zeroed::ZERO;
    let mut epochs = Vec::new();
    let run = trainer.fit(&x, &y).epochs(100).validate(&x_val, &y_val).parallel(10).keep_best(&mut best);
    let error = run.run_with(&mut rng(1), |report, trainer| {
        epochs.push((report.validation_loss, trainer.net));
        if report.epoch == 5 {
            trainer.optimizer.lr = 1e150;
        }
        ControlFlow::Continue(())
    });
    let Err(Error::Diverged { epoch, last_loss: Some(loss) }) = error else { panic!("{error:?}") };
    assert!(epoch > 5, "training diverged in epoch {epoch}, before the rate was changed");
    assert!(loss.is_finite());
    let smallest = epochs.iter().min_by(|a, b| a.0.partial_cmp(&b.0).expect("numbers")).expect("epochs");
    assert_eq!(best.net, smallest.1);

    // The only step makes the weights infinite, while its own loss is finite.
    let optimizer = Unchecked { optimizer: Sgd { lr: 1e38 } };
    let mut trainer: Trainer<Sequential<Linear<1, 1>>, _, 1> = Trainer::new(Zeroed::ZERO, optimizer);
    let outcome = trainer.fit(&[[1.0]; 2], &[[10.0]; 2]).parallel(2).run(&mut rng(0));
    assert_eq!(outcome, Err(Error::Diverged { epoch: 0, last_loss: Some(100.0) }));
}

/// A run may be continued in another way: on all cores after it was not, or the other way round.
#[test]
fn sequential_and_parallel_runs_share_the_optimizer_state() -> Result<(), Error<f64>> {
    let (x, y) = data::<20>(1);
    let start =
        || Trainer::<Precise, _, 20>::new(network(&mut rng(0)), Adam { eps: 1e-2, ..Adam::new(0.01) });
    let (mut mixed, mut plain) = (start(), start());
    for epochs in [2, 3] {
        mixed.fit(&x, &y).epochs(epochs).run(&mut rng(1))?;
        mixed.fit(&x, &y).epochs(epochs).parallel(20).run(&mut rng(2))?;
        plain.fit(&x, &y).epochs(epochs).run(&mut rng(1))?;
        plain.fit(&x, &y).epochs(epochs).run(&mut rng(2))?;
    }
    assert_relative_eq!(mixed.net, plain.net, epsilon = ROUNDING, max_relative = ROUNDING);
    Ok(())
}

/// Two machines with half a batch each, on all their cores: the mean of their gradients is that of the whole batch.
#[test]
fn gradients_of_two_machines_sum_to_that_of_the_whole_batch() {
    let (x, y) = data::<100>(1);
    let mut trainer = precise();
    let mut workers = Workers::<_, 4>::new();
    let loss = workers.gradient(&trainer.net, &Mse, &x, &y).expect("samples");
    let whole = *workers.sum().expect("a gradient");
    let halves = [0..50, 50..100].map(|half| {
        let mut workers = Workers::<_, 4>::new();
        let loss = workers.gradient(&trainer.net, &Mse, &x[half.clone()], &y[half]).expect("samples");
        (loss, flat(workers.sum().expect("a gradient")))
    });
    let [(first_loss, first), (second_loss, second)] = halves;
    assert_relative_eq!((first_loss + second_loss) / 2.0, loss, max_relative = ROUNDING);
    let mean: Vec<f64> = first.iter().zip(second).map(|(a, b)| (a + b) / 2.0).collect();
    let mut sum = Precise::ZERO;
    set_flat(&mut sum, &mean);
    assert_relative_eq!(sum, whole, epsilon = ROUNDING, max_relative = ROUNDING);

    // The update is that of a parallel step.
    let mut by_step = precise();
    by_step.step_parallel(&x, &y, &mut workers).expect("samples");
    trainer.update(&sum).expect("finite numbers");
    assert_relative_eq!(trainer.net, by_step.net, epsilon = ROUNDING, max_relative = ROUNDING);
}

/// Records the predictions of each sample. The loss is their mean, so that training has a gradient.
#[derive(Default)]
struct Predictions {
    seen: Mutex<Vec<(usize, [f32; 33])>>,
}

impl Loss<Features<33>> for Predictions {
    type Target = usize;

    fn value<I: Simd<f32>>(&self, _: I, y_hat: &[[f32; 33]], y: &[usize]) -> f32 {
        self.seen.lock().expect("no panic").extend(y.iter().copied().zip(y_hat.iter().copied()));
        0.0
    }

    fn value_and_gradient<I: Simd<f32>>(&self, simd: I, y_hat: &mut [[f32; 33]], y: &[usize]) -> f32 {
        let value = self.value(simd, y_hat, y);
        y_hat.as_flattened_mut().fill(0.0);
        value
    }
}

/// A trainer with shards of 4 samples. Its predictions are the masks of its dropout layer.
fn masked(seed: u32) -> Trainer<Sequential<Dropout<33>>, Sgd, 4, Predictions> {
    let mut trainer = Trainer::with_loss(Zeroed::ZERO, Sgd { lr: 0.1 }, Predictions::default());
    trainer.seed = seed;
    trainer
}

/// The masks of a parallel step on 600 samples, in the order of the samples: more shards than units.
fn masks(trainer: &mut Trainer<Sequential<Dropout<33>>, Sgd, 4, Predictions>) -> Vec<[bool; 33]> {
    let y: Vec<usize> = (0..600).collect();
    trainer.step_parallel(&[[1.0; 33]; 600], &y, &mut Workers::new()).expect("samples");
    let mut seen = std::mem::take(&mut *trainer.loss.seen.lock().expect("no panic"));
    seen.sort_by_key(|(sample, _)| *sample);
    assert_eq!(seen.len(), 600);
    seen.into_iter().map(|(_, row)| row.map(|y| y != 0.0)).collect()
}

/// Each sample of each shard has another mask, and so in each pass and for each seed; the same seed gives the same
/// masks on any number of threads.
#[test]
fn dropout_masks_of_shards_follow_the_seed() {
    let run = |seed: u32| {
        let mut trainer = masked(seed);
        [(); 3].map(|()| masks(&mut trainer))
    };
    let of_seeds = [0, 1, 42].map(run);
    for threads in THREADS {
        assert_eq!(on(threads, || run(42)), of_seeds[2], "on {threads} threads");
    }
    let all = of_seeds.concat().concat();
    let kept = all.as_flattened().iter().filter(|kept| **kept).count() as f64 / (all.len() * 33) as f64;
    // Five standard deviations of the share in as many independent draws.
    assert!((kept - 0.5).abs() < 5.0 * 0.5 / ((all.len() * 33) as f64).sqrt(), "{kept}");
    let mut different = all.clone();
    different.sort_unstable();
    different.dedup();
    // Of 5400 random masks of 33 features, a few pairs at most are equal.
    assert!(different.len() > all.len() - 10, "{} different masks of {}", different.len(), all.len());
}

/// The first shard has the masks of a step that is not parallel, so that a batch of one shard is the same step.
#[test]
fn one_shard_equals_a_plain_step() {
    let y = [0, 1, 2, 3];
    let mut plain = masked(42);
    let mut parallel = masked(42);
    let mut workers = Workers::new();
    for _ in 0..3 {
        plain.step(&[[1.0; 33]; 4], &y);
        parallel.step_parallel(&[[1.0; 33]; 4], &y, &mut workers).expect("samples");
    }
    assert_eq!(parallel.loss.seen.into_inner().unwrap(), plain.loss.seen.into_inner().unwrap());
}

/// Evaluation drops nothing, also between the epochs of a run.
#[test]
fn parallel_evaluation_drops_nothing() {
    let mut trainer = masked(42);
    let x = [[1.0; 33]; 9];
    let y: [usize; 9] = std::array::from_fn(|sample| sample);
    Workers::<_, 4>::new().evaluate(&trainer.net, &trainer.loss, &x, &y).expect("samples");
    let seen = std::mem::take(&mut *trainer.loss.seen.lock().unwrap());
    assert!(seen.iter().all(|(_, row)| *row == [1.0; 33]));
    // The samples of the validation data have other targets.
    let run = trainer.fit(&x, &y).epochs(2).validate(&x, &[100; 9]).parallel(9);
    run.run(&mut rng(1)).expect("a run");
    let seen = trainer.loss.seen.into_inner().unwrap();
    let (validation, training): (Vec<_>, Vec<_>) = seen.into_iter().partition(|(sample, _)| *sample == 100);
    assert_eq!((validation.len(), training.len()), (18, 18));
    assert!(validation.iter().all(|(_, row)| *row == [1.0; 33]));
    assert!(training.iter().all(|(_, row)| row.contains(&0.0)));
}

type Dropping = Sequential![
    Linear<3, 32>, Relu<32>, Dropout<32>, Residual<Sequential![LayerNorm<32>, Linear<32, 32>, Dropout<32, 20>]>,
    Linear<32, 1>
];

/// The same seed gives the same run bit for bit, on any number of threads, another seed another one.
#[test]
fn parallel_runs_with_dropout_are_reproducible() {
    let x = rows::<Features<3>, 100>(&mut rng(4));
    let y = x.map(|[a, b, c]| [a * b - c]);
    let run = |seed| {
        let mut trainer = Trainer::<Dropping, _, 4>::new(Zeroed::ZERO, Sgd { lr: 0.02 });
        trainer.net.init(&mut rng(5));
        let before = trainer.evaluate(&x, &y).expect("samples");
        trainer.fit(&x, &y).epochs(40).parallel(20).run(&mut rng(seed)).expect("a run");
        let after = trainer.evaluate(&x, &y).expect("samples");
        assert!(after < before / 2.0, "the loss went from {before} to {after}");
        bits(&trainer.net)
    };
    let first = run(0);
    for threads in THREADS {
        assert_eq!(on(threads, || run(0)), first, "on {threads} threads");
    }
    assert_ne!(run(1), first);
}

/// A loss of 0.1 for each sample, without a gradient.
struct Tenth;

impl Loss<Features<1>> for Tenth {
    type Target = ();

    fn value<S: Simd<f32>>(&self, _: S, _: &[[f32; 1]], _: &[()]) -> f32 {
        0.1
    }

    fn value_and_gradient<S: Simd<f32>>(&self, _: S, y_hat: &mut [[f32; 1]], _: &[()]) -> f32 {
        y_hat.as_flattened_mut().fill(0.0);
        0.1
    }
}

/// A plain `f32` sum is off by 8e-6 in an evaluation, whose losses are first summed in 64 units, and by 5e-4 in an epoch
/// of batches of one sample.
#[test]
fn the_mean_of_many_losses_is_exact_to_rounding() -> Result<(), Error<f32>> {
    const SAMPLES: usize = 50_000;
    let (x, y) = (vec![[1.0]; SAMPLES], vec![(); SAMPLES]);
    let mut trainer =
        Trainer::<Sequential<Linear<1, 1>>, _, 1, _>::with_loss(Zeroed::ZERO, Sgd { lr: 0.1 }, Tenth);
    let mut workers = Workers::<_, 1>::new();
    let close = |loss| assert_relative_eq!(loss, 0.1, max_relative = 2.0 * f32::EPSILON);
    close(workers.evaluate(&trainer.net, &Tenth, &x, &y)?);
    close(workers.gradient(&trainer.net, &Tenth, &x, &y)?);
    close(trainer.step_parallel(&x, &y, &mut workers)?);
    close(trainer.fit(&x, &y).parallel(1).run(&mut rng(0))?.loss);
    Ok(())
}

/// Random samples for `mlp![IN, …, OUT]`, the targets with weights, of which some are 0.
fn weighted<const IN: usize, const OUT: usize>(count: usize) -> (Vec<[f32; IN]>, Vec<([f32; OUT], f32)>) {
    let mut rng = rng(5);
    let x = (0..count).map(|_| [(); IN].map(|()| rng.random_range(-1.0..1.0))).collect();
    let y = (0..count).map(|i| ([(); OUT].map(|()| rng.random_range(-1.0..1.0)), (i % 4) as f32)).collect();
    (x, y)
}

/// Two steps of the method of Levenberg and Marquardt on a data set of this size, on all cores: the bits of one core.
fn assert_same_steps<const IN: usize, const HIDDEN: usize, const OUT: usize>(samples: usize) {
    let (x, y) = weighted::<IN, OUT>(samples);
    let method = LevenbergMarquardt { max_iterations: 2, ..LevenbergMarquardt::new() };
    let mut alone: mlp![IN, HIDDEN, OUT] = network(&mut rng(6));
    let mut workspace = LevenbergMarquardt::workspace::<mlp![IN, HIDDEN, OUT]>();
    let expected = method.fit(&mut alone, &Weighted(Mse), &x, &y).run(&mut workspace).expect("a step");
    for threads in [1, 2, 3] {
        let mut net: mlp![IN, HIDDEN, OUT] = network(&mut rng(6));
        let run = || method.fit(&mut net, &Weighted(Mse), &x, &y).parallel().run(&mut workspace);
        assert_eq!(on(threads, run), Ok(expected), "{threads} threads");
        assert_eq!(bits(&net), bits(&alone), "{threads} threads");
    }
}

#[test]
fn levenberg_marquardt_computes_the_same_bits_on_all_cores() {
    // Many samples of few parameters, so that the losses are divided too.
    assert_same_steps::<1, 8, 1>(7_003);
    // More residuals than parameters, and fewer; the last rows of the matrix do not fill a tile.
    assert_same_steps::<2, 20, 2>(203);
    assert_same_steps::<2, 40, 2>(55);
    // Too little work for more than one core.
    assert_same_steps::<2, 4, 1>(20);
}

#[test]
fn lbfgs_computes_the_same_bits_on_any_number_of_threads() {
    let (x, y) = weighted::<1, 1>(11_003);
    let method = Lbfgs::<3> { max_iterations: 2, ..Lbfgs::new() };
    let run = |threads| {
        let mut net: mlp![1, 8, 1] = network(&mut rng(6));
        let mut memory = LbfgsMemory::ZERO;
        let run = || {
            let run = method.fit(&mut net, &Weighted(Mse), &x, &y).validate(&x, &y);
            run.parallel().run(&mut memory).expect("a step")
        };
        (on(threads, run), net)
    };
    let (alone, mut net) = run(1);
    for threads in [2, 3] {
        let (report, other) = run(threads);
        assert_eq!((report, bits(&other)), (alone, bits(&net)), "{threads} threads");
    }
    let parallel = flat(&net);
    net = network(&mut rng(6));
    method.fit(&mut net, &Weighted(Mse), &x, &y).run(&mut { LbfgsMemory::ZERO }).expect("a step");
    for (found, expected) in parallel.iter().zip(flat(&net)) {
        assert_relative_eq!(*found, expected, max_relative = 1e-3, epsilon = 1e-3);
    }
}

#[test]
fn predictions_on_all_cores_are_those_of_one() {
    let net: mlp![1, 8, 1] = network(&mut rng(6));
    for count in [0, 1, 64, 512, 513, 2000] {
        let (x, _) = weighted::<1, 1>(count);
        let mut expected = vec![[0.0]; count];
        net.predict_into(&x, &mut expected, &mut { Cache::<_, 64>::ZERO }).expect("the same length");
        for threads in [1, 2, 3] {
            let mut y = vec![[f32::NAN]; count];
            on(threads, || net.predict_into_parallel(&x, &mut y)).expect("the same length");
            assert_eq!(y, expected);
            assert_eq!(on(threads, || net.predict_all(&x)), expected);
        }
    }
    let error = Error::Length { name: "outputs", given: 2, expected: 1 };
    assert_eq!(net.predict_into_parallel(&[[0.0]], &mut [[0.0]; 2]), Err(error));
}

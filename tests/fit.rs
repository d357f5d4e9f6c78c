//! Training runs: the batches and the report of each epoch, when a run stops, which network is kept.
//!
//! `gradients.rs` compares a run with a partial batch with its steps by hand, one by one; `reproducible.rs` tests that
//! a seed gives the same run; `parallel.rs` tests the same runs on all cores.

mod common;

use std::ops::ControlFlow;

use approx::assert_relative_eq;
use common::{Numbered, ROUNDING, Recorder, bits, flat, network, rng, rows};
use constnet::{
    Adam, ClipNorm, ClipValue, DataError, Dropout, Error, He, Linear, Loss, Optimizer, Relu, Sequential, Sgd,
    Trainer, Unchecked, WithSchedule, Zeroed,
    layers::{Features, Row},
    mlp,
    optim::schedule::{Constant, Cosine, Schedule, StepDecay, Warmup},
    sequential,
    simd::Simd,
    training::Best,
};
use rand::RngExt;

type Net = mlp![f64; 5, 17, 3];
type In = Features<5, f64>;
type Out = Features<3, f64>;
const SGD: Sgd<f64> = Sgd { lr: 0.05 };

fn data<const COUNT: usize>(seed: u64) -> ([Row<In>; COUNT], [Row<Out>; COUNT]) {
    let rng = &mut rng(seed);
    (rows::<In, COUNT>(rng), rows::<Out, COUNT>(rng))
}

fn trainer() -> Trainer<Net, Sgd<f64>, 8> {
    Trainer::new(network(&mut rng(0)), SGD)
}

/// An epoch over any number of samples equals the steps on the batches that the loss recorded. A partial batch equals
/// a whole batch of a trainer of that batch size.
#[test]
fn an_epoch_of_any_length_equals_its_batches() -> Result<(), Error<f64>> {
    const LENGTHS: [usize; 9] = [1, 2, 7, 8, 9, 15, 16, 65, 100];
    let (x, y) = data::<100>(1);
    for length in LENGTHS {
        let net = network(&mut rng(0));
        let mut trainer = Trainer::<Net, _, 8, _>::with_loss(net, SGD, Recorder::default());
        let numbered: Vec<Numbered> = y.iter().copied().enumerate().take(length).collect();
        let last = trainer.fit(&x[..length], &numbered).run(&mut rng(2))?;

        let batches = trainer.loss.batches.take();
        let sizes: Vec<usize> = batches.iter().map(Vec::len).collect();
        let mut expected = vec![8; length / 8];
        expected.extend((!length.is_multiple_of(8)).then_some(length % 8));
        assert_eq!(sizes, expected);
        let mut by_hand: Trainer<Net, _, 8> = Trainer::new(net, SGD);
        let mut sum = 0.0;
        for batch in &batches {
            let x: Vec<_> = batch.iter().map(|&index| x[index]).collect();
            let y: Vec<_> = batch.iter().map(|&index| y[index]).collect();
            let loss = match x.len() {
                8 => by_hand.step(x[..].try_into().expect("8"), y[..].try_into().expect("8")),
                1 => step_of::<1>(&mut by_hand.net, &x, &y),
                2 => step_of::<2>(&mut by_hand.net, &x, &y),
                4 => step_of::<4>(&mut by_hand.net, &x, &y),
                7 => step_of::<7>(&mut by_hand.net, &x, &y),
                other => unreachable!("a batch of {other}"),
            };
            sum += loss * batch.len() as f64;
        }
        assert_relative_eq!(last.loss, sum / length as f64, max_relative = ROUNDING);
        assert_relative_eq!(trainer.net, by_hand.net, epsilon = ROUNDING, max_relative = ROUNDING);
    }
    Ok(())
}

fn step_of<const B: usize>(net: &mut Net, x: &[Row<In>], y: &[Row<Out>]) -> f64 {
    let mut trainer: Trainer<Net, _, B> = Trainer::new(*net, SGD);
    let loss = trainer.step(x.try_into().expect("as many"), y.try_into().expect("as many"));
    *net = trainer.net;
    loss
}

/// Without `epochs`, a run is one epoch long.
#[test]
fn a_run_is_one_epoch() -> Result<(), Error<f64>> {
    let (x, y) = data::<20>(1);
    let mut reports = 0;
    let last = trainer().fit(&x, &y).run_with(&mut rng(2), |_, _| {
        reports += 1;
        ControlFlow::Continue(())
    })?;
    assert_eq!((reports, last.epoch, last.validation_loss), (1, 0, None));
    Ok(())
}

/// Validation does not change training, and reports the loss that `evaluate` returns after the epoch.
#[test]
fn validation_does_not_change_training() -> Result<(), Error<f64>> {
    let ((x, y), (x_val, y_val)) = (data::<20>(1), data::<13>(2));
    let mut plain = trainer();
    let mut losses = Vec::new();
    plain.fit(&x, &y).epochs(5).run_with(&mut rng(3), |report, trainer| {
        losses.push((report.loss, trainer.evaluate(&x_val, &y_val)));
        ControlFlow::Continue(())
    })?;
    let mut validated = trainer();
    let mut reported = Vec::new();
    validated.fit(&x, &y).epochs(5).validate(&x_val, &y_val).run_with(&mut rng(3), |report, _| {
        reported.push((report.loss, report.validation_loss.ok_or(Error::NoEpochs)));
        ControlFlow::Continue(())
    })?;
    assert_eq!(reported, losses);
    assert_eq!(validated.net, plain.net);
    Ok(())
}

/// A run that is stopped after epoch 6 equals a run of seven epochs.
#[test]
fn a_callback_stops_the_run() -> Result<(), Error<f64>> {
    let (x, y) = data::<20>(1);
    let mut stopped = trainer();
    let last = stopped.fit(&x, &y).epochs(100).run_with(&mut rng(2), |report, _| match report.epoch {
        ..6 => ControlFlow::Continue(()),
        _ => ControlFlow::Break(()),
    })?;
    let mut whole = trainer();
    let mut epochs = Vec::new();
    let last_of_whole = whole.fit(&x, &y).epochs(7).run_with(&mut rng(2), |report, _| {
        epochs.push(report.epoch);
        ControlFlow::Continue(())
    })?;
    assert_eq!(epochs, [0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(last, last_of_whole);
    assert_eq!(stopped.net, whole.net);
    Ok(())
}

/// A hand-written schedule.
#[test]
fn a_callback_changes_the_learning_rate() -> Result<(), Error<f64>> {
    let (x, y) = data::<20>(1);
    let mut changed = trainer();
    let random = &mut rng(2);
    changed.fit(&x, &y).epochs(2).run_with(random, |_, trainer| {
        trainer.optimizer.lr = 0.01;
        ControlFlow::Continue(())
    })?;
    let mut by_hand = trainer();
    let random = &mut rng(2);
    by_hand.fit(&x, &y).run(random)?;
    by_hand.optimizer.lr = 0.01;
    by_hand.fit(&x, &y).run(random)?;
    assert_eq!(changed.net, by_hand.net);
    Ok(())
}

/// `keep_best` copies the network of the epoch with the smallest loss. This is not the last epoch, because training
/// restarts after epoch 19.
#[test]
fn the_best_network_is_kept() -> Result<(), Error<f64>> {
    let ((x, y), (x_val, y_val)) = (data::<20>(1), data::<13>(2));
    for validated in [false, true] {
        let mut trainer = trainer();
        let start = trainer.net;
        let mut best = Zeroed::ZERO;
        let run = trainer.fit(&x, &y).epochs(30).keep_best(&mut best);
        let run = if validated { run.validate(&x_val, &y_val) } else { run };
        let mut epochs = Vec::new();
        let last = run.run_with(&mut rng(3), |report, trainer| {
            epochs.push((report.validation_loss.unwrap_or(report.loss), trainer.net));
            let smallest = epochs.iter().map(|(loss, _)| *loss).fold(f64::INFINITY, f64::min);
            assert_eq!(report.best_loss, smallest);
            assert_eq!(epochs[report.best_epoch].0, smallest);
            assert_eq!(report.since_best(), report.epoch - report.best_epoch);
            if report.epoch == 19 {
                trainer.net = start;
            }
            ControlFlow::Continue(())
        })?;
        assert!(0 < last.best_epoch && last.best_epoch < 29, "the best is epoch {}", last.best_epoch);
        assert_eq!((best.net, best.loss()), (epochs[last.best_epoch].1, Some(last.best_loss)));
        if validated {
            assert_eq!(Trainer::<_, _, 8>::new(best.net, SGD).evaluate(&x_val, &y_val)?, last.best_loss);
        }
    }
    Ok(())
}

/// All losses are equal, since the gradient is 0.
#[test]
fn of_equal_epochs_the_first_is_the_best() -> Result<(), Error<f64>> {
    let mut trainer: Trainer<Net, _, 8> = Trainer::new(Zeroed::ZERO, SGD);
    let last = trainer.fit(&[[0.0; 5]; 3], &[[0.0; 3]; 3]).epochs(4).run(&mut rng(0))?;
    assert_eq!((last.best_epoch, last.best_loss, last.since_best()), (0, 0.0, 3));
    Ok(())
}

const X: [[f32; 2]; 3] = [[0.0, 1.0], [1.0, 0.5], [-1.0, 2.0]];
const Y: [[f32; 1]; 3] = [[1.0], [0.5], [-1.0]];

fn single(lr: f32) -> Trainer<mlp![2, 8, 1], Sgd, 2> {
    Trainer::new(rng(0).sample(He), Sgd { lr })
}

/// The error comes before anything is changed: the network, the best one, the generator.
#[test]
fn invalid_validation_data() {
    let refused: [(&[_], &[_], _, _); 2] = [
        (
            &[],
            &[],
            Error::Validation(DataError::NoSamples),
            "validation data: the data set is empty: expected at least 1 sample",
        ),
        (
            &X,
            &Y[..2],
            Error::Validation(DataError::Lengths { inputs: 3, targets: 2 }),
            "validation data: there are 3 rows and 2 targets: expected as many rows as targets",
        ),
    ];
    for (x_val, y_val, error, text) in refused {
        let mut trainer = single(0.1);
        let before = trainer.net;
        let mut best = Zeroed::ZERO;
        let mut random = rng(1);
        let run = trainer.fit(&X, &Y).validate(x_val, y_val).keep_best(&mut best);
        assert_eq!(run.run_with(&mut random, |_, _| unreachable!("an epoch was trained")), Err(error));
        assert_eq!(error.to_string(), text);
        assert_eq!((bits(&trainer.net), best), (bits(&before), Zeroed::ZERO));
        assert_eq!(random, rng(1));
    }
}

/// The training losses and the network are finite, but the squares of the validation errors are not.
#[test]
fn validation_loss_that_is_not_finite() {
    let mut trainer = single(0.1);
    let run = trainer.fit(&X, &Y).epochs(5).validate(&[[1.0, 1.0]], &[[1e30]]);
    let error = run.run_with(&mut rng(1), |_, _| unreachable!("the validation loss is not finite"));
    let expected = Error::ValidationLoss { epoch: 0, loss: f32::INFINITY };
    assert_eq!(error, Err(expected));
    assert_eq!(
        expected.to_string(),
        "the validation loss after epoch 0 is inf, although the training loss and the parameters are finite: \
         scale large validation data, or try a smaller learning rate"
    );
    assert!(flat(&trainer.net).iter().all(|p| p.is_finite()));
}

/// The only step makes the weights infinite, as in PyTorch, while its own loss is finite.
#[test]
fn infinite_weights_after_the_last_step_are_an_error() {
    let mut trainer: Trainer<Sequential<Linear<1, 1>>, _, 1> =
        Trainer::new(Zeroed::ZERO, Unchecked { optimizer: Sgd { lr: 1e38 } });
    let mut best = Zeroed::ZERO;
    let outcome = trainer.fit(&[[1.0]], &[[10.0]]).run(&mut rng(0));
    assert_eq!(outcome, Err(Error::Diverged { epoch: 0, last_loss: Some(100.0) }));
    assert!(flat(&trainer.net).iter().all(|p| p.is_infinite()), "the step made the weights infinite");

    trainer.net = Zeroed::ZERO;
    let outcome = trainer.fit(&[[1.0]], &[[10.0]]).epochs(9).keep_best(&mut best).run(&mut rng(0));
    assert_eq!(outcome, Err(Error::Diverged { epoch: 0, last_loss: Some(100.0) }));
    assert_eq!(best, Zeroed::ZERO, "a network that is not finite is not the best");
}

/// The loss does not show an infinite bias: after the ReLU it is 0. Here the callback sets it.
#[test]
fn an_infinite_bias_before_a_relu_is_an_error() {
    let net =
        sequential![Linear::new([[0.0], [0.0]], [0.0, 1.0]), Relu::new(), Linear::new([[0.0, 1.0]], [0.0]),];
    let mut trainer: Trainer<_, _, 1> = Trainer::new(net, Sgd { lr: 0.1 });
    let outcome = trainer.fit(&[[1.0]], &[[0.0]]).run_with(&mut rng(0), |_, trainer| {
        trainer.net.layer_mut::<0>().bias_mut()[0] = f32::NEG_INFINITY;
        ControlFlow::Continue(())
    });
    assert!(matches!(outcome, Err(Error::Diverged { epoch: 0, last_loss: Some(_) })), "{outcome:?}");
    assert!(trainer.evaluate(&[[1.0]], &[[0.0]]).is_ok_and(f32::is_finite));
}

/// The same in a run that the callback stops.
#[test]
fn infinite_weights_in_a_stopped_run_are_an_error() {
    let mut trainer: Trainer<Sequential<Linear<1, 1>>, _, 1> =
        Trainer::new(Zeroed::ZERO, Unchecked { optimizer: Sgd { lr: 1e38 } });
    let run = trainer.fit(&[[1.0]], &[[10.0]]).epochs(9);
    let outcome = run.run_with(&mut rng(0), |_, _| ControlFlow::Break(()));
    assert!(matches!(outcome, Err(Error::Diverged { epoch: 0, .. })), "{outcome:?}");
}

/// The best network is kept, although training diverges later.
#[test]
fn the_best_network_is_kept_after_divergence() {
    let mut trainer = single(0.05);
    let mut best = Zeroed::ZERO;
    let mut epochs = Vec::new();
    let run = trainer.fit(&X, &Y).epochs(100).validate(&X, &Y).keep_best(&mut best);
    let error = run.run_with(&mut rng(1), |report, trainer| {
        epochs.push((report.validation_loss, trainer.net));
        if report.epoch == 5 {
            trainer.optimizer.lr = 1e20;
        }
        ControlFlow::Continue(())
    });
    let Err(Error::Diverged { epoch, last_loss: Some(_) }) = error else { panic!("{error:?}") };
    assert!(epoch > 5, "training diverged in epoch {epoch}, before the rate was changed");
    let smallest = epochs.iter().min_by(|a, b| a.0.partial_cmp(&b.0).expect("numbers")).expect("epochs");
    assert_eq!(bits(&best.net), bits(&smallest.1));
    assert!(flat(&best.net).iter().all(|p| p.is_finite()));
}

/// A trainer whose optimiser keeps two values per parameter and has a schedule.
fn scheduled(t_max: usize) -> Trainer<Net, WithSchedule<Adam<f64>, Cosine<f64>>, 8> {
    let schedule = Cosine { lr: 0.02, eta_min: 0.0, t_max };
    Trainer::new(network(&mut rng(0)), WithSchedule { optimizer: Adam::default(), schedule })
}

/// Two runs are one run of all their epochs: network, moments, bias correction and learning rate continue. The epochs
/// and the best loss start again.
#[test]
fn a_second_run_continues_the_first() -> Result<(), Error<f64>> {
    let (x, y) = data::<20>(1);
    let (mut once, mut twice) = (scheduled(27), scheduled(27));
    let random = &mut rng(2);
    let mut losses = Vec::new();
    once.fit(&x, &y).epochs(9).run_with(random, |report, _| {
        losses.push(report.loss);
        ControlFlow::Continue(())
    })?;
    let random = &mut rng(2);
    let first = twice.fit(&x, &y).epochs(4).run(random)?;
    let second = twice.fit(&x, &y).epochs(5).run(random)?;
    assert_eq!(twice.net, once.net);
    assert_eq!((first.epoch, first.loss, second.epoch, second.loss), (3, losses[3], 4, losses[8]));
    let smallest = losses[4..].iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!((second.best_loss, losses[4 + second.best_epoch]), (smallest, smallest));

    // The optimiser's state is part of what continues: without it, the second run differs.
    let mut restarted = scheduled(27);
    let random = &mut rng(2);
    restarted.fit(&x, &y).epochs(4).run(random)?;
    restarted.reset();
    restarted.fit(&x, &y).epochs(5).run(random)?;
    assert_ne!(restarted.net, once.net);
    Ok(())
}

/// After `reset`, a trainer with the same network, seed and generator equals a new one, also with a stored gradient.
#[test]
fn a_reset_trainer_equals_a_new_one() -> Result<(), Error<f64>> {
    fn check<Opt: Optimizer<f64> + Copy>(optimizer: Opt) -> Result<(), Error<f64>> {
        type Net = Sequential![Linear<5, 17, f64>, Dropout<17, 50, f64>, Linear<17, 3, f64>];
        let (x, y) = data::<20>(1);
        let net: Net = network(&mut rng(0));
        let mut used = Trainer::<Net, Opt, 8>::new(net, optimizer);
        let mut new = Trainer::<Net, Opt, 8>::new(net, optimizer);
        used.seed = 7;
        used.step(x[..8].try_into().expect("8"), y[..8].try_into().expect("8"));
        used.reset();
        assert_eq!(used.seed, 7, "the seed is the user's");
        assert_ne!(used.net, net, "the network is the user's");
        (used.net, used.seed) = (net, 0);
        let batch = (x[..8].try_into().expect("8"), y[..8].try_into().expect("8"));
        assert_eq!(used.step(batch.0, batch.1), new.step(batch.0, batch.1));
        used.fit(&x, &y).epochs(3).run(&mut rng(2))?;
        used.reset();
        used.net = net;
        new = Trainer::new(net, optimizer);
        let last = used.fit(&x, &y).epochs(3).run(&mut rng(3))?;
        assert_eq!(last, new.fit(&x, &y).epochs(3).run(&mut rng(3))?);
        assert_eq!(used.net, new.net);
        Ok(())
    }
    check(Adam::new(0.01))?;
    check(Sgd { lr: 0.005 }.with_momentum(0.9))?;
    check(ClipNorm { optimizer: Adam::new(0.01), max_norm: 0.1 })?;
    check(WithSchedule { optimizer: Adam::default(), schedule: Cosine { lr: 0.02, eta_min: 0.0, t_max: 9 } })
}

/// After its last step, a schedule would train nothing. It is refused before anything is changed, and after `reset`
/// it starts again.
#[test]
fn a_run_after_the_end_of_a_schedule_is_refused() -> Result<(), Error<f64>> {
    fn check<Opt: Optimizer<f64>>(mut trainer: Trainer<Net, Opt, 8>) -> Result<(), Error<f64>> {
        let (x, y) = data::<20>(1);
        trainer.fit(&x, &y).epochs(3).run(&mut rng(2))?;
        let before = trainer.net;
        let mut random = rng(3);
        let error = Error::ScheduleEnded { step: 9 };
        for epochs in [1, 5, usize::MAX] {
            let run = trainer.fit(&x, &y).epochs(epochs);
            assert_eq!(run.run_with(&mut random, |_, _| unreachable!("an epoch was trained")), Err(error));
        }
        assert_eq!((trainer.net, random), (before, rng(3)));
        assert_eq!(
            error.to_string(),
            "the schedule has no positive learning rate for any step of the run, from step 9 on: \
             set another schedule, or call `Trainer::reset` to start again with step 0"
        );
        trainer.reset();
        trainer.fit(&x, &y).epochs(3).run(&mut rng(2))?;
        assert_ne!(trainer.net, before);
        Ok(())
    }
    fn with<S: Schedule<f64>>(schedule: S) -> Trainer<Net, WithSchedule<Adam<f64>, S>, 8> {
        Trainer::new(network(&mut rng(0)), WithSchedule { optimizer: Adam::default(), schedule })
    }
    let cosine = Cosine { lr: 0.02, eta_min: 0.0, t_max: 9 };
    check(with(cosine))?;
    check(Trainer::new(network(&mut rng(0)), Unchecked { optimizer: with(cosine).optimizer }))?;
    check(with(Warmup { start_factor: 0.0, total_iters: 3, then: cosine }))?;
    check(with(StepDecay { lr: 0.02, step_size: 9, gamma: 1e-323 }))?;
    check(with(|step| if step < 9 { 0.02 } else { 0.0 }))?;
    let optimizer = WithSchedule { optimizer: Adam::default(), schedule: cosine };
    check(Trainer::new(network(&mut rng(0)), ClipNorm { optimizer, max_norm: 1.0 }))?;
    check(Trainer::new(network(&mut rng(0)), ClipValue { optimizer, max_value: 1.0 }))
}

/// Rates of 0 are allowed as long as another step of the run has a positive one.
#[test]
fn schedules_with_rates_of_0_are_allowed() -> Result<(), Error<f64>> {
    let (x, y) = data::<20>(1);
    // The schedule ends in the last epoch.
    let mut trainer = scheduled(7);
    trainer.fit(&x, &y).epochs(3).run(&mut rng(2))?;
    // It ends at a positive rate.
    let mut trainer = scheduled(3);
    trainer.optimizer.schedule.eta_min = 1e-3;
    trainer.fit(&x, &y).epochs(9).run(&mut rng(2))?;
    let before = trainer.net;
    trainer.fit(&x, &y).run(&mut rng(2))?;
    assert_ne!(trainer.net, before);
    // A warm-up from 0 in runs of one step: the first changes nothing.
    let then = Constant { lr: 0.02 };
    let schedule = Warmup { start_factor: 0.0, total_iters: 3, then };
    let optimizer = WithSchedule { optimizer: Adam::default(), schedule };
    let mut trainer = Trainer::<Net, _, 20>::new(network(&mut rng(0)), optimizer);
    let start = trainer.net;
    trainer.fit(&x, &y).run(&mut rng(2))?;
    assert_eq!(trainer.net, start);
    trainer.fit(&x, &y).run(&mut rng(2))?;
    assert_ne!(trainer.net, start);
    // A function whose first rate is 0.
    let schedule = |step: usize| if step < 2 { 0.0 } else { 0.02 };
    let optimizer = WithSchedule { optimizer: Adam::default(), schedule };
    let mut trainer = Trainer::<Net, _, 8>::new(start, optimizer);
    trainer.fit(&x, &y).run(&mut rng(2))?;
    assert_ne!(trainer.net, start);
    // A function that is always 0.
    let optimizer = WithSchedule { optimizer: Adam::default(), schedule: |_: usize| 0.0 };
    let error = Trainer::<Net, _, 8>::new(start, optimizer).fit(&x, &y).run(&mut rng(2));
    assert_eq!(error, Err(Error::ScheduleEnded { step: 0 }));
    assert_eq!(
        Error::<f64>::ScheduleEnded { step: 0 }.to_string(),
        "the schedule has no positive learning rate for any step of the run, from step 0 on: expected at least one"
    );
    Ok(())
}

/// The second run is worse: it starts from another network, and its best is not kept. The third is better.
#[test]
fn the_best_network_of_several_runs_is_kept() -> Result<(), Error<f64>> {
    let ((x, y), (x_val, y_val)) = (data::<20>(1), data::<13>(2));
    for validated in [false, true] {
        let mut trainer = trainer();
        let mut best = Best::ZERO;
        let run = |trainer: &mut Trainer<Net, Sgd<f64>, 8>, best: &mut Best<Net>, epochs| {
            let run = trainer.fit(&x, &y).epochs(epochs).keep_best(best);
            let run = if validated { run.validate(&x_val, &y_val) } else { run };
            run.run(&mut rng(3))
        };
        let first = run(&mut trainer, &mut best, 20)?;
        assert_eq!(best.loss(), Some(first.best_loss));
        let kept = best;
        let net = std::mem::replace(&mut trainer.net, network(&mut rng(9)));
        let second = run(&mut trainer, &mut best, 1)?;
        assert!(second.best_loss > first.best_loss, "{second:?}");
        assert_eq!(best, kept, "a worse network was kept");
        trainer.net = net;
        let third = run(&mut trainer, &mut best, 40)?;
        assert!(third.best_loss < first.best_loss, "{third:?}");
        assert_eq!(best.loss(), Some(third.best_loss));
        assert_ne!(best.net, kept.net);
        // Without its loss, any network replaces it.
        best.reset();
        trainer.net = network(&mut rng(9));
        let last = run(&mut trainer, &mut best, 1)?;
        assert_eq!((best.net, best.loss()), (trainer.net, Some(last.best_loss)));
    }
    Ok(())
}

/// A loss that is the mean of the targets, without a gradient.
struct OfTargets;

impl Loss<Features<1>> for OfTargets {
    type Target = f32;

    fn value<S: Simd<f32>>(&self, _: S, _: &[[f32; 1]], y: &[f32]) -> f32 {
        y.iter().sum::<f32>() / y.len() as f32
    }

    fn value_and_gradient<S: Simd<f32>>(&self, simd: S, y_hat: &mut [[f32; 1]], y: &[f32]) -> f32 {
        y_hat.as_flattened_mut().fill(0.0);
        self.value(simd, y_hat, y)
    }
}

fn of_targets<const B: usize>() -> Trainer<Sequential<Linear<1, 1>>, Sgd, B, OfTargets> {
    Trainer::with_loss(Zeroed::ZERO, Sgd { lr: 0.1 }, OfTargets)
}

/// A plain `f32` sum of 200,000 losses of 0.1 is 0.2 % off, of 20 million 5 %.
#[test]
fn the_mean_of_many_losses_is_exact_to_rounding() -> Result<(), Error<f32>> {
    const SAMPLES: usize = 200_000;
    let (x, y) = (vec![[1.0]; SAMPLES], vec![0.1; SAMPLES]);
    let mut trainer = of_targets::<1>();
    assert_relative_eq!(trainer.evaluate(&x, &y)?, 0.1, max_relative = 2.0 * f32::EPSILON);
    let last = trainer.fit(&x, &y).run(&mut rng(0))?;
    assert_relative_eq!(last.loss, 0.1, max_relative = 2.0 * f32::EPSILON);
    Ok(())
}

/// The last batch of an evaluation counts as many samples as it has.
#[test]
fn an_evaluation_is_the_mean_over_all_samples() {
    let y = [1.0, 2.0, 3.0, 4.0, 15.0];
    assert_eq!(of_targets::<4>().evaluate(&[[1.0]; 5], &y), Ok(5.0));
}

/// Each loss is finite, but their sum is not. The validation loss is finite, too.
#[test]
fn a_mean_loss_that_overflows_is_an_error() {
    let (x, y) = ([[1.0]; 2], [3e38; 2]);
    let mut trainer = of_targets::<1>();
    let outcome = trainer.fit(&x, &y).validate(&x, &[1.0, 2.0]).run(&mut rng(0));
    assert_eq!(outcome, Err(Error::Diverged { epoch: 0, last_loss: Some(3e38) }));
    assert_eq!(trainer.evaluate(&x, &y), Err(Error::Loss(f32::INFINITY)));
}

//! Training runs: what each epoch does and tells, when a run stops, which network is kept.
//!
//! That a run with a partial batch is its steps by hand, one by one, is in `gradients.rs`; that a
//! seed gives the same run in `reproducible.rs`.

mod common;

use std::ops::ControlFlow;

use approx::assert_relative_eq;
use common::{Numbered, ROUNDING, Recorder, bits, flat, network, rng, rows};
use constnet::{
    DataError, Error, Features, He, Linear, Relu, Row, Sequential, Sgd, Trainer, Zeroed, mlp, sequential,
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

/// An epoch over any number of samples is the batches in which the loss sees them, and a partial
/// one is a whole batch of a trainer of that size.
#[test]
fn an_epoch_of_any_length_is_its_batches() -> Result<(), Error<f64>> {
    const LENGTHS: [usize; 9] = [1, 2, 7, 8, 9, 15, 16, 65, 100];
    let (x, y) = data::<100>(1);
    for length in LENGTHS {
        let net = network(&mut rng(0));
        let mut trainer = Trainer::<Net, _, 8, _>::with_criterion(net, SGD, Recorder::default());
        let numbered: Vec<Numbered> = y.iter().copied().enumerate().take(length).collect();
        let last = trainer.fit(&x[..length], &numbered).run(&mut rng(2), |_, _| {})?;

        let batches = trainer.criterion.batches.take();
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

/// Unless more is asked for.
#[test]
fn a_run_is_one_epoch() -> Result<(), Error<f64>> {
    let (x, y) = data::<20>(1);
    let mut told = 0;
    let last = trainer().fit(&x, &y).run(&mut rng(2), |_, _| told += 1)?;
    assert_eq!((told, last.number, last.validation_loss), (1, 0, None));
    Ok(())
}

/// Validation changes nothing, and tells what `evaluate` gives after the epoch.
#[test]
fn validation_looks_on() -> Result<(), Error<f64>> {
    let ((x, y), (x_val, y_val)) = (data::<20>(1), data::<13>(2));
    let mut plain = trainer();
    let mut losses = Vec::new();
    plain.fit(&x, &y).epochs(5).run(&mut rng(3), |epoch, trainer| {
        losses.push((epoch.loss, trainer.evaluate(&x_val, &y_val)));
    })?;
    let mut validated = trainer();
    let mut told = Vec::new();
    validated.fit(&x, &y).epochs(5).validate(&x_val, &y_val).run(&mut rng(3), |epoch, _| {
        told.push((epoch.loss, epoch.validation_loss.ok_or(Error::NoEpochs)));
    })?;
    assert_eq!(told, losses);
    assert_eq!(validated.net, plain.net);
    Ok(())
}

/// By one callback that gives nothing, and one that may stop.
#[test]
fn a_callback_stops_the_run() -> Result<(), Error<f64>> {
    let (x, y) = data::<20>(1);
    let mut stopped = trainer();
    let last = stopped.fit(&x, &y).epochs(100).run(&mut rng(2), |epoch, _| match epoch.number {
        ..6 => ControlFlow::Continue(()),
        _ => ControlFlow::Break(()),
    })?;
    let mut whole = trainer();
    let mut told = Vec::new();
    let of_whole = whole.fit(&x, &y).epochs(7).run(&mut rng(2), |epoch, _| told.push(epoch.number))?;
    assert_eq!(told, [0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(last, of_whole);
    assert_eq!(stopped.net, whole.net);
    Ok(())
}

/// As a schedule of one's own would.
#[test]
fn a_callback_changes_the_learning_rate() -> Result<(), Error<f64>> {
    let (x, y) = data::<20>(1);
    let mut changed = trainer();
    let random = &mut rng(2);
    changed.fit(&x, &y).epochs(2).run(random, |_, trainer| trainer.optimizer.lr = 0.01)?;
    let mut by_hand = trainer();
    let random = &mut rng(2);
    by_hand.fit(&x, &y).run(random, |_, _| {})?;
    by_hand.optimizer.lr = 0.01;
    by_hand.fit(&x, &y).run(random, |_, _| {})?;
    assert_eq!(changed.net, by_hand.net);
    Ok(())
}

/// That of the epoch whose loss was least; it is not the last, since after epoch 19 training starts
/// again.
#[test]
fn the_best_network_is_kept() -> Result<(), Error<f64>> {
    let ((x, y), (x_val, y_val)) = (data::<20>(1), data::<13>(2));
    for validated in [false, true] {
        let mut trainer = trainer();
        let start = trainer.net;
        let mut best = Zeroed::ZERO;
        let run = trainer.fit(&x, &y).epochs(30).keep_best(&mut best);
        let run = if validated { run.validate(&x_val, &y_val) } else { run };
        let mut told = Vec::new();
        let last = run.run(&mut rng(3), |epoch, trainer| {
            told.push((epoch.validation_loss.unwrap_or(epoch.loss), trainer.net));
            let least = told.iter().map(|(loss, _)| *loss).fold(f64::INFINITY, f64::min);
            assert_eq!(epoch.best_loss, least);
            assert_eq!(told[epoch.best].0, least);
            assert_eq!(epoch.since_best(), epoch.number - epoch.best);
            if epoch.number == 19 {
                trainer.net = start;
            }
        })?;
        assert!(0 < last.best && last.best < 29, "the best is epoch {}", last.best);
        assert_eq!(best, told[last.best].1);
        if validated {
            assert_eq!(Trainer::<_, _, 8>::new(best, SGD).evaluate(&x_val, &y_val)?, last.best_loss);
        }
    }
    Ok(())
}

/// Equal losses, since nothing can be learnt: the first is the best.
#[test]
fn of_equals_the_first_is_the_best() -> Result<(), Error<f64>> {
    let mut trainer: Trainer<Net, _, 8> = Trainer::new(Zeroed::ZERO, SGD);
    let last = trainer.fit(&[[0.0; 5]; 3], &[[0.0; 3]; 3]).epochs(4).run(&mut rng(0), |_, _| {})?;
    assert_eq!((last.best, last.best_loss, last.since_best()), (0, 0.0, 3));
    Ok(())
}

const X: [[f32; 2]; 3] = [[0.0, 1.0], [1.0, 0.5], [-1.0, 2.0]];
const Y: [[f32; 1]; 3] = [[1.0], [0.5], [-1.0]];

fn single(lr: f32) -> Trainer<mlp![2, 8, 1], Sgd, 2> {
    Trainer::new(rng(0).sample(He), Sgd { lr })
}

/// Before anything is changed: the network, the best one, the generator.
#[test]
fn validation_data_that_cannot_be_evaluated() {
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
            "validation data: 3 inputs have 2 targets: expected as many of one as of the other",
        ),
    ];
    for (x_val, y_val, error, text) in refused {
        let mut trainer = single(0.1);
        let before = trainer.net;
        let mut best = Zeroed::ZERO;
        let mut random = rng(1);
        let run = trainer.fit(&X, &Y).validate(x_val, y_val).keep_best(&mut best);
        assert_eq!(run.run(&mut random, |_, _| -> () { unreachable!("an epoch was trained") }), Err(error));
        assert_eq!(error.to_string(), text);
        assert_eq!((bits(&trainer.net), best), (bits(&before), Zeroed::ZERO));
        assert_eq!(random, rng(1));
    }
}

/// The epoch's training went well, and its last loss is named.
#[test]
fn validation_loss_that_is_not_finite() {
    let mut told = 0;
    let mut trainer = single(0.1);
    let run = trainer.fit(&X, &Y).epochs(5).validate(&[[f32::NAN, 1.0]], &[[1.0]]);
    let error = run.run(&mut rng(1), |_, _| told += 1);
    assert!(matches!(error, Err(Error::Diverged { epoch: 0, last_loss: Some(_) })), "{error:?}");
    assert_eq!(told, 0);
}

/// With a rate that makes infinite weights in the only step there is, whose own loss is finite.
#[test]
fn ruin_by_the_last_step_is_no_success() {
    let mut trainer: Trainer<Sequential<Linear<1, 1>>, _, 1> = Trainer::new(Zeroed::ZERO, Sgd { lr: 1e38 });
    let mut best = Zeroed::ZERO;
    let ruined = trainer.fit(&[[1.0]], &[[10.0]]).run(&mut rng(0), |_, _| {});
    assert_eq!(ruined, Err(Error::Diverged { epoch: 0, last_loss: Some(100.0) }));
    assert!(flat(&trainer.net).iter().all(|p| p.is_infinite()), "there was something to find");

    trainer.net = Zeroed::ZERO;
    let ruined = trainer.fit(&[[1.0]], &[[10.0]]).epochs(9).keep_best(&mut best).run(&mut rng(0), |_, _| {});
    assert_eq!(ruined, Err(Error::Diverged { epoch: 0, last_loss: Some(100.0) }));
    assert_eq!(best, Zeroed::ZERO, "a ruined network is not the best");
}

/// An infinite bias that no loss shows: behind the ReLU it is 0.
#[test]
fn ruin_behind_a_relu_is_no_success() {
    let net = sequential![
        Linear::new([[0.0], [0.0]], [f32::NEG_INFINITY, 1.0]),
        Relu::new(),
        Linear::new([[0.0, 1.0]], [0.0]),
    ];
    let mut trainer: Trainer<_, _, 1> = Trainer::new(net, Sgd { lr: 0.1 });
    assert!(trainer.evaluate(&[[1.0]], &[[0.0]]).is_ok_and(f32::is_finite));
    let ruined = trainer.fit(&[[1.0]], &[[0.0]]).run(&mut rng(0), |_, _| {});
    assert!(matches!(ruined, Err(Error::Diverged { epoch: 0, last_loss: Some(_) })), "{ruined:?}");
}

/// Stopped or not.
#[test]
fn ruin_is_no_success_in_a_run_that_is_stopped() {
    let mut trainer: Trainer<Sequential<Linear<1, 1>>, _, 1> = Trainer::new(Zeroed::ZERO, Sgd { lr: 1e38 });
    let run = trainer.fit(&[[1.0]], &[[10.0]]).epochs(9);
    let ruined = run.run(&mut rng(0), |_, _| ControlFlow::Break(()));
    assert!(matches!(ruined, Err(Error::Diverged { epoch: 0, .. })), "{ruined:?}");
}

/// The last good network outlives the divergence.
#[test]
fn the_best_network_outlives_divergence() {
    let mut trainer = single(0.05);
    let mut best = Zeroed::ZERO;
    let mut told = Vec::new();
    let run = trainer.fit(&X, &Y).epochs(100).validate(&X, &Y).keep_best(&mut best);
    let error = run.run(&mut rng(1), |epoch, trainer| {
        told.push((epoch.validation_loss, trainer.net));
        if epoch.number == 5 {
            trainer.optimizer.lr = 1e20;
        }
    });
    let Err(Error::Diverged { epoch, last_loss: Some(_) }) = error else { panic!("{error:?}") };
    assert!(epoch > 5, "the epochs before went well");
    let least = told.iter().min_by(|a, b| a.0.partial_cmp(&b.0).expect("numbers")).expect("epochs");
    assert_eq!(bits(&best), bits(&least.1));
    assert!(flat(&best).iter().all(|p| p.is_finite()));
}

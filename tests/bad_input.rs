//! Bad input: an error names it, and the network stays as it was.

mod common;

use std::ops::ControlFlow;

use common::{bits, rng};
use constnet::{DataError, Error, He, Relu, Sequential, Sgd, Trainer, mlp};
use rand::RngExt;

type Net = mlp![2, 8, 1];
const X: [[f32; 2]; 3] = [[0.0, 1.0], [1.0, 0.5], [-1.0, 2.0]];
const Y: [[f32; 1]; 3] = [[1.0], [0.5], [-1.0]];

fn trainer(lr: f32) -> Trainer<Net, Sgd, 2> {
    Trainer::new(rng(0).sample(He), Sgd { lr })
}

/// Trains, and checks that the run is refused with this error, and that the network and the generator are unchanged.
fn assert_refused(lr: f32, x: &[[f32; 2]], y: &[[f32; 1]], epochs: usize, error: Error<f32>, text: &str) {
    let mut trainer = trainer(lr);
    let before = bits(&trainer.net);
    let mut random = rng(1);
    let run = trainer.fit(x, y).epochs(epochs);
    let refused = run.run_with(&mut random, |_, _| unreachable!("an epoch was trained"));
    assert_eq!(refused, Err(error));
    assert_eq!(error.to_string(), text);
    assert_eq!(bits(&trainer.net), before, "the network changed");
    assert_eq!(random, rng(1), "random numbers were drawn");
}

#[test]
fn learning_rates() {
    let cases = [(0.0, "0"), (-0.5, "-0.5"), (f32::INFINITY, "inf"), (f32::NEG_INFINITY, "-inf")];
    for (lr, named) in cases {
        let text = format!("the learning rate is {named}: expected a positive, finite number");
        assert_refused(lr, &X, &Y, 1, Error::LearningRate(lr), &text);
    }
    let error = trainer(f32::NAN).fit(&X, &Y).run(&mut rng(1));
    assert!(matches!(error, Err(Error::LearningRate(lr)) if lr.is_nan()), "{error:?}");
    let text = error.map_err(|error| error.to_string());
    assert_eq!(text, Err("the learning rate is NaN: expected a positive, finite number".into()));
}

#[test]
fn no_epochs() {
    assert_refused(0.1, &X, &Y, 0, Error::NoEpochs, "the number of epochs is 0: expected at least 1");
}

#[test]
fn no_samples() {
    let text = "the data set is empty: expected at least 1 sample";
    assert_refused(0.1, &[], &[], 1, DataError::NoSamples.into(), text);
    assert_eq!(trainer(0.1).evaluate(&[], &[]), Err(DataError::NoSamples.into()));
}

#[test]
fn lengths() {
    let error = Error::Data(DataError::Lengths { inputs: 3, targets: 2 });
    let text = "there are 3 inputs and 2 targets: expected as many inputs as targets";
    assert_refused(0.1, &X, &Y[..2], 1, error, text);
    assert_eq!(trainer(0.1).evaluate(&X, &Y[..2]), Err(error));
    assert_eq!(trainer(0.1).evaluate(&X, &[]), Err(DataError::Lengths { inputs: 3, targets: 0 }.into()));
}

/// The first loss is not finite, so the error names no loss before it.
#[test]
fn input_that_is_not_a_number() {
    for bad in [f32::NAN, f32::INFINITY] {
        let mut trainer = trainer(0.1);
        let before = bits(&trainer.net);
        let error = Error::Diverged { epoch: 0, last_loss: None };
        assert_eq!(trainer.fit(&[[1.0, bad]], &[[1.0]]).run(&mut rng(1)), Err(error));
        assert_eq!(bits(&trainer.net), before, "the network changed");
        assert_eq!(
            error.to_string(),
            "the first loss, in epoch 0, is not finite: look for NaN or infinity in the data and the weights"
        );
    }
}

/// `f32::max` would turn NaN into 0.
#[test]
fn relu_does_not_hide_nan() {
    let [[a, b, c]] = Relu::new().forward(&[[f32::NAN, -1.0, 2.0]]);
    assert!(a.is_nan());
    assert_eq!([b, c], [0.0, 2.0]);

    // In a network: alone, after a layer and before one.
    let y: [f32; 3] = Sequential(Relu::<3>::new()).predict(&[f32::NAN, -1.0, 2.0]);
    assert!(y[0].is_nan());
    let net: Net = rng(0).sample(He);
    let [y] = net.predict(&[f32::NAN, 1.0]);
    assert!(y.is_nan(), "{y}");
}

/// There is one sample, so that an epoch is a batch and the steps can be repeated one by one.
#[test]
fn divergence() {
    const LR: f32 = 50.0;
    let mut losses = Vec::new();
    let mut trainer = trainer(LR);
    let error = trainer.fit(&X[..1], &Y[..1]).epochs(1000).run_with(&mut rng(1), |report, _| {
        losses.push(report.loss);
        ControlFlow::Continue(())
    });
    let &[.., last] = &losses[..] else { panic!("the first loss was not finite") };
    let expected = Error::Diverged { epoch: losses.len(), last_loss: Some(last) };
    assert_eq!(error, Err(expected));
    assert!(losses.iter().all(|loss| loss.is_finite()));
    let text = format!(
        "the loss or the network stopped being finite in epoch {}; the loss was {last:.4e} before: try a smaller learning rate",
        losses.len()
    );
    assert_eq!(expected.to_string(), text);

    let mut again = Trainer::<Net, _, 1>::new(rng(0).sample(He), Sgd { lr: LR });
    for loss in &losses {
        let step = again.step(&[X[0]], &[Y[0]]);
        assert!((step - loss).abs() <= SAME * loss, "{step} instead of {loss}");
    }
    let before = bits(&again.net);
    assert!(!again.step(&[X[0]], &[Y[0]]).is_finite());
    assert_eq!(bits(&again.net), before, "a step with a loss that is not finite changed the network");
}

/// A batch of one and a partial batch round differently, and divergence amplifies the differences.
const SAME: f32 = 1e-3;

/// The network stays as it was before the batch with the loss that was not finite.
#[test]
fn network_after_divergence() {
    let mut trainer = trainer(1e30);
    let error = trainer.fit(&X[..2], &Y[..2]).epochs(10).run(&mut rng(1));
    assert!(matches!(error, Err(Error::Diverged { epoch: 1, last_loss: Some(_) })), "{error:?}");
    let mut once = self::trainer(1e30);
    assert!(once.fit(&X[..2], &Y[..2]).run(&mut rng(1)).is_ok());
    assert_eq!(bits(&trainer.net), bits(&once.net));
    assert!(common::flat(&trainer.net).iter().all(|p| p.is_finite()));
}

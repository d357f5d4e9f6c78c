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
    let training = format!("training data: {text}");
    assert_refused(0.1, &[], &[], 1, Error::Training(DataError::NoSamples), &training);
    assert_eq!(Error::<f32>::from(DataError::NoSamples).to_string(), text);
    assert_eq!(trainer(0.1).evaluate(&[], &[]), Err(DataError::NoSamples.into()));
}

#[test]
fn lengths() {
    let error = DataError::Lengths { inputs: 3, targets: 2 };
    let text = "training data: there are 3 rows and 2 targets: expected as many rows as targets";
    assert_refused(0.1, &X, &Y[..2], 1, Error::Training(error), text);
    assert_eq!(trainer(0.1).evaluate(&X, &Y[..2]), Err(error.into()));
    assert_eq!(trainer(0.1).evaluate(&X, &[]), Err(DataError::Lengths { inputs: 3, targets: 0 }.into()));
}

/// The error of a run names the data set, the sample and the feature, and the learning rate is not blamed.
#[test]
fn inputs_that_are_not_finite() {
    for bad in [f32::INFINITY, f32::NEG_INFINITY] {
        let x = [X[0], X[1], [0.5, bad]];
        let error = DataError::Input { sample: 2, feature: 1, value: bad };
        let text = format!("input 1 of sample 2 is {bad}: expected a finite number");
        assert_refused(0.1, &x, &Y, 1, Error::Training(error), &format!("training data: {text}"));
        assert_eq!(trainer(0.1).evaluate(&x, &Y), Err(Error::Data(error)));
        assert_eq!(Error::Data(error).to_string(), text);
        let validated = trainer(0.1).fit(&X, &Y).validate(&x, &Y).run(&mut rng(1));
        assert_eq!(validated, Err(Error::Validation(error)));
        assert_eq!(Error::Validation(error).to_string(), format!("validation data: {text}"));
    }
}

/// One NaN among 500 samples. (NaN is not equal to itself, so the errors are compared as texts.)
#[test]
fn an_input_that_is_not_a_number() {
    let mut x = [[0.5; 2]; 500];
    x[400][1] = f32::NAN;
    let y = [[0.5]; 500];
    let text = "input 1 of sample 400 is NaN: expected a finite number";
    let mut trainer = trainer(0.1);
    let before = bits(&trainer.net);
    let mut random = rng(1);
    let error = trainer.fit(&x, &y).run(&mut random).map_err(|error| error.to_string());
    assert_eq!(error, Err(format!("training data: {text}")));
    let run = trainer.fit(&X, &Y).validate(&x, &y);
    let error = run.run(&mut random).map_err(|error| error.to_string());
    assert_eq!(error, Err(format!("validation data: {text}")));
    let error = trainer.evaluate(&x, &y).map_err(|error| error.to_string());
    assert_eq!(error, Err(text.into()));
    assert_eq!(bits(&trainer.net), before, "the network changed");
    assert_eq!(random, rng(1), "random numbers were drawn");
}

/// The error names the parameter, before anything is changed.
#[test]
fn a_network_that_is_not_finite() {
    for bad in [f32::INFINITY, f32::NEG_INFINITY] {
        let mut trainer = trainer(0.1);
        *trainer.net.get_parameter_mut("0.weight").and_then(|p| p.values.get_mut(5)).expect("a weight") = bad;
        let weight = trainer.net.get_parameter("0.weight").expect("a weight");
        let (row, column) = (0..8)
            .flat_map(|row| (0..2).map(move |column| (row, column)))
            .find(|(row, column)| weight.get(*row, *column) == Some(&bad))
            .expect("the weight");
        let before = bits(&trainer.net);
        let error = Error::Parameter { layer: 0, name: "weight", row, column, value: bad };
        let run = trainer.fit(&X, &Y).run_with(&mut rng(1), |_, _| unreachable!("an epoch was trained"));
        assert_eq!(run, Err(error));
        assert_eq!(bits(&trainer.net), before, "the network changed");
        let text = format!("the parameter 0.weight[{row}, {column}] is {bad}: expected a finite number");
        assert_eq!(error.to_string(), text);
    }
    let mut trainer = trainer(0.1);
    trainer.net.layer_mut::<2>().bias_mut()[0] = f32::INFINITY;
    let error = Error::Parameter { layer: 2, name: "bias", row: 0, column: 0, value: f32::INFINITY };
    assert_eq!(trainer.fit(&X, &Y).run(&mut rng(1)), Err(error));
    assert_eq!(trainer.evaluate(&X, &Y), Err(error));
    trainer.net.layer_mut::<2>().bias_mut()[0] = f32::NAN;
    let error = trainer.evaluate(&X, &Y);
    assert!(
        matches!(error, Err(Error::Parameter { layer: 2, value, .. }) if value.is_nan()),
        "the loss is NaN: {error:?}"
    );
}

const TOO_LARGE: &str =
    "scale large data or parameters, or look for the error in a loss or layer of your own";

/// All numbers are finite, but the squares of the errors are not: the learning rate is not blamed.
#[test]
fn losses_that_overflow() {
    let y = [[1e30]; 3];
    let mut trainer = trainer(0.1);
    let before = bits(&trainer.net);
    assert_eq!(trainer.evaluate(&X, &y), Err(Error::Loss(f32::INFINITY)));
    assert_eq!(
        Error::Loss(f32::INFINITY).to_string(),
        format!("the loss is inf, although the data and the parameters are finite: {TOO_LARGE}")
    );
    let error = Error::Diverged { epoch: 0, last_loss: None };
    assert_eq!(trainer.fit(&X, &y).run(&mut rng(1)), Err(error));
    assert_eq!(
        error.to_string(),
        format!("in epoch 0, the first loss or gradient is infinite, NaN or too large: {TOO_LARGE}")
    );
    assert_eq!(bits(&trainer.net), before, "the network changed");
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
        "in epoch {}, the loss, a gradient or a parameter became infinite, NaN or too large; the last finite loss was {last:.4e}: try a smaller learning rate, or scale large data",
        losses.len()
    );
    assert_eq!(expected.to_string(), text);

    let mut again = Trainer::<Net, _, 1>::new(rng(0).sample(He), Sgd { lr: LR });
    for loss in &losses {
        let step = again.step(&[X[0]], &[Y[0]]);
        assert!((step - loss).abs() <= SAME * loss, "{step} instead of {loss}");
    }
    // Whether a gradient is too large is judged by its batch: with another batch size, it can be a step later.
    assert!((0..2).any(|_| !again.step(&[X[0]], &[Y[0]]).is_finite()));
    assert!(common::flat(&again.net).iter().all(|p| p.is_finite()));
}

/// A batch of one and a partial batch round differently, and divergence amplifies the differences.
const SAME: f32 = 1e-3;

/// The network stays as it was before the batch with the loss that was not finite.
#[test]
fn network_after_divergence() {
    let mut trainer = trainer(1e12);
    let error = trainer.fit(&X[..2], &Y[..2]).epochs(10).run(&mut rng(1));
    assert!(matches!(error, Err(Error::Diverged { epoch: 1, last_loss: Some(_) })), "{error:?}");
    let mut once = self::trainer(1e12);
    assert!(once.fit(&X[..2], &Y[..2]).run(&mut rng(1)).is_ok());
    assert_eq!(bits(&trainer.net), bits(&once.net));
    assert!(common::flat(&trainer.net).iter().all(|p| p.is_finite()));
}

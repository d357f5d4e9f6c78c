//! The public check of gradients: it accepts correct gradients, and names a wrong one.

mod common;

use std::cell::Cell;

use common::{flat, network, rng, rows};
use constnet::{
    BceWithLogits, CrossEntropy, Custom, CustomLayer, DataError, Elu, Error, Gelu, GeluTanh, Hardsigmoid,
    Hardswish, Hardtanh, Huber, L1, LeakyRelu, Linear, Loss, Mse, Relu, Selu, Sequential, Sigmoid, Silu,
    SoftCrossEntropy, Softmax, Softplus, Tanh, Zeroed, gradient_check,
    layers::{Features, Layer, Row},
    mlp, sequential,
    simd::Simd,
    training::{Coordinate, GradientError, GradientPair},
};

/// `y = g ⊙ x²`, with one mistake in the backward pass.
struct Square<const MISTAKE: usize> {
    gain: [f64; 3],
}

const NONE: usize = 0;
const IN_GRADIENT: usize = 1;
const IN_DX: usize = 2;
const OVERWRITES_GRADIENT: usize = 3;
const ADDS_TO_DX: usize = 4;
const NOT_AVERAGED: usize = 5;

impl<const MISTAKE: usize> Zeroed for Square<MISTAKE> {
    const ZERO: Self = Self { gain: [0.0; 3] };
}

impl<const MISTAKE: usize> CustomLayer for Square<MISTAKE> {
    type In = Features<3, f64>;
    type Out = Features<3, f64>;
    type Cache<const B: usize> = ();

    const NAME: &'static str = "Square";
    const PARAMS: usize = 3;

    fn forward<const B: usize>(&self, x: &[[f64; 3]; B], y: &mut [[f64; 3]; B], (): &mut ()) {
        for b in 0..B {
            for i in 0..3 {
                y[b][i] = self.gain[i] * x[b][i] * x[b][i];
            }
        }
    }

    fn backward<const B: usize>(
        &self,
        x: &[[f64; 3]; B],
        (): &(),
        dy: &[[f64; 3]; B],
        dx: &mut [[f64; 3]; B],
        gradient: &mut Self,
    ) {
        if MISTAKE == OVERWRITES_GRADIENT {
            gradient.gain = [0.0; 3];
        }
        let inv_batch = if MISTAKE == NOT_AVERAGED { 1.0 } else { 1.0 / B as f64 };
        for b in 0..B {
            for i in 0..3 {
                let wrong = if MISTAKE == IN_GRADIENT && i == 1 { 1e-4 } else { 0.0 };
                gradient.gain[i] += inv_batch * dy[b][i] * x[b][i] * x[b][i] * (1.0 + wrong);
                let old = if MISTAKE == ADDS_TO_DX { dx[b][i] } else { 0.0 };
                let wrong = if MISTAKE == IN_DX && (b, i) == (1, 2) { 1e-4 } else { 0.0 };
                dx[b][i] = old + dy[b][i] * self.gain[i] * 2.0 * x[b][i] * (1.0 + wrong);
            }
        }
    }

    fn parameter(&self, index: usize) -> Option<(&'static str, &[f64])> {
        (index == 0).then_some(("gain", &self.gain))
    }

    fn parameter_mut(&mut self, index: usize) -> Option<(&'static str, &mut [f64])> {
        (index == 0).then_some(("gain", &mut self.gain))
    }
}

/// Checks the square alone, or after a layer, the gradient of which passes through the square.
fn check<L>() -> Result<GradientPair<f64>, GradientError<f64>>
where
    L: Layer<In = Features<3, f64>, Out = Features<3, f64>>,
{
    let rng = &mut rng(2);
    let mut net: Sequential<L> = network(rng);
    let before = flat(&net);
    let (x, y) = (rows::<L::In, 2>(rng), rows::<L::Out, 2>(rng));
    let outcome = gradient_check(&mut net, &Mse, &x, &y);
    assert_eq!(flat(&net), before, "the network changed");
    outcome
}

#[track_caller]
fn mismatch(outcome: Result<GradientPair<f64>, GradientError<f64>>) -> GradientPair<f64> {
    match outcome {
        Err(GradientError::GradientMismatch(derivative)) => derivative,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_correct_layer() {
    let worst = check::<(Linear<3, 3, f64>, Custom<Square<NONE>>)>().unwrap();
    assert!((worst.backward - worst.differences).abs() < 1e-8, "{worst}");
}

#[test]
fn a_wrong_parameter() {
    let found = mismatch(check::<(Linear<3, 3, f64>, Custom<Square<IN_GRADIENT>>)>());
    assert_eq!(found.coordinate, Coordinate::Parameter { layer: 1, name: "gain", row: 1, column: 0 });
    assert!((found.backward / found.differences - 1.0001).abs() < 1e-7, "{found}");
}

#[test]
fn a_wrong_dx() {
    let found = mismatch(check::<Custom<Square<IN_DX>>>());
    assert_eq!(found.coordinate, Coordinate::Input { sample: 1, feature: 2 });
    assert!((found.backward / found.differences - 1.0001).abs() < 1e-7, "{found}");
    assert_eq!(found.coordinate.to_string(), "x[1, 2]");
}

#[test]
fn overwriting_instead_of_adding_is_off_by_a_factor() {
    let found = mismatch(check::<Custom<Square<OVERWRITES_GRADIENT>>>());
    assert!(matches!(found.coordinate, Coordinate::Parameter { name: "gain", .. }), "{found}");
    assert!((found.backward / found.differences - 0.5).abs() < 1e-7, "{found}");
    let found = mismatch(check::<Custom<Square<ADDS_TO_DX>>>());
    assert!(matches!(found.coordinate, Coordinate::Input { .. }), "{found}");
    assert!((found.backward / found.differences - 2.0).abs() < 1e-7, "{found}");
    let found = mismatch(check::<Custom<Square<NOT_AVERAGED>>>());
    assert!(matches!(found.coordinate, Coordinate::Parameter { name: "gain", .. }), "{found}");
    assert!((found.backward / found.differences - 2.0).abs() < 1e-7, "{found}");
}

/// The sum of the predictions. Its gradient is 1; this loss reports `gradient` instead.
struct Sum {
    gradient: f64,
    /// A wrong factor of the value that is computed with the gradient.
    factor: f64,
}

impl Loss<Features<3, f64>> for Sum {
    type Target = ();

    fn value<I: Simd<f64>>(&self, _: I, y_hat: &[[f64; 3]], y: &[()]) -> f64 {
        y_hat.as_flattened().iter().sum::<f64>() / y.len() as f64
    }

    fn value_and_gradient<I: Simd<f64>>(&self, simd: I, y_hat: &mut [[f64; 3]], y: &[()]) -> f64 {
        let value = self.value(simd, y_hat, y);
        y_hat.as_flattened_mut().fill(self.gradient);
        value * self.factor
    }
}

#[test]
fn correct_and_wrong_losses() {
    let mut net = sequential![Linear::new([[1.0, 2.0], [0.5, -1.0], [0.25, 3.0]], [0.5; 3]), Relu::new()];
    let (x, y) = ([[1.0, 2.0], [-0.5, 0.75]], [(); 2]);
    let mut check = |gradient, factor| gradient_check(&mut net, &Sum { gradient, factor }, &x, &y);
    assert!(check(1.0, 1.0).is_ok());
    let found = mismatch(check(1.0001, 1.0));
    assert!(matches!(found.coordinate, Coordinate::Prediction { .. }), "{found}");
    assert!((found.backward - 0.50005).abs() < 1e-9, "divided by the batch: {found}");
    assert!(matches!(check(1.0, 1.5), Err(GradientError::LossMismatch { .. })));
    let found = mismatch(check(f64::NAN, 1.0));
    assert!(found.backward.is_nan());
    let error = check(1.0, f64::NAN).unwrap_err();
    assert!(
        matches!(error, GradientError::LossMismatch { with_gradient, .. } if with_gradient.is_nan()),
        "{error}"
    );
}

#[test]
fn invalid_data_and_infinite_losses() {
    let mut net = Sequential(Linear::new([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0]));
    let refused = gradient_check(&mut net, &CrossEntropy, &[[1.0, 0.0]], &[2]);
    let error = Error::Data(DataError::Class { sample: 0, class: 2, classes: 2 });
    assert_eq!(refused, Err(GradientError::Invalid(error)));
    let refused = gradient_check(&mut net, &CrossEntropy, &[[f64::INFINITY, 0.0]], &[1]);
    let error = Error::Data(DataError::Input { sample: 0, feature: 0, value: f64::INFINITY });
    assert_eq!(refused, Err(GradientError::Invalid(error)));
    let refused = gradient_check(&mut net, &Mse, &[[1e200, 0.0]], &[[0.0; 2]]);
    assert_eq!(refused, Err(GradientError::NotFinite(f64::INFINITY)));
    net.0.bias_mut()[1] = f64::INFINITY;
    let refused = gradient_check(&mut net, &Mse, &[[1.0, 0.0]], &[[0.0; 2]]);
    let error = Error::Parameter { layer: 0, name: "bias", row: 1, column: 0, value: f64::INFINITY };
    assert_eq!(refused, Err(GradientError::Invalid(error)));
}

#[test]
fn messages() {
    let coordinate = Coordinate::Parameter { layer: 2, name: "weight", row: 3, column: 1 };
    let pair = GradientPair { coordinate, backward: 0.5, differences: 0.25 };
    let error = GradientError::GradientMismatch(pair);
    let text = "the derivative is wrong at 2.weight[3, 1]: 5.000000000e-1 by the backward pass, \
                2.500000000e-1 by differences";
    assert_eq!(error.to_string(), text);
    let text = "`value` returns the loss 1, but `value_and_gradient` returns 2";
    assert_eq!(GradientError::LossMismatch { value: 1.0, with_gradient: 2.0 }.to_string(), text);
    assert_eq!(Coordinate::Prediction { sample: 4, feature: 0 }.to_string(), "y_hat[4, 0]");
}

/// A kink nearer than the step, but not at the value, does not disturb the check. At the kink there is no derivative.
#[test]
fn kinks() {
    let net = |bias| sequential![Linear::new([[1.0]], [bias]), Relu::<1, f64>::new()];
    let check = |bias| gradient_check(&mut net(bias), &Mse, &[[0.0]], &[[1.0]]);
    assert!(check(3e-6).is_ok());
    assert!(check(-3e-6).is_ok());
    mismatch(check(0.0));
}

/// `f32` is checked too, with larger tolerances.
#[test]
fn single_precision() {
    let rng = &mut rng(3);
    let mut net: mlp![5, 9, 3] = network(rng);
    let (x, y) = (rows::<Features<5>, 4>(rng), rows::<Features<3>, 4>(rng));
    assert!(gradient_check(&mut net, &Mse, &x, &y).is_ok());
    assert!(gradient_check(&mut net, &CrossEntropy, &x, &[0, 1, 2, 0]).is_ok());
}

/// The loss is computed once for each step of each number, and no more often.
#[test]
fn every_number_is_changed() {
    struct Counted(Cell<usize>);
    impl Loss<Features<3, f64>> for Counted {
        type Target = [f64; 3];

        fn value<I: Simd<f64>>(&self, simd: I, y_hat: &[[f64; 3]], y: &[[f64; 3]]) -> f64 {
            self.0.set(self.0.get() + 1);
            Loss::<Features<3, f64>>::value(&Mse, simd, y_hat, y)
        }

        fn value_and_gradient<I: Simd<f64>>(&self, simd: I, y_hat: &mut [[f64; 3]], y: &[[f64; 3]]) -> f64 {
            Loss::<Features<3, f64>>::value_and_gradient(&Mse, simd, y_hat, y)
        }
    }
    let rng = &mut rng(4);
    let mut net: Sequential<Linear<2, 3, f64>> = network(rng);
    let counted = Counted(Cell::new(0));
    let (x, y) = (rows::<Features<2, f64>, 4>(rng), rows::<Features<3, f64>, 4>(rng));
    gradient_check(&mut net, &counted, &x, &y).unwrap();
    let numbers = 4 * 3 + 4 * 2 + (2 * 3 + 3);
    assert_eq!(counted.0.get(), 1 + 2 * numbers + (2 * 3 + 3));
}

/// Checks a network with the activation between two layers, under every loss.
fn check_under_every_loss<A>(name: &str)
where
    (Linear<3, 5, f64>, (A, Linear<5, 4, f64>)): Layer<In = Features<3, f64>, Out = Features<4, f64>>,
{
    fn check<L, C>(name: &str, loss: &C, y: &[C::Target; 3])
    where
        L: Layer<In = Features<3, f64>, Out = Features<4, f64>>,
        C: Loss<L::Out> + std::fmt::Debug,
    {
        let rng = &mut rng(5);
        let mut net: Sequential<L> = network(rng);
        let x: [Row<L::In>; 3] = rows::<L::In, 3>(rng);
        if let Err(error) = gradient_check(&mut net, loss, &x, y) {
            panic!("{name} under {loss:?}: {error}");
        }
    }
    type Net<A> = (Linear<3, 5, f64>, (A, Linear<5, 4, f64>));
    let y = rows::<Features<4, f64>, 3>(&mut rng(6));
    let probabilities = [[0.25, 0.5, 0.125, 0.125], [1.0, 0.0, 0.0, 0.0], [0.0, 0.5, 0.0, 0.5]];
    check::<Net<A>, _>(name, &Mse, &y);
    check::<Net<A>, _>(name, &L1, &y);
    check::<Net<A>, _>(name, &Huber::default(), &y);
    check::<Net<A>, _>(name, &BceWithLogits, &probabilities);
    check::<Net<A>, _>(name, &SoftCrossEntropy, &probabilities);
    check::<Net<A>, _>(name, &CrossEntropy, &[3, 0, 2]);
}

macro_rules! activations {
    ($($activation:ty),+ $(,)?) => {
        #[test]
        fn every_activation_under_every_loss() {
            $(check_under_every_loss::<$activation>(stringify!($activation));)+
        }
    };
}

activations! {
    Relu<5, f64>,
    LeakyRelu<5, 1, f64>,
    Tanh<5, f64>,
    Sigmoid<5, f64>,
    Gelu<5, f64>,
    GeluTanh<5, f64>,
    Silu<5, f64>,
    Softplus<5, f64>,
    Elu<5, f64>,
    Selu<5, f64>,
    Hardtanh<5, f64>,
    Hardsigmoid<5, f64>,
    Hardswish<5, f64>,
    Softmax<5, f64>,
}

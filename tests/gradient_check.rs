//! The public check of gradients: it passes what is right, and names what is wrong.

mod common;

use std::cell::Cell;

use common::{flat, network, rng, rows};
use constnet::{
    BceWithLogits, CrossEntropy, Custom, CustomLayer, DataError, Derivative, Error, Features, Gelu, GeluTanh,
    GradientError, Huber, L1, Layer, LeakyRelu, Linear, Loss, Mse, Place, Relu, Row, Sequential, Sigmoid,
    Silu, SoftCrossEntropy, Softmax, Softplus, Tanh, Zeroed, gradient_check, kernel::Isa, mlp, sequential,
};

/// `y = g ⊙ x²`, with a mistake in one place of the backward pass.
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
        let share = if MISTAKE == NOT_AVERAGED { 1.0 } else { 1.0 / B as f64 };
        for b in 0..B {
            for i in 0..3 {
                let wrong = if MISTAKE == IN_GRADIENT && i == 1 { 1e-4 } else { 0.0 };
                gradient.gain[i] += share * dy[b][i] * x[b][i] * x[b][i] * (1.0 + wrong);
                let kept = if MISTAKE == ADDS_TO_DX { dx[b][i] } else { 0.0 };
                let wrong = if MISTAKE == IN_DX && (b, i) == (1, 2) { 1e-4 } else { 0.0 };
                dx[b][i] = kept + dy[b][i] * self.gain[i] * 2.0 * x[b][i] * (1.0 + wrong);
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

/// The square on its own or after a layer, whose gradient comes through it.
fn check<L>() -> Result<Derivative<f64>, GradientError<f64>>
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
fn wrong_place(outcome: Result<Derivative<f64>, GradientError<f64>>) -> Derivative<f64> {
    match outcome {
        Err(GradientError::Differs(derivative)) => derivative,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_right_layer() {
    let worst = check::<(Linear<3, 3, f64>, Custom<Square<NONE>>)>().unwrap();
    assert!((worst.backward - worst.differences).abs() < 1e-8, "{worst}");
}

#[test]
fn a_wrong_parameter() {
    let found = wrong_place(check::<(Linear<3, 3, f64>, Custom<Square<IN_GRADIENT>>)>());
    assert_eq!(found.place, Place::Parameter { layer: 1, name: "gain", row: 1, column: 0 });
    assert!((found.backward / found.differences - 1.0001).abs() < 1e-7, "{found}");
}

#[test]
fn a_wrong_dx() {
    let found = wrong_place(check::<Custom<Square<IN_DX>>>());
    assert_eq!(found.place, Place::Input { sample: 1, feature: 2 });
    assert!((found.backward / found.differences - 1.0001).abs() < 1e-7, "{found}");
    assert_eq!(found.place.to_string(), "x[1, 2]");
}

#[test]
fn what_is_overwritten_or_added_to_is_off_by_a_factor() {
    let found = wrong_place(check::<Custom<Square<OVERWRITES_GRADIENT>>>());
    assert!(matches!(found.place, Place::Parameter { name: "gain", .. }), "{found}");
    assert!((found.backward / found.differences - 0.5).abs() < 1e-7, "{found}");
    let found = wrong_place(check::<Custom<Square<ADDS_TO_DX>>>());
    assert!(matches!(found.place, Place::Input { .. }), "{found}");
    assert!((found.backward / found.differences - 2.0).abs() < 1e-7, "{found}");
    let found = wrong_place(check::<Custom<Square<NOT_AVERAGED>>>());
    assert!(matches!(found.place, Place::Parameter { name: "gain", .. }), "{found}");
    assert!((found.backward / found.differences - 2.0).abs() < 1e-7, "{found}");
}

/// The sum of the differences, which has the gradient 1, or what it is told to claim.
struct Sum {
    gradient: f64,
    along_with_it: f64,
}

impl Loss<Features<3, f64>> for Sum {
    type Target = ();

    fn value<I: Isa<f64>>(&self, _: I, y_hat: &[[f64; 3]], y: &[()]) -> f64 {
        y_hat.as_flattened().iter().sum::<f64>() / y.len() as f64
    }

    fn value_and_gradient<I: Isa<f64>>(&self, isa: I, y_hat: &mut [[f64; 3]], y: &[()]) -> f64 {
        let value = self.value(isa, y_hat, y);
        y_hat.as_flattened_mut().fill(self.gradient);
        value * self.along_with_it
    }
}

#[test]
fn losses_right_and_wrong() {
    let mut net = sequential![Linear::new([[1.0, 2.0], [0.5, -1.0], [0.25, 3.0]], [0.5; 3]), Relu::new()];
    let (x, y) = ([[1.0, 2.0], [-0.5, 0.75]], [(); 2]);
    let mut check =
        |gradient, along_with_it| gradient_check(&mut net, &Sum { gradient, along_with_it }, &x, &y);
    assert!(check(1.0, 1.0).is_ok());
    let found = wrong_place(check(1.0001, 1.0));
    assert!(matches!(found.place, Place::Prediction { .. }), "{found}");
    assert!((found.backward - 0.50005).abs() < 1e-9, "divided by the batch: {found}");
    assert!(matches!(check(1.0, 1.5), Err(GradientError::Values { .. })));
    let found = wrong_place(check(f64::NAN, 1.0));
    assert!(found.backward.is_nan());
    assert_eq!(check(1.0, f64::NAN).unwrap_err().to_string().split(' ').next_back(), Some("gradient"));
}

#[test]
fn what_cannot_be_compared() {
    let mut net = Sequential(Linear::new([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0]));
    let refused = gradient_check(&mut net, &CrossEntropy, &[[1.0, 0.0]], &[2]);
    let error = Error::Data(DataError::Class { sample: 0, class: 2, classes: 2 });
    assert_eq!(refused, Err(GradientError::Refused(error)));
    let refused = gradient_check(&mut net, &CrossEntropy, &[[f64::INFINITY, 0.0]], &[1]);
    assert!(matches!(refused, Err(GradientError::NotFinite(_))), "{refused:?}");
}

#[test]
fn messages() {
    let place = Place::Parameter { layer: 2, name: "weight", row: 3, column: 1 };
    let error = GradientError::Differs(Derivative { place, backward: 0.5, differences: 0.25 });
    let text = "the derivative is wrong at 2.weight[3, 1]: 5.000000000e-1 by the backward pass, \
                2.500000000e-1 by differences";
    assert_eq!(error.to_string(), text);
    let text = "the loss is 1 on its own and 2 along with its gradient";
    assert_eq!(GradientError::Values { value: 1.0, with_gradient: 2.0 }.to_string(), text);
    assert_eq!(Place::Prediction { sample: 4, feature: 0 }.to_string(), "y_hat[4, 0]");
}

/// A kink nearer than the step, but not at the value, is stepped round; at the value there is no
/// derivative.
#[test]
fn kinks() {
    let net = |bias| sequential![Linear::new([[1.0]], [bias]), Relu::<1, f64>::new()];
    let check = |bias| gradient_check(&mut net(bias), &Mse, &[[0.0]], &[[1.0]]);
    assert!(check(3e-6).is_ok());
    assert!(check(-3e-6).is_ok());
    wrong_place(check(0.0));
}

/// With `f32` too, if less closely.
#[test]
fn single_precision() {
    let rng = &mut rng(3);
    let mut net: mlp![5, 9, 3] = network(rng);
    let (x, y) = (rows::<Features<5>, 4>(rng), rows::<Features<3>, 4>(rng));
    assert!(gradient_check(&mut net, &Mse, &x, &y).is_ok());
    assert!(gradient_check(&mut net, &CrossEntropy, &x, &[0, 1, 2, 0]).is_ok());
}

/// The loss is looked at once for each step of each number, and not a time more.
#[test]
fn every_number_is_moved() {
    struct Counted(Cell<usize>);
    impl Loss<Features<3, f64>> for Counted {
        type Target = [f64; 3];

        fn value<I: Isa<f64>>(&self, isa: I, y_hat: &[[f64; 3]], y: &[[f64; 3]]) -> f64 {
            self.0.set(self.0.get() + 1);
            Loss::<Features<3, f64>>::value(&Mse, isa, y_hat, y)
        }

        fn value_and_gradient<I: Isa<f64>>(&self, isa: I, y_hat: &mut [[f64; 3]], y: &[[f64; 3]]) -> f64 {
            Loss::<Features<3, f64>>::value_and_gradient(&Mse, isa, y_hat, y)
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

/// A network with the activation between two layers, under every loss.
fn under_every_loss<A>(name: &str)
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
            $(under_every_loss::<$activation>(stringify!($activation));)+
        }
    };
}

activations! {
    Relu<5, f64>,
    LeakyRelu<5, f64>,
    Tanh<5, f64>,
    Sigmoid<5, f64>,
    Gelu<5, f64>,
    GeluTanh<5, f64>,
    Silu<5, f64>,
    Softplus<5, f64>,
    Softmax<5, f64>,
}

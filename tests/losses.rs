//! Every loss against PyTorch in f64, against finite differences, and on every vector against its own
//! step-by-step functions. `data/losses.py` recorded the numbers.

mod common;
#[rustfmt::skip]
#[path = "data/losses.rs"]
mod recorded;

use common::{assert_derivatives, bits, flat, rng, rows, rows_of, set_flat};
use constnet::{
    BceWithLogits, CrossEntropy, DataError, Element, Error, Features, GeluTanh, He, Huber, L1, Linear, Loss,
    Mse, Row, Sequential, Sgd, Shape, SoftCrossEntropy, Trainer, Zeroed,
    kernel::{Dispatch, Isa, Kernel, Scalar},
    mlp,
};
use rand::{RngExt, distr::Distribution};
use rand_distr::StandardNormal;
use recorded as py;

/// What was recorded, row by row.
struct Case {
    y_hat: &'static [f64],
    /// Rows, for the losses that take rows.
    y: &'static [f64],
    /// Classes, for the losses that take classes.
    classes: &'static [usize],
    value: f64,
    gradient: &'static [f64],
}

/// Both programs round some dozen operations a row, and add up 7 rows: a few times 1e-16,
/// relative to the loss. Of a gradient it is relative to 1, the size of the probabilities that are
/// subtracted.
const TOLERANCE: f64 = 1e-14;

/// The loss and its gradient on the instruction set of the machine.
struct Fused<'a, S: Shape, L: Loss<S>> {
    loss: &'a L,
    y_hat: &'a mut [Row<S>],
    y: &'a [L::Target],
}

impl<S: Shape, L: Loss<S>> Kernel<S::Elem> for Fused<'_, S, L> {
    type Output = [S::Elem; 2];

    #[inline(always)]
    fn run<I: Isa<S::Elem>>(self, isa: I) -> [S::Elem; 2] {
        let value = self.loss.value(isa, self.y_hat, self.y);
        [value, self.loss.value_and_gradient(isa, self.y_hat, self.y)]
    }
}

/// The value, found twice, and the gradient, as a trainer has them computed.
fn fused<S: Shape, L: Loss<S>, const B: usize>(
    loss: &L,
    y_hat: &[Row<S>; B],
    y: &[L::Target; B],
) -> ([S::Elem; 2], [Row<S>; B]) {
    let mut gradient = *y_hat;
    let values = S::Elem::dispatch(Fused::<S, L> { loss, y_hat: &mut gradient, y });
    (values, gradient)
}

#[track_caller]
fn assert_close(what: &str, ours: f64, recorded: f64, scale: f64) {
    let off = (ours - recorded).abs() / scale;
    assert!(off <= TOLERANCE, "{what}: {ours} instead of {recorded}, off by {off:e}");
}

/// Checks a loss, of 7 samples unless told otherwise, against what PyTorch says: the functions on
/// arrays, and those that a trainer calls. The gradient is that of each sample, `B` times PyTorch's.
macro_rules! assert_recorded {
    ($loss:expr, $case:expr) => {
        assert_recorded!($loss, $case, 7, 5, rows_of::<Features<5, f64>, 7>($case.y))
    };
    ($loss:expr, $case:expr, classes) => {
        assert_recorded!($loss, $case, 7, 5, <[usize; 7]>::try_from($case.classes).unwrap())
    };
    ($loss:expr, $case:expr, $b:literal, $d:literal, $y:expr) => {{
        let (case, loss, y): (&Case, _, _) = (&$case, $loss, $y);
        let what = concat!(stringify!($loss), " on ", stringify!($case));
        let y_hat = rows_of::<Features<$d, f64>, $b>(case.y_hat);
        let (fused_values, fused_gradient) = fused::<Features<$d, f64>, _, $b>(&loss, &y_hat, &y);
        for value in [loss.forward(&y_hat, &y), fused_values[0], fused_values[1]] {
            assert_close(what, value, case.value, case.value.max(1.0));
        }
        for gradient in [loss.backward(&y_hat, &y), fused_gradient] {
            for (index, (ours, recorded)) in gradient.as_flattened().iter().zip(case.gradient).enumerate() {
                assert_close(&format!("{what}, gradient {index}"), *ours, recorded * f64::from($b), 1.0);
            }
        }
    }};
}

#[test]
fn as_pytorch() {
    assert_recorded!(Mse, py::MSE);
    assert_recorded!(L1, py::L1);
    assert_recorded!(Huber::default(), py::HUBER);
    assert_recorded!(Huber { delta: 0.25 }, py::HUBER_NARROW);
    assert_recorded!(BceWithLogits, py::BCE);
    assert_recorded!(BceWithLogits, py::BCE_CERTAIN);
    assert_recorded!(CrossEntropy, py::CROSS_ENTROPY, classes);
    assert_recorded!(SoftCrossEntropy, py::SOFT_CROSS_ENTROPY);
}

/// Predictions of sizes up to 1e4, which `exp` makes 0 and infinity of.
#[test]
fn as_pytorch_at_extremes() {
    // The gradient of a square is as large as the difference; all others are at most 1.
    let y_hat = rows_of::<Features<5, f64>, 7>(py::MSE_EXTREME.y_hat);
    let y = rows_of::<Features<5, f64>, 7>(py::MSE_EXTREME.y);
    assert_close("Mse", Mse.forward(&y_hat, &y), py::MSE_EXTREME.value, py::MSE_EXTREME.value);
    assert_recorded!(L1, py::L1_EXTREME);
    assert_recorded!(Huber::default(), py::HUBER_EXTREME);
    assert_recorded!(Huber { delta: 0.25 }, py::HUBER_NARROW_EXTREME);
    assert_recorded!(BceWithLogits, py::BCE_EXTREME);
    assert_recorded!(BceWithLogits, py::BCE_CERTAIN_EXTREME);
    assert_recorded!(CrossEntropy, py::CROSS_ENTROPY_EXTREME, classes);
    assert_recorded!(SoftCrossEntropy, py::SOFT_CROSS_ENTROPY_EXTREME);
}

#[test]
fn as_pytorch_at_kinks() {
    assert_recorded!(L1, py::L1_KINKS, 2, 3, rows_of::<Features<3, f64>, 2>(py::L1_KINKS.y));
    assert_recorded!(
        Huber::default(),
        py::HUBER_KINKS,
        2,
        3,
        rows_of::<Features<3, f64>, 2>(py::HUBER_KINKS.y)
    );
}

/// As the documentation of `SoftCrossEntropy` says.
#[test]
fn smoothed_labels() {
    const SMOOTHING: f64 = 0.25;
    let mut y = [[SMOOTHING / 5.0; 5]; 7];
    for (y, class) in y.iter_mut().zip(py::LABEL_SMOOTHING.classes) {
        y[*class] += 1.0 - SMOOTHING;
    }
    assert_recorded!(SoftCrossEntropy, py::LABEL_SMOOTHING, 7, 5, y);
}

/// Ten roundings of each parameter, of steps that are a twentieth of the gradient.
const TRAINED: f64 = 1e-13;

/// Parameters after 1 and 10 of a trainer's steps.
#[test]
fn trained_as_pytorch() {
    type Net = Sequential![Linear<3, 6, f64>, GeluTanh<6, f64>, Linear<6, 5, f64>];
    fn check<L: Loss<Features<5, f64>>>(what: &str, loss: L, y: [L::Target; 7], after: [&[f64]; 2]) {
        let mut trainer = Trainer::<Net, _, 7, _>::with_criterion(Zeroed::ZERO, Sgd { lr: 0.05 }, loss);
        set_flat(&mut trainer.net, py::START);
        let x = rows_of::<Features<3, f64>, 7>(py::X);
        for (steps, after) in [1, 9].into_iter().zip(after) {
            (0..steps).for_each(|_| _ = trainer.step(&x, &y));
            let ours = flat(&trainer.net);
            assert_eq!(ours.len(), after.len());
            for (index, (ours, recorded)) in ours.iter().zip(after).enumerate() {
                let off = (ours - recorded).abs();
                assert!(
                    off <= TRAINED,
                    "{what}, parameter {index}: {ours} instead of {recorded}, off by {off:e}"
                );
            }
        }
    }
    let [rows, some, soft] = [py::ROWS, py::SOME, py::SOFT].map(rows_of::<Features<5, f64>, 7>);
    check("Mse", Mse, rows, py::MSE_STEPS);
    check("L1", L1, rows, py::L1_STEPS);
    check("Huber", Huber::default(), rows, py::HUBER_STEPS);
    check("BceWithLogits", BceWithLogits, some, py::BCE_STEPS);
    check("CrossEntropy", CrossEntropy, py::LABELS, py::CROSS_ENTROPY_STEPS);
    check("SoftCrossEntropy", SoftCrossEntropy, soft, py::SOFT_CROSS_ENTROPY_STEPS);
}

/// What two orders of the same sums may be apart, in `f32` and in `f64`, relative to the whole.
fn rounding<T: Element>() -> T {
    T::epsilon() * T::from_f64(32.0)
}

/// Some targets for each loss.
fn normal<T: Element, const D: usize, const B: usize>(rng: &mut impl rand::Rng) -> [[T; D]; B]
where
    StandardNormal: Distribution<T>,
{
    rows::<Features<D, T>, B>(rng)
}

fn unit<T: Element, const D: usize, const B: usize>(rng: &mut impl rand::Rng) -> [[T; D]; B] {
    std::array::from_fn(|_| std::array::from_fn(|_| T::from_f64(rng.random())))
}

fn summing_to_one<T: Element, const D: usize, const B: usize>(rng: &mut impl rand::Rng) -> [[T; D]; B] {
    unit(rng).map(|row: [T; D]| {
        let sum = row.iter().fold(T::ZERO, |sum, y| sum + *y);
        row.map(|y| y / sum)
    })
}

fn classes<const D: usize, const B: usize>(rng: &mut impl rand::Rng) -> [usize; B] {
    std::array::from_fn(|_| rng.random_range(0..D))
}

/// Every loss, with targets for it: a row here, and it is tested at every size.
macro_rules! for_every_loss {
    ($check:ident, $rng:expr, $t:ty, $d:literal, $b:literal) => {
        $check!(Mse, normal, $rng, $t, $d, $b);
        $check!(L1, normal, $rng, $t, $d, $b);
        $check!(Huber { delta: 1.0 }, normal, $rng, $t, $d, $b);
        $check!(Huber { delta: 0.5 }, normal, $rng, $t, $d, $b);
        $check!(BceWithLogits, unit, $rng, $t, $d, $b);
        $check!(SoftCrossEntropy, summing_to_one, $rng, $t, $d, $b);
        $check!(CrossEntropy, classes, $rng, $t, $d, $b, class);
    };
}

macro_rules! targets {
    ($targets:ident, $rng:expr, $t:ty, $d:literal, $b:literal) => {
        $targets::<$t, $d, $b>($rng)
    };
    ($targets:ident, $rng:expr, $t:ty, $d:literal, $b:literal, class) => {
        $targets::<$d, $b>($rng)
    };
}

/// The functions on arrays against those on vectors, and these against one element at a time.
macro_rules! assert_fused {
    ($loss:expr, $targets:ident, $rng:expr, $t:ty, $d:literal, $b:literal $(, $class:ident)?) => {{
        type S = Features<$d, $t>;
        let (loss, what) = ($loss, concat!(stringify!($loss), " of ", $d, " outputs, batch ", $b));
        let y_hat = rows::<S, $b>($rng);
        let y = targets!($targets, $rng, $t, $d, $b $(, $class)?);
        assert_eq!(Loss::<S>::check(&loss, &y), Ok(()), "{what}");
        let (value, gradient) = (loss.forward(&y_hat, &y), loss.backward(&y_hat, &y));
        let (values, on_vectors) = fused::<S, _, $b>(&loss, &y_hat, &y);
        let mut by_one = y_hat;
        let by_one_value = Fused::<S, _> { loss: &loss, y_hat: &mut by_one, y: &y }.run(Scalar);
        for other in [values, by_one_value].concat() {
            assert!((other - value).abs() <= rounding::<$t>() * value.max(1.0), "{what}: {other} is not {value}");
        }
        for other in [on_vectors, by_one] {
            for (other, g) in other.as_flattened().iter().zip(gradient.as_flattened()) {
                assert!((other - g).abs() <= rounding::<$t>() * g.abs().max(1.0), "{what}: {other} is not {g}");
            }
        }
    }};
}

macro_rules! at_sizes {
    ($check:ident, $rng:expr, $t:ty, $(($d:literal, $b:literal)),+) => {
        $(for_every_loss!($check, $rng, $t, $d, $b);)+
    };
}

#[test]
fn on_vectors_as_on_arrays() {
    let rng = &mut rng(3);
    at_sizes!(
        assert_fused,
        rng,
        f32,
        (1, 1),
        (2, 3),
        (3, 1),
        (5, 7),
        (8, 2),
        (9, 3),
        (16, 1),
        (17, 5),
        (33, 7)
    );
    at_sizes!(
        assert_fused,
        rng,
        f64,
        (1, 1),
        (2, 3),
        (3, 1),
        (5, 7),
        (8, 2),
        (9, 3),
        (16, 1),
        (17, 5),
        (33, 7)
    );
}

/// Each gradient against differences of the loss, of which it is `B` times the derivative.
macro_rules! assert_gradient {
    ($loss:expr, $targets:ident, $rng:expr, $t:ty, $d:literal, $b:literal $(, $class:ident)?) => {{
        let loss = $loss;
        let y_hat = rows::<Features<$d, $t>, $b>($rng);
        let y = targets!($targets, $rng, $t, $d, $b $(, $class)?);
        let gradient = loss.backward(&y_hat, &y);
        let derivatives: Vec<f64> = gradient.as_flattened().iter().map(|g| g / f64::from($b)).collect();
        let what = concat!(stringify!($loss), " of ", $d, " outputs, batch ", $b);
        assert_derivatives(what, &derivatives, |index, by| {
            let mut y_hat = y_hat;
            y_hat.as_flattened_mut()[index] += by;
            loss.forward(&y_hat, &y)
        });
    }};
}

#[test]
fn by_differences() {
    let rng = &mut rng(4);
    at_sizes!(assert_gradient, rng, f64, (2, 1), (3, 2), (17, 7), (5, 20));
}

type Net = mlp![2, 8, 3];
const X: [[f32; 2]; 3] = [[0.0, 1.0], [1.0, 0.5], [-1.0, 2.0]];

/// Neither a run nor an evaluation starts; the network and the generator stay as they were.
#[track_caller]
fn assert_refused<L: Loss<Features<3>>>(loss: L, y: &[L::Target; 3], error: Error<f32>, text: &str) {
    let mut trainer: Trainer<Net, _, 2, _> =
        Trainer::with_criterion(rng(0).sample(He), Sgd { lr: 0.1 }, loss);
    let before = bits(&trainer.net);
    let mut random = rng(1);
    let run = trainer.fit(&X, y).run(&mut random, |_, _| -> () { panic!("an epoch was trained") });
    assert_eq!(run, Err(error));
    assert_eq!(trainer.evaluate(&X, y), Err(error));
    assert_eq!(error.to_string(), text);
    assert_eq!(bits(&trainer.net), before, "the network changed");
    assert_eq!(random, rng(1), "random numbers were drawn");
}

/// A step on the last two samples gives NaN and leaves the network as it is.
#[track_caller]
fn assert_no_step<L: Loss<Features<3>>>(loss: L, y: &[L::Target; 3]) {
    let mut trainer: Trainer<Net, _, 2, _> =
        Trainer::with_criterion(rng(0).sample(He), Sgd { lr: 0.1 }, loss);
    let before = bits(&trainer.net);
    assert!(trainer.step(&[X[1], X[2]], &[y[1], y[2]]).is_nan());
    assert_eq!(bits(&trainer.net), before, "the network changed");
}

#[test]
fn classes_out_of_range() {
    for class in [3, 4, usize::MAX] {
        let y = [0, 2, class];
        let text = format!("sample 2 is of class {class}: expected a class below 3");
        assert_refused(CrossEntropy, &y, DataError::Class { sample: 2, class, classes: 3 }.into(), &text);
        assert_no_step(CrossEntropy, &y);
    }
}

#[test]
fn probabilities_that_do_not_sum_to_one() {
    let certain = [1.0, 0.0, 0.0];
    for (row, sum) in [([0.5, 0.25, 0.0], "0.75"), ([1.0, 0.5, 1.0], "2.5"), ([0.0; 3], "0")] {
        let error = Error::Data(DataError::ProbabilitySum { sample: 1, sum: row.iter().sum() });
        let text = format!("the probabilities of sample 1 sum to {sum}: expected 1");
        assert_refused(SoftCrossEntropy, &[certain, row, certain], error, &text);
    }
    // Rounded to four digits they do.
    assert_eq!(Loss::<Features<3>>::check(&SoftCrossEntropy, &[[0.3333; 3]]), Ok(()));
}

#[test]
fn targets_that_are_no_probabilities() {
    for value in [-0.5, 1.5, f32::INFINITY] {
        let y = [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0], [0.0, value, 1.0 - value]];
        let expected = "a probability, from 0 to 1";
        let error = Error::Data(DataError::Target { sample: 2, feature: 1, value, expected });
        let text = format!("target 1 of sample 2 is {value}: expected a probability, from 0 to 1");
        assert_refused(SoftCrossEntropy, &y, error, &text);
        assert_refused(BceWithLogits, &y, error, &text);
    }
}

#[test]
fn targets_that_are_not_finite() {
    for value in [f32::INFINITY, f32::NEG_INFINITY] {
        let y = [[1.0, -2.0, 3.0], [value, 0.0, 0.0], [0.0; 3]];
        let error =
            Error::Data(DataError::Target { sample: 1, feature: 0, value, expected: "a finite number" });
        let text = format!("target 0 of sample 1 is {value}: expected a finite number");
        assert_refused(Mse, &y, error, &text);
        assert_refused(L1, &y, error, &text);
        assert_refused(Huber::default(), &y, error, &text);
    }
}

/// NaN is not equal to itself, and so is looked at apart.
#[test]
fn targets_that_are_not_numbers() {
    fn check<L: Loss<Features<3>, Target = [f32; 3]>>(loss: L) {
        let y = [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0], [0.0, 1.0, f32::NAN]];
        let error = loss.check(&y);
        assert!(
            matches!(error, Err(Error::Data(DataError::Target { sample: 2, feature: 2, value, .. })) if value.is_nan()),
            "{error:?}"
        );
        assert_no_step(loss, &y);
    }
    check(Mse);
    check(L1);
    check(Huber::default());
    check(BceWithLogits);
    check(SoftCrossEntropy);
}

#[test]
fn delta_of_huber() {
    for (delta, named) in [(0.0, "0"), (-1.0, "-1"), (f32::INFINITY, "inf")] {
        let text = format!("delta of the Huber loss is {named}: expected a positive, finite number");
        assert_refused(Huber { delta }, &[[0.0; 3]; 3], Error::HuberDelta(delta), &text);
    }
    let error = Loss::<Features<3>>::check(&Huber { delta: f32::NAN }, &[]);
    assert!(matches!(error, Err(Error::HuberDelta(delta)) if delta.is_nan()), "{error:?}");
}

/// Logits that are not finite, as those of a network that ran away, give a loss that says so.
#[test]
fn predictions_that_are_not_finite() {
    for bad in [f64::NAN, f64::INFINITY] {
        let y_hat = [[0.0, bad, 1.0]];
        assert!(!Mse.forward(&y_hat, &[[0.0, 0.5, 0.5]]).is_finite());
        assert!(!L1.forward(&y_hat, &[[0.0, 0.5, 0.5]]).is_finite());
        assert!(!Huber::default().forward(&y_hat, &[[0.0, 0.5, 0.5]]).is_finite());
        assert!(!BceWithLogits.forward(&y_hat, &[[0.0, 0.5, 0.5]]).is_finite());
        assert!(!SoftCrossEntropy.forward(&y_hat, &[[0.0, 0.5, 0.5]]).is_finite());
        for class in 0..3 {
            assert!(!CrossEntropy.forward(&y_hat, &[class]).is_finite());
        }
        let (values, _) = fused::<Features<3, f64>, _, 1>(&L1, &y_hat, &[[0.0; 3]]);
        assert!(values.iter().all(|value| !value.is_finite()));
        let (values, _) = fused::<Features<3, f64>, _, 1>(&Huber::default(), &y_hat, &[[0.0; 3]]);
        assert!(values.iter().all(|value| !value.is_finite()));
    }
}

/// The derivative of a prediction that is not a number is none either, on arrays as on vectors.
#[test]
fn huber_does_not_hide_nan() {
    let (y_hat, y) = ([[f64::NAN, f64::INFINITY, f64::NEG_INFINITY]], [[0.0; 3]]);
    let (_, on_vectors) = fused::<Features<3, f64>, _, 1>(&Huber::default(), &y_hat, &y);
    for [gradient] in [Huber::default().backward(&y_hat, &y), on_vectors] {
        assert!(gradient[0].is_nan());
        assert_eq!(gradient[1..], [1.0 / 3.0, -1.0 / 3.0]);
    }
}

/// A trainer minimises every one of them.
#[test]
fn each_is_minimised() {
    fn check<L: Loss<Features<3>>>(loss: L, y: [L::Target; 3], goal: f32) {
        let mut trainer: Trainer<mlp![2, 32, 3], _, 3, _> =
            Trainer::with_criterion(rng(0).sample(He), Sgd { lr: 0.1 }, loss);
        let last = trainer.fit(&X, &y).epochs(1000).run(&mut rng(1), |_, _| {}).unwrap().loss;
        assert!(last < goal, "{last}");
    }
    let one_hot = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    check(Mse, one_hot, 0.01);
    check(Huber { delta: 0.5 }, one_hot, 0.01);
    check(BceWithLogits, one_hot, 0.05);
    check(SoftCrossEntropy, one_hot, 0.05);
    check(CrossEntropy, [0, 1, 2], 0.05);
    // The gradient does not get smaller with the error, and steps of one size end up near it.
    check(L1, one_hot, 0.3);
}

//! Every loss against PyTorch in f64, against finite differences, and on vectors against its own passes on arrays.
//! `data/losses.py` recorded the numbers.

mod common;
#[rustfmt::skip]
#[path = "data/losses.rs"]
mod recorded;

use approx::assert_relative_eq;
use common::{assert_derivatives, bits, flat, rng, rows, rows_of, set_flat};
use constnet::{
    BceWithLogits, CrossEntropy, DataError, Error, GaussianNll, GeluTanh, He, Huber, L1, Linear, Loss, Mse,
    Sequential, Sgd, Sigmoid, SoftCrossEntropy, Softmax, Trainer, WeightedBceWithLogits,
    WeightedCrossEntropy, Zeroed,
    layers::{Features, Probabilities, Row, Shape},
    loss::OnProbabilities,
    mlp,
    simd::{Dispatch, Element, Kernel, Scalar, Simd},
};
use rand::{RngExt, distr::Distribution};
use rand_distr::StandardNormal;
use recorded as py;

/// The recorded numbers, row by row.
struct Case {
    y_hat: &'static [f64],
    /// Rows, for the losses that take rows.
    y: &'static [f64],
    /// Classes, for the losses that take classes.
    classes: &'static [usize],
    value: f64,
    gradient: &'static [f64],
}

/// Both programs round some dozen operations in each row, and add up 7 rows: a few times 1e-16, relative to the loss.
/// For a gradient it is relative to 1, the size of the probabilities that are subtracted.
const TOLERANCE: f64 = 1e-14;

/// The loss and its gradient on the instruction set of the machine.
struct OnVectors<'a, S: Shape, L: Loss<S>> {
    loss: &'a L,
    y_hat: &'a mut [Row<S>],
    y: &'a [L::Target],
}

impl<S: Shape, L: Loss<S>> Kernel<S::Elem> for OnVectors<'_, S, L> {
    type Output = [S::Elem; 2];

    #[inline(always)]
    fn run<I: Simd<S::Elem>>(self, simd: I) -> [S::Elem; 2] {
        let value = self.loss.value(simd, self.y_hat, self.y);
        [value, self.loss.value_and_gradient(simd, self.y_hat, self.y)]
    }
}

/// The value, computed alone and with the gradient, and the gradient, as a trainer computes them.
fn on_vectors<S: Shape, L: Loss<S>, const B: usize>(
    loss: &L,
    y_hat: &[Row<S>; B],
    y: &[L::Target; B],
) -> ([S::Elem; 2], [Row<S>; B]) {
    let mut gradient = *y_hat;
    let values = S::Elem::dispatch(OnVectors::<S, L> { loss, y_hat: &mut gradient, y });
    (values, gradient)
}

#[track_caller]
fn assert_close(what: &str, ours: f64, recorded: f64, scale: f64) {
    let off = (ours - recorded).abs() / scale;
    assert!(off <= TOLERANCE, "{what}: {ours} instead of {recorded}, off by {off:e}");
}

/// Checks a loss, of 7 samples unless stated otherwise, against PyTorch: the passes on arrays, and the functions that a
/// trainer calls. The gradient is that of each sample, `B` times PyTorch's.
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
        let (vector_values, vector_gradient) = on_vectors::<Features<$d, f64>, _, $b>(&loss, &y_hat, &y);
        for value in [loss.forward(&y_hat, &y), vector_values[0], vector_values[1]] {
            assert_close(what, value, case.value, case.value.max(1.0));
        }
        for gradient in [loss.backward(&y_hat, &y), vector_gradient] {
            for (index, (ours, recorded)) in gradient.as_flattened().iter().zip(case.gradient).enumerate() {
                assert_close(&format!("{what}, gradient {index}"), *ours, recorded * f64::from($b), 1.0);
            }
        }
    }};
}

#[test]
fn losses_match_pytorch() {
    assert_recorded!(Mse, py::MSE);
    assert_recorded!(L1, py::L1);
    assert_recorded!(Huber::default(), py::HUBER);
    assert_recorded!(Huber { delta: 0.25 }, py::HUBER_NARROW);
    assert_recorded!(BceWithLogits, py::BCE);
    assert_recorded!(BceWithLogits, py::BCE_CERTAIN);
    assert_recorded!(CrossEntropy, py::CROSS_ENTROPY, classes);
    assert_recorded!(SoftCrossEntropy, py::SOFT_CROSS_ENTROPY);
}

/// Predictions up to ±1e4, of which `exp` is 0 or infinite.
#[test]
fn losses_match_pytorch_at_extremes() {
    // The gradient of the square is as large as the difference; all others are at most 1.
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
fn losses_match_pytorch_at_kinks() {
    assert_recorded!(L1, py::L1_KINKS, 2, 3, rows_of::<Features<3, f64>, 2>(py::L1_KINKS.y));
    assert_recorded!(
        Huber::default(),
        py::HUBER_KINKS,
        2,
        3,
        rows_of::<Features<3, f64>, 2>(py::HUBER_KINKS.y)
    );
}

/// PyTorch divides by the sum of the weights of the samples, to which normalised weights add up to 1 for each sample.
#[test]
fn weights_of_classes_match_pytorch() {
    let weighted = WeightedCrossEntropy { weight: [0.5, 2.0, 1.0, 0.25, 3.0], ..Default::default() };
    let ignored = WeightedCrossEntropy { ignore_index: 2, ..Default::default() };
    let smoothed = WeightedCrossEntropy { ignore_index: 2, label_smoothing: 0.25, ..weighted };
    let positive = WeightedBceWithLogits { pos_weight: [0.5, 1.0, 2.0, 4.0, 0.25] };
    assert_recorded!(weighted.normalized(&py::LABELS), py::WEIGHTED, classes);
    assert_recorded!(weighted.normalized(&py::LABELS), py::WEIGHTED_EXTREME, classes);
    assert_recorded!(ignored.normalized(&py::LABELS), py::IGNORED, classes);
    assert_recorded!(ignored.normalized(&py::LABELS), py::IGNORED_EXTREME, classes);
    assert_recorded!(smoothed.normalized(&py::LABELS), py::SMOOTHED, classes);
    assert_recorded!(smoothed.normalized(&py::LABELS), py::SMOOTHED_EXTREME, classes);
    assert_recorded!(positive, py::POS_WEIGHT);
    assert_recorded!(positive, py::POS_WEIGHT_EXTREME);
    assert_recorded!(positive, py::POS_WEIGHT_CERTAIN);
    assert_recorded!(positive, py::POS_WEIGHT_CERTAIN_EXTREME);

    assert_recorded!(WeightedCrossEntropy::<5, f64>::default(), py::CROSS_ENTROPY, classes);
    assert_recorded!(WeightedBceWithLogits::<5, f64>::default(), py::BCE);
    let y = rows_of::<Features<1, f64>, 7>(py::GAUSSIAN.y);
    assert_recorded!(GaussianNll, py::GAUSSIAN, 7, 2, y);
}

/// Balanced weights are normalised: 7 samples, `[2, 1, 2, 1, 1]` in 5 classes; 6 in 2 of 3 classes.
#[test]
fn balanced_weights() {
    let weight = [2.0, 1.0, 2.0, 1.0, 1.0].map(|count| 7.0 / (5.0 * count));
    let balanced = WeightedCrossEntropy::<5, f64>::balanced(&py::LABELS);
    assert_eq!(balanced.weight, weight);
    assert!(balanced.normalized(&py::LABELS).weight.iter().zip(weight).all(|(a, b)| (a - b).abs() < 1e-15));
    assert_eq!(WeightedCrossEntropy::<3, f32>::balanced(&[0, 2, 2, 0, 0, 0]).weight, [0.75, 0.0, 1.5]);
}

/// `label_smoothing`, by the formula in the documentation of `SoftCrossEntropy`.
#[test]
fn smoothed_labels() {
    const SMOOTHING: f64 = 0.25;
    let mut y = [[SMOOTHING / 5.0; 5]; 7];
    for (y, class) in y.iter_mut().zip(py::LABEL_SMOOTHING.classes) {
        y[*class] += 1.0 - SMOOTHING;
    }
    assert_recorded!(SoftCrossEntropy, py::LABEL_SMOOTHING, 7, 5, y);
}

/// Each parameter is rounded ten times, and a step is a twentieth of the gradient.
const TRAINED: f64 = 1e-13;

/// The parameters after 1 and 10 steps of a trainer.
#[test]
fn training_matches_pytorch() {
    type Net = Sequential![Linear<3, 6, f64>, GeluTanh<6, f64>, Linear<6, 5, f64>];
    fn check<L: Loss<Features<5, f64>>>(what: &str, loss: L, y: [L::Target; 7], after: [&[f64]; 2]) {
        let mut trainer = Trainer::<Net, _, 7, _>::with_loss(Zeroed::ZERO, Sgd { lr: 0.05 }, loss);
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

/// The largest difference between two orders of the same sum, in `f32` and in `f64`, relative to the sum.
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

/// Every loss with targets for it. A loss in this list is tested at every size; a cross-entropy has at least 2 outputs.
macro_rules! for_every_loss {
    ($check:ident, $rng:expr, $t:ty, 1, $b:literal) => {
        $check!(Mse, normal, $rng, $t, 1, $b);
        $check!(L1, normal, $rng, $t, 1, $b);
        $check!(Huber { delta: 1.0 }, normal, $rng, $t, 1, $b);
        $check!(Huber { delta: 0.5 }, normal, $rng, $t, 1, $b);
        $check!(BceWithLogits, unit, $rng, $t, 1, $b);
    };
    ($check:ident, $rng:expr, $t:ty, $d:tt, $b:literal) => {
        $check!(Mse, normal, $rng, $t, $d, $b);
        $check!(L1, normal, $rng, $t, $d, $b);
        $check!(Huber { delta: 1.0 }, normal, $rng, $t, $d, $b);
        $check!(Huber { delta: 0.5 }, normal, $rng, $t, $d, $b);
        $check!(BceWithLogits, unit, $rng, $t, $d, $b);
        $check!(SoftCrossEntropy, summing_to_one, $rng, $t, $d, $b);
        $check!(CrossEntropy, classes, $rng, $t, $d, $b, class);
        $check!(
            WeightedCrossEntropy {
                weight: core::array::from_fn(|class| 0.5 + class as $t),
                label_smoothing: 0.25,
                ..Default::default()
            },
            classes,
            $rng,
            $t,
            $d,
            $b,
            class
        );
        $check!(
            WeightedBceWithLogits { pos_weight: core::array::from_fn(|output| 0.5 + output as $t) },
            unit,
            $rng,
            $t,
            $d,
            $b
        );
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

/// The passes on arrays against vectors of this machine, and against vectors of one lane.
macro_rules! assert_same_on_vectors {
    ($loss:expr, $targets:ident, $rng:expr, $t:ty, $d:literal, $b:literal $(, $class:ident)?) => {{
        type S = Features<$d, $t>;
        let (loss, what) = ($loss, concat!(stringify!($loss), " of ", $d, " outputs, batch ", $b));
        let y_hat = rows::<S, $b>($rng);
        let y = targets!($targets, $rng, $t, $d, $b $(, $class)?);
        assert_eq!(Loss::<S>::check(&loss, &y), Ok(()), "{what}");
        let (value, gradient) = (loss.forward(&y_hat, &y), loss.backward(&y_hat, &y));
        let (values, on_vectors_gradient) = on_vectors::<S, _, $b>(&loss, &y_hat, &y);
        let mut by_one = y_hat;
        let by_one_value = OnVectors::<S, _> { loss: &loss, y_hat: &mut by_one, y: &y }.run(Scalar);
        for other in [values, by_one_value].concat() {
            assert!((other - value).abs() <= rounding::<$t>() * value.max(1.0), "{what}: {other} is not {value}");
        }
        for other in [on_vectors_gradient, by_one] {
            for (other, g) in other.as_flattened().iter().zip(gradient.as_flattened()) {
                assert!((other - g).abs() <= rounding::<$t>() * g.abs().max(1.0), "{what}: {other} is not {g}");
            }
        }
    }};
}

macro_rules! at_sizes {
    ($check:ident, $rng:expr, $t:ty, $(($d:tt, $b:literal)),+) => {
        $(for_every_loss!($check, $rng, $t, $d, $b);)+
    };
}

#[test]
fn vectors_equal_arrays() {
    let rng = &mut rng(3);
    at_sizes!(
        assert_same_on_vectors,
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
        assert_same_on_vectors,
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

/// Each gradient against differences of the loss: it is `B` times the derivative.
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
fn gradients_equal_differences() {
    let rng = &mut rng(4);
    at_sizes!(assert_gradient, rng, f64, (2, 1), (3, 2), (17, 7), (5, 20));
}

type Net = mlp![2, 8, 3];
const X: [[f32; 2]; 3] = [[0.0, 1.0], [1.0, 0.5], [-1.0, 2.0]];

/// Checks that neither a run nor an evaluation starts, and that the network and the generator stay as they were.
#[track_caller]
fn assert_refused<L: Loss<Features<3>>>(loss: L, y: &[L::Target; 3], error: Error<f32>, text: &str) {
    let mut trainer: Trainer<Net, _, 2, _> = Trainer::with_loss(rng(0).sample(He), Sgd { lr: 0.1 }, loss);
    let before = bits(&trainer.net);
    let mut random = rng(1);
    let run = trainer.fit(&X, y).run_with(&mut random, |_, _| panic!("an epoch was trained"));
    let of_run = if let Error::Data(data) = error { Error::Training(data) } else { error };
    assert_eq!(run, Err(of_run));
    assert_eq!(trainer.evaluate(&X, y), Err(error));
    assert_eq!(error.to_string(), text);
    assert_eq!(bits(&trainer.net), before, "the network changed");
    assert_eq!(random, rng(1), "random numbers were drawn");
}

/// Checks that a step on the last two samples returns NaN and leaves the network as it is.
#[track_caller]
fn assert_no_step<L: Loss<Features<3>>>(loss: L, y: &[L::Target; 3]) {
    let mut trainer: Trainer<Net, _, 2, _> = Trainer::with_loss(rng(0).sample(He), Sgd { lr: 0.1 }, loss);
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
        let text = format!("the probabilities of sample 1 sum to {sum}: expected 1, to within 1/1024");
        assert_refused(SoftCrossEntropy, &[certain, row, certain], error, &text);
    }
    // Rounded to four digits, they sum to one closely enough.
    assert_eq!(Loss::<Features<3>>::check(&SoftCrossEntropy, &[[0.3333; 3]]), Ok(()));
}

/// A sum that differs from 1 by exactly the tolerance is accepted, by one bit more it is not.
#[test]
fn probabilities_that_sum_to_one_within_the_tolerance() {
    const TOLERANCE: f64 = 1.0 / 1024.0;
    const BIT: f64 = f64::EPSILON;
    let check = |row| Loss::<Features<2, f64>>::check(&SoftCrossEntropy, &[[0.5, 0.5], row]);
    for sum in [1.0 - TOLERANCE, 1.0, 1.0 + TOLERANCE] {
        assert_eq!(check([0.5, sum - 0.5]), Ok(()), "{sum}");
    }
    for sum in [1.0 - TOLERANCE - BIT, 1.0 + TOLERANCE + BIT] {
        let error = DataError::ProbabilitySum { sample: 1, sum };
        assert_eq!(check([0.5, sum - 0.5]), Err(error.into()), "{sum}");
    }
}

/// For logits of 0, `p` is 1/4: the loss is `Σy ln 4`, the gradient `Σy / 4 − y`. A row need not sum to 1 exactly.
#[test]
fn cross_entropy_of_a_row_that_does_not_sum_to_one() {
    let y = [[0.5, 0.0, 0.25, 0.0], [1.0, 0.5, 0.0, 0.5]];
    let y_hat = [[0.0; 4]; 2];
    let loss = SoftCrossEntropy.forward(&y_hat, &y);
    assert!((loss - (0.75 + 2.0) * 4_f64.ln() / 2.0).abs() < 1e-15, "{loss}");
    let expected = [[-0.3125, 0.1875, -0.0625, 0.1875], [-0.5, 0.0, 0.5, 0.0]];
    assert_eq!(SoftCrossEntropy.backward(&y_hat, &y), expected);
}

/// A sum of a million numbers of 0.1 in `f32` is 100 958.
#[test]
fn normalized_weights_of_many_samples() {
    let loss = WeightedCrossEntropy { weight: [0.1, 0.1], ..Default::default() };
    assert_eq!(loss.normalized(&vec![1; 1_000_000]).weight, [1.0_f32; 2]);
}

/// `exp(−s)` is infinite in `f32`.
#[test]
fn a_small_variance_does_not_overflow() {
    for (s, d) in [(-89.0, 0.0), (-120.0, 0.0), (-89.0, 1e-20), (-120.0, 1e-30)] {
        let (y_hat, y) = ([[d, s]], [[0.0]]);
        let [exact] = GaussianNll.backward(&[[f64::from(d), f64::from(s)]], &[[0.0]]);
        let [found] = GaussianNll.backward(&y_hat, &y);
        for (found, exact) in found.into_iter().zip(exact) {
            assert_relative_eq!(found, exact as f32, max_relative = 1e-5);
        }
        let exact = GaussianNll.forward(&[[f64::from(d), f64::from(s)]], &[[0.0]]);
        assert_relative_eq!(GaussianNll.forward(&y_hat, &y), exact as f32, max_relative = 1e-6);
    }
}

/// PyTorch's mean divides by the sum of the weights of the samples that are not ignored, whether the class of the others is
/// one of the `K` or not.
#[test]
fn balanced_weights_with_ignored_samples() {
    for ignore_index in [0, 255] {
        let y = [ignore_index, 1, 1, 1, 2, ignore_index];
        let y_hat =
            [[0.0, 1.0, 3.0], [1.0, 2.0, 0.5], [0.5, 0.0, 1.0], [2.0, 2.0, 1.0], [0.0, -1.0, 1.0], [0.0; 3]];
        let loss = WeightedCrossEntropy { ignore_index, ..WeightedCrossEntropy::<3, f64>::balanced(&y) };
        let weights: Vec<_> = y[1..5].iter().map(|class| loss.weight[*class]).collect();
        let losses = (1..5).map(|i| CrossEntropy.forward(&[y_hat[i]], &[y[i]]));
        let sum: f64 = losses.zip(&weights).map(|(loss, weight)| loss * weight).sum();
        let expected = sum / weights.iter().sum::<f64>();
        assert_relative_eq!(loss.normalized(&y).forward(&y_hat, &y), expected, max_relative = 1e-14);
        assert!((loss.forward(&y_hat, &y) - expected).abs() > 0.1);
    }
}

/// Smoothing spreads a part of each target over the other classes, and their weights count.
#[test]
fn samples_that_count() {
    let counts = |loss: WeightedCrossEntropy<3>, class| Loss::<Features<3>>::counts(&loss, &class);
    let sharp = WeightedCrossEntropy { weight: [1.0, 0.0, 1.0], ignore_index: 2, ..Default::default() };
    let smoothed = WeightedCrossEntropy { label_smoothing: 0.5, ..sharp };
    let without = WeightedCrossEntropy { weight: [0.0; 3], ..smoothed };
    for (loss, expected) in
        [(sharp, [true, false, false]), (smoothed, [true, true, false]), (without, [false; 3])]
    {
        let found = [0, 1, 2].map(|class| counts(loss, class));
        let losses = [0, 1, 2].map(|class| loss.forward(&[[0.0; 3]], &[class]) > 0.0);
        assert_eq!((found, losses), (expected, expected));
    }
}

#[test]
fn weights_that_are_not_valid() {
    let weighted = WeightedCrossEntropy { ignore_index: 7, ..Default::default() };
    let check = |loss: WeightedCrossEntropy<3>, y: &[usize]| Loss::<Features<3>>::check(&loss, y);
    let class = DataError::Class { sample: 1, class: 3, classes: 3 };
    assert_eq!(check(weighted, &[7, 3]), Err(class.into()));
    assert_eq!(check(weighted, &[7, 2]), Ok(()));
    assert!(weighted.forward(&[[0.0; 3]; 2], &[7, 3]).is_nan());
    let [ignored, out_of_range] = weighted.backward(&[[0.0; 3]; 2], &[7, 3]);
    assert!(ignored == [0.0; 3] && out_of_range.iter().all(|dy| dy.is_nan()), "{out_of_range:?}");
    for value in [-1.0, f32::INFINITY, f32::NEG_INFINITY] {
        let (name, expected) = ("weight of a class", "a finite number of at least 0");
        let error = Error::Hyperparameter { name, value, expected };
        assert_eq!(check(WeightedCrossEntropy { weight: [1.0, value, 1.0], ..weighted }, &[0]), Err(error));
        let error = Error::Hyperparameter { name: "weight of positive samples", value, expected };
        let loss = WeightedBceWithLogits { pos_weight: [1.0, value] };
        assert_eq!(Loss::<Features<2>>::check(&loss, &[[0.0; 2]]), Err(error));
    }
    for value in [-0.25, 1.25, f32::INFINITY] {
        let (name, expected) = ("label smoothing", "a number from 0 to 1");
        let error = Error::Hyperparameter { name, value, expected };
        assert_eq!(check(WeightedCrossEntropy { label_smoothing: value, ..weighted }, &[0]), Err(error));
    }
    let nan = WeightedCrossEntropy { weight: [1.0, 1.0, f32::NAN], ..weighted };
    let error = check(nan, &[0]).unwrap_err().to_string();
    assert_eq!(error, "the weight of a class is NaN: expected a finite number of at least 0");
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

/// Separate from the other targets, since NaN is not equal to itself.
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
        let (name, expected) = ("delta", "a positive, finite number");
        let error = Error::Hyperparameter { name, value: delta, expected };
        let text = format!("the delta is {named}: expected a positive, finite number");
        assert_refused(Huber { delta }, &[[0.0; 3]; 3], error, &text);
    }
    let error = Loss::<Features<3>>::check(&Huber { delta: f32::NAN }, &[]);
    assert!(
        matches!(error, Err(Error::Hyperparameter { name: "delta", value, .. }) if value.is_nan()),
        "{error:?}"
    );
}

/// Predictions that are not finite, as those of a diverging network, give a loss that is not finite.
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
        let (values, _) = on_vectors::<Features<3, f64>, _, 1>(&L1, &y_hat, &[[0.0; 3]]);
        assert!(values.iter().all(|value| !value.is_finite()));
        let (values, _) = on_vectors::<Features<3, f64>, _, 1>(&Huber::default(), &y_hat, &[[0.0; 3]]);
        assert!(values.iter().all(|value| !value.is_finite()));
    }
}

/// The derivative at NaN is NaN, on arrays and on vectors.
#[test]
fn huber_does_not_hide_nan() {
    let (y_hat, y) = ([[f64::NAN, f64::INFINITY, f64::NEG_INFINITY]], [[0.0; 3]]);
    let (_, vector_gradient) = on_vectors::<Features<3, f64>, _, 1>(&Huber::default(), &y_hat, &y);
    for [gradient] in [Huber::default().backward(&y_hat, &y), vector_gradient] {
        assert!(gradient[0].is_nan());
        assert_eq!(gradient[1..], [1.0 / 3.0, -1.0 / 3.0]);
    }
}

/// A trainer minimises every loss.
#[test]
fn a_trainer_minimises_each_loss() {
    fn check<L: Loss<Features<3>>>(loss: L, y: [L::Target; 3], goal: f32) {
        let mut trainer: Trainer<mlp![2, 32, 3], _, 3, _> =
            Trainer::with_loss(rng(0).sample(He), Sgd { lr: 0.1 }, loss);
        let last = trainer.fit(&X, &y).epochs(1000).run(&mut rng(1)).unwrap().loss;
        assert!(last < goal, "{last}");
    }
    let one_hot = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    check(Mse, one_hot, 0.01);
    check(Huber { delta: 0.5 }, one_hot, 0.01);
    check(BceWithLogits, one_hot, 0.05);
    check(SoftCrossEntropy, one_hot, 0.05);
    check(CrossEntropy, [0, 1, 2], 0.05);
    // The gradient does not get smaller with the error, so the steps do not converge completely.
    check(L1, one_hot, 0.3);
}

/// `OnProbabilities` computes the loss that it wraps, on the output of a softmax or sigmoid.
#[test]
fn losses_on_probabilities() {
    fn check<L, const B: usize>(loss: L, y: [L::Target; B])
    where
        L: Loss<Features<3, f64>> + Copy,
    {
        let y_hat = rows::<Features<3, f64>, B>(&mut rng(5));
        let plain = on_vectors::<Features<3, f64>, _, B>(&loss, &y_hat, &y);
        let wrapped = on_vectors::<Probabilities<3, f64>, _, B>(&OnProbabilities(loss), &y_hat, &y);
        assert_eq!(plain, wrapped);
    }
    check(CrossEntropy, [2, 0]);
    check(SoftCrossEntropy, [[0.25, 0.5, 0.25], [1.0, 0.0, 0.0]]);
    check(BceWithLogits, [[0.25, 0.5, 1.0], [1.0, 0.0, 0.0]]);

    // Its check of the targets too.
    let error = Loss::<Probabilities<3>>::check(&OnProbabilities(CrossEntropy), &[0, 3]);
    assert_eq!(error, Err(DataError::Class { sample: 1, class: 3, classes: 3 }.into()));

    // In training.
    type Classifier = Sequential![Linear<2, 3>, Softmax<3>];
    let loss = OnProbabilities(CrossEntropy);
    let mut trainer: Trainer<Classifier, _, 3, _> = Trainer::with_loss(Zeroed::ZERO, Sgd { lr: 0.5 }, loss);
    let before = trainer.evaluate(&X, &[0, 1, 2]).unwrap();
    trainer.fit(&X, &[0, 1, 2]).epochs(100).run(&mut rng(1)).unwrap();
    assert!(trainer.evaluate(&X, &[0, 1, 2]).unwrap() < before);
    // The losses of differences accept probabilities as they are.
    type Unit = Sequential![Linear<2, 3>, Sigmoid<3>];
    let mut trainer: Trainer<Unit, _, 3> = Trainer::new(Zeroed::ZERO, Sgd { lr: 1.0 });
    let goal = [[0.0, 1.0, 0.5]; 3];
    let before = trainer.evaluate(&X, &goal).unwrap();
    trainer.fit(&X, &goal).epochs(100).run(&mut rng(1)).unwrap();
    assert!(trainer.evaluate(&X, &goal).unwrap() < before / 2.0);
}

//! `Standardize` against scikit-learn's `StandardScaler`, as a layer that is not trained, and folded into its neighbours.

mod common;
#[rustfmt::skip]
#[path = "data/standardize.rs"]
mod recorded;

use common::{flat, network, rng, rows};
use constnet::{
    AdamW, Cache, ClipNorm, DataError, Linear, Optimizer, Sequential, Sgd, Standardize, Tanh, Trainer,
    Zeroed, layers::Features,
};

/// The two sums are added in another order: a few roundings.
const TOLERANCE: f64 = 1e-14;

#[track_caller]
fn assert_close(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(
            (found - expected).abs() <= tolerance * expected.abs().max(1e-300),
            "{i}: {found} instead of {expected}"
        );
    }
}

#[test]
fn a_fit_equals_that_of_scikit_learn() {
    let fitted = Standardize::fit(&recorded::X).expect("finite rows");
    for (found, expected) in fitted.mean.iter().zip(&recorded::MEAN) {
        assert!((found - expected).abs() <= TOLERANCE * expected.abs().max(1.0), "{found} {expected}");
    }
    assert_close(&fitted.deviation, &recorded::DEVIATION, TOLERANCE);
    for (x, y) in recorded::X.iter().zip(&recorded::Y) {
        for ((found, expected), mean) in fitted.apply(x).iter().zip(y).zip(&recorded::MEAN) {
            // The mean of scikit-learn is rounded more than once.
            let tolerance = 1e-14 + 1e-15 * mean.abs();
            assert!((found - expected).abs() <= tolerance, "{found} instead of {expected}");
        }
        for (found, x) in fitted.invert(&fitted.apply(x)).iter().zip(x) {
            assert!((found - x).abs() <= 1e-14 * x.abs(), "{found} instead of {x}");
        }
    }
}

/// In `f32` the sum of squares of such rows would have no correct digit.
#[test]
fn a_large_mean_costs_no_digits() {
    let rows: Vec<[f32; 1]> = (0..60_000_u16).map(|i| [10_000.0 + f32::from(i % 2)]).collect();
    let fitted = Standardize::fit(&rows).expect("finite rows");
    assert_eq!((fitted.mean, fitted.deviation), ([10_000.5], [0.5]));
}

#[test]
fn constant_features_become_zero() {
    let fitted = Standardize::fit(&[[3.0_f32, 0.0]; 7]).expect("finite rows");
    assert_eq!(fitted.deviation, [1.0; 2]);
    assert_eq!(fitted.apply(&[3.0, 0.0]), [0.0; 2]);
    assert_eq!(Standardize::new([3.0_f32, 0.0], [0.0, 2.0]).deviation, [1.0, 2.0]);
}

#[test]
fn rows_that_cannot_be_fitted_are_refused() {
    assert_eq!(Standardize::<2>::fit(&[]), Err(DataError::NoSamples));
    let found = Standardize::fit(&[[0.0, 1.0], [2.0, f32::INFINITY]]);
    assert_eq!(found, Err(DataError::Input { sample: 1, feature: 1, value: f32::INFINITY }));
}

type Body = Sequential![Linear<8, 9, f64>, Tanh<9, f64>, Linear<9, 3, f64>];
type Net = Sequential<(Standardize<8, f64>, Body)>;

fn net() -> Net {
    Sequential((Standardize::fit(&recorded::X).expect("finite rows"), network(&mut rng(0))))
}

/// Trained on raw rows, it equals the network alone, trained on standardised rows, bit for bit.
#[test]
fn it_is_not_trained_and_what_follows_is() {
    fn check<O: Optimizer<f64> + Copy>(what: &str, optimizer: O) {
        let start = net();
        let raw: [[f64; 8]; 5] = core::array::from_fn(|i| recorded::X[i]);
        let x = raw.map(|row| start.0.0.apply(&row));
        let y = rows::<Features<3, f64>, 5>(&mut rng(1));
        let mut whole = Trainer::<Net, _, 5>::new(start, optimizer);
        let mut alone = Trainer::<Body, _, 5>::new(start.0.1, optimizer);
        for _ in 0..5 {
            assert_eq!(whole.step(&raw, &y), alone.step(&x, &y), "{what}");
        }
        assert_eq!(whole.net.0.0, start.0.0, "{what}: it was trained");
        assert_eq!(whole.net.0.1, alone.net, "{what}");
        assert_ne!(alone.net, start.0.1, "{what}: nothing was learned");
    }
    check("SGD", Sgd { lr: 0.1 });
    // Weight decay changes a parameter even if its gradient is zero: in the fused step, and after the norm is known.
    let adam_w = AdamW { lr: 0.1, weight_decay: 0.5, ..AdamW::default() };
    check("AdamW", adam_w);
    check("AdamW and ClipNorm", ClipNorm { max_norm: 0.1, optimizer: adam_w });
}

#[test]
fn folded_into_its_neighbours_nothing_changes() {
    let net = net();
    let (standardize, mut body) = (net.0.0, net.0.1);
    standardize.fold_into_first(&mut body.0.0);
    let outputs = Standardize::new([1.0, -2.0, 1e3], [0.5, 3.0, 1e-3]);
    let mut inverted = body;
    outputs.fold_inverse_into_last(&mut inverted.0.1.1);
    for x in &recorded::X {
        // A bias near 10⁹, which the feature near 10⁹ takes back, is rounded to 10⁻⁷.
        let (y, folded): ([f64; 3], [f64; 3]) = (net.predict(x), body.predict(x));
        for (folded, y) in folded.iter().zip(&y) {
            assert!((folded - y).abs() < 1e-6, "{folded} instead of {y}");
        }
        let found: [f64; 3] = inverted.predict(x);
        assert_close(&found, &outputs.invert(&folded), 1e-12);
    }
}

#[test]
fn its_values_are_saved_with_the_weights() {
    let net = net();
    let names: Vec<_> = net.parameters().map(|p| (p.layer, p.name, p.trained)).collect();
    assert_eq!(names[..3], [(0, "mean", false), (0, "deviation", false), (1, "weight", true)]);
    assert_eq!(flat(&net)[..8], net.0.0.mean);
    let text = net.to_rust_source("NET").to_string();
    assert!(
        text.contains("constnet::Standardize<8, f64>") && text.contains("constnet::Standardize { mean: [")
    );
    assert!(net.to_string().contains("(0): Standardize(8)  # Standardize<8, f64>, 16 parameters"));
}

/// The kernels against the formula, for sizes around those of vectors.
#[test]
fn the_layer_equals_the_formula() {
    fn check<const N: usize>() {
        let rng = &mut rng(2);
        let [mean, deviation] = rows::<Features<N>, 2>(rng);
        let layer = Standardize::new(mean, deviation);
        let x = rows::<Features<N>, 3>(rng);
        let mut cache = Cache::ZERO;
        let net = Sequential(layer);
        assert_eq!(net.forward(&x, &mut cache).output(), &x.map(|x| layer.apply(&x)));
    }
    check::<1>();
    check::<7>();
    check::<16>();
    check::<33>();
}

//! Metrics against values of scikit-learn, recorded by `data/metrics.py`, and the errors for bad input.

#[rustfmt::skip]
#[path = "data/metrics.rs"]
mod recorded;

use constnet::{
    DataError,
    metrics::{ConfusionMatrix, accuracy, argmax, r2_score},
};
use recorded as sk;

/// The difference between two sums of 23 numbers in different orders.
const TOLERANCE: f64 = 1e-14;

#[test]
fn classification_matches_scikit_learn() -> Result<(), DataError<f64>> {
    assert_eq!(accuracy(sk::OUTPUTS, &sk::CLASSES)?, sk::ACCURACY);
    let matrix = ConfusionMatrix::new(sk::OUTPUTS, &sk::CLASSES)?;
    assert_eq!(matrix.counts, sk::CONFUSION);
    assert_eq!(matrix.accuracy(), sk::ACCURACY);
    assert_eq!(std::array::from_fn(|class| matrix.recall(class)), sk::RECALL);
    assert_eq!(std::array::from_fn(|class| matrix.precision(class)), sk::PRECISION);
    assert_eq!((matrix.recall(4), matrix.precision(4)), (None, None));
    Ok(())
}

#[test]
fn r2_matches_scikit_learn() -> Result<(), DataError<f64>> {
    assert!((r2_score(sk::PREDICTIONS, &sk::TARGETS)? - sk::R2).abs() < TOLERANCE);
    for (output, recorded) in sk::R2_EACH.into_iter().enumerate() {
        let one = r2_score(sk::PREDICTIONS.map(|y| [y[output]]), &sk::TARGETS.map(|y| [y[output]]))?;
        assert!((one - recorded).abs() < TOLERANCE, "output {output}: {one} instead of {recorded}");
    }
    assert!((r2_score(sk::FLAT_PREDICTIONS, &sk::FLAT_TARGETS)? - sk::FLAT_R2).abs() < TOLERANCE);
    // Equal targets have no spread, even if their sum is rounded.
    assert_eq!(r2_score([[0.1], [0.1], [0.25]], &[[0.1]; 3])?, 0.0);
    assert!(r2_score([[1.0]], &[[1.0]])?.is_nan());
    Ok(())
}

/// Also if the targets have no spread, where any other prediction gets 0.
#[test]
fn r2_of_nan_is_nan() -> Result<(), DataError<f64>> {
    for y in [[[1.0], [2.0]], [[1.0], [1.0]]] {
        assert!(r2_score([[1.0], [f64::NAN]], &y)?.is_nan(), "{y:?}");
    }
    Ok(())
}

/// The spread of targets far from 0 is small beside their squares.
#[test]
fn r2_of_targets_far_from_zero() -> Result<(), DataError<f32>> {
    let y = [[10000.0], [10001.0], [10002.0], [10003.0]];
    let r2 = r2_score(y.map(|[y]| [y + 1.0]), &y)?;
    assert!((r2 - 0.2_f32).abs() < 1e-2, "{r2}");
    Ok(())
}

#[test]
fn the_largest_output() {
    assert_eq!(argmax(&[1.0, 3.0, 2.0]), 1);
    assert_eq!(argmax(&[-1.0, -3.0, -1.0]), 0, "the first of equal ones");
    assert_eq!(argmax(&[f32::NEG_INFINITY; 3]), 0);
    assert_eq!(argmax(&[1.0, f32::NAN, f32::INFINITY, f32::NAN]), 1, "NaN, as in PyTorch");
    assert_eq!(argmax::<f32>(&[]), 0);
}

#[test]
fn bad_input() {
    let y_hat = [[1.0, 0.0], [0.0, 1.0], [0.5, 0.25]];
    let class = DataError::Class { sample: 1, class: 2, classes: 2 };
    let lengths = |targets| DataError::Lengths { inputs: 3, targets };
    assert_eq!(accuracy(y_hat, &[0, 2, 0]), Err(class));
    assert_eq!(ConfusionMatrix::new(y_hat, &[0, 2, 0]), Err(class));
    assert_eq!(accuracy(y_hat, &[0, 1]), Err(lengths(2)));
    assert_eq!(ConfusionMatrix::new(y_hat, &[0, 1, 0, 1]), Err(lengths(4)));
    assert_eq!(r2_score(y_hat, &[[0.0; 2]; 2]), Err(lengths(2)));
    assert_eq!(accuracy([[0.0; 2]; 0], &[]), Err(DataError::NoSamples));
    assert_eq!(r2_score([[0.0; 2]; 0], &[]), Err(DataError::NoSamples));
}

/// Counts of any size stay in their columns.
#[test]
fn the_table_is_aligned() {
    let matrix = ConfusionMatrix { counts: [[1234, 0, 5], [0, 0, 0], [1, 0, 99]] };
    let table = "\
class |     0     1     2 | recall
    0 |  1234     .     5 |  99.6 %
    1 |     .     .     . |     -
    2 |     1     .    99 |  99.0 %";
    assert_eq!(matrix.to_string(), table);
}

//! Metrics against values of scikit-learn, recorded by `data/metrics.py`, and the errors for bad input.

#[rustfmt::skip]
#[path = "data/metrics.rs"]
mod recorded;

use constnet::{
    DataError, Error,
    metrics::{
        ConfusionMatrix, accuracy, argmax, binary_accuracy, binary_log_loss, log_loss, mean_absolute_error,
        r2_score, roc_auc, roc_auc_with,
    },
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
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
    for (class, recorded) in sk::F1.into_iter().enumerate() {
        let (found, recorded) = (matrix.f1(class).expect("F1"), recorded.expect("F1"));
        assert!((found - recorded).abs() < TOLERANCE, "class {class}: {found} instead of {recorded}");
    }
    assert!((matrix.macro_f1().expect("F1") - sk::MACRO_F1).abs() < TOLERANCE);
    assert_eq!((matrix.recall(4), matrix.precision(4), matrix.f1(4)), (None, None, None));
    Ok(())
}

#[test]
fn scores_match_scikit_learn() -> Result<(), Error<f64>> {
    let classes = sk::BINARY_CLASSES;
    let scores =
        [(sk::LOGITS, sk::LOGIT_AUC), (sk::PROBABILITIES, sk::PROBABILITY_AUC), (sk::TIED, sk::TIED_AUC)];
    for (outputs, recorded) in scores {
        let found = roc_auc(&outputs, &classes)?;
        assert!((found - recorded).abs() < TOLERANCE, "AUC {found} instead of {recorded}");
        assert_eq!(roc_auc_with(&outputs, &classes, &mut [f64::NAN; 23])?, found);
    }
    let both = sk::PROBABILITIES.map(|[p]| [1.0 - p, p]);
    let losses = [
        (log_loss(sk::ROWS, &sk::CLASSES)?, sk::LOG_LOSS),
        (log_loss(both, &classes.map(|[y]| usize::from(y == 1.0)))?, sk::PROBABILITY_LOG_LOSS),
        (binary_log_loss(sk::LOGITS, &classes)?, sk::LOGIT_LOG_LOSS),
        (mean_absolute_error(sk::PREDICTIONS, &sk::TARGETS)?, sk::ABSOLUTE_ERROR),
    ];
    for (found, recorded) in losses {
        assert!((found - recorded).abs() < TOLERANCE, "{found} instead of {recorded}");
    }
    Ok(())
}

/// Sorted outputs, many of them equal, against all pairs; `-0` and `0` are equal.
#[test]
fn the_area_under_the_curve_is_that_of_all_pairs() {
    let rng = &mut StdRng::seed_from_u64(0);
    for samples in [2, 3, 10, 1000] {
        let y: Vec<[f32; 1]> = (0..samples).map(|i| [f32::from(u8::from(i % 3 == 0))]).collect();
        let y_hat: Vec<[f32; 1]> = y
            .iter()
            .map(|[y]| [(rng.random_range(-3..4) as f32 + y) * if rng.random() { 1.0 } else { -0.0 }])
            .collect();
        let (mut sum, mut pairs) = (0.0, 0.0);
        for (a, _) in y_hat.iter().zip(&y).filter(|(_, [y])| *y == 1.0) {
            for (b, _) in y_hat.iter().zip(&y).filter(|(_, [y])| *y == 0.0) {
                pairs += 1.0;
                sum += if a > b {
                    1.0
                } else if a == b {
                    0.5
                } else {
                    0.0
                };
            }
        }
        assert_eq!(roc_auc(&y_hat, &y), Ok(sum / pairs), "{samples} samples");
    }
    assert_eq!(roc_auc(&[[f64::INFINITY], [f64::NEG_INFINITY]], &[[1.0], [0.0]]), Ok(1.0));
    for class in [0.0, 1.0] {
        assert!(roc_auc(&[[0.5], [0.25]], &[[class]; 2]).expect("no error").is_nan());
    }
}

/// Comparing all pairs of a million samples would take minutes.
#[test]
fn the_area_under_the_curve_of_a_million_samples() {
    let y: Vec<[f32; 1]> = (0..1_000_000).map(|i| [(i % 2) as f32]).collect();
    let y_hat: Vec<[f32; 1]> = (0..1_000_000).map(|i| [(i / 2) as f32]).collect();
    // Each of class 1 has an equal one of class 0, and is larger than those before: (n/2 + n (n − 1)/2) / n² = 1/2.
    assert_eq!(roc_auc(&y_hat, &y), Ok(0.5));
}

/// The probability of class 1 rounds to 0 at −1000, and to 1 at 40.
#[test]
fn the_log_loss_of_extreme_logits() {
    assert_eq!(binary_log_loss([[-1000.0], [1000.0]], &[[1.0], [0.0]]), Ok(1000.0));
    assert_eq!(binary_log_loss([[40.0_f32]], &[[0.0]]), Ok(40.0));
    assert_eq!(binary_log_loss([[40.0_f64]], &[[1.0]]), Ok((-40.0_f64).exp()));
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

#[test]
fn binary_classification_matches_scikit_learn() -> Result<(), DataError<f64>> {
    let runs = [
        (sk::LOGITS, 0.0, sk::LOGIT_ACCURACY, sk::LOGIT_CONFUSION),
        (sk::PROBABILITIES, 0.5, sk::PROBABILITY_ACCURACY, sk::PROBABILITY_CONFUSION),
    ];
    for (outputs, threshold, accuracy, confusion) in runs {
        assert_eq!(binary_accuracy(outputs, &sk::BINARY_CLASSES, threshold)?, accuracy);
        let matrix = ConfusionMatrix::binary(outputs, &sk::BINARY_CLASSES, threshold)?;
        assert_eq!((matrix.counts, matrix.accuracy()), (confusion, accuracy));
    }
    Ok(())
}

/// The accuracy depends on the logits, also if all labels are 0.
#[test]
fn an_output_at_the_threshold_is_class_0() {
    assert_eq!(binary_accuracy([[3.0], [-3.0], [0.0]], &[[0.0]; 3], 0.0), Ok(2.0 / 3.0));
    assert_eq!(binary_accuracy([[0.5], [0.75]], &[[1.0]; 2], 0.5), Ok(0.5));
}

#[test]
fn bad_input_of_binary_metrics() {
    let target = DataError::Target { sample: 1, feature: 0, value: 0.5, expected: "0 or 1" };
    let y_hat = [[1.0], [2.0]];
    assert_eq!(binary_accuracy(y_hat, &[[1.0], [0.5]], 0.0), Err(target));
    assert_eq!(ConfusionMatrix::binary(y_hat, &[[1.0], [0.5]], 0.0), Err(target));
    assert_eq!(target.to_string(), "target 0 of sample 1 is 0.5: expected 0 or 1");
    let lengths = DataError::Lengths { inputs: 2, targets: 1 };
    assert_eq!(binary_accuracy(y_hat, &[[1.0]], 0.0), Err(lengths));
    assert_eq!(ConfusionMatrix::binary(y_hat, &[[1.0]], 0.0), Err(lengths));
    assert_eq!(binary_accuracy::<f32>([], &[], 0.0), Err(DataError::NoSamples));
}

/// A prediction that is NaN is never counted as some class. (NaN is not equal to itself, so texts are compared.)
#[test]
fn predictions_that_are_not_numbers() {
    fn text<R>(result: Result<R, DataError<f64>>) -> Option<String> {
        result.err().map(|error| error.to_string())
    }
    let (nan, y_hat) = (f64::NAN, [[1.0, 2.0], [f64::NAN, 0.0]]);
    let expected = Some("output 0 of sample 1 is NaN: expected a number, not NaN".into());
    assert_eq!(text(accuracy(y_hat, &[0, 1])), expected);
    assert_eq!(text(ConfusionMatrix::new(y_hat, &[0, 1])), expected);
    assert_eq!(text(binary_accuracy([[1.0], [nan]], &[[0.0]; 2], 0.0)), expected);
    assert_eq!(text(ConfusionMatrix::binary([[1.0], [nan]], &[[0.0]; 2], 0.0)), expected);
    assert_eq!(accuracy([[f64::INFINITY, 0.0]], &[0]), Ok(1.0), "infinity is the largest number");
    let finite = "expected a finite number";
    for y in [[[1.0], [2.0]], [[1.0], [1.0]]] {
        let expected = Some(format!("output 0 of sample 1 is NaN: {finite}"));
        assert_eq!(text(r2_score([[1.0], [nan]], &y)), expected, "{y:?}");
    }
    let expected = Some(format!("target 0 of sample 0 is inf: {finite}"));
    assert_eq!(text(r2_score([[1.0], [2.0]], &[[f64::INFINITY], [1.0]])), expected);
}

/// Squares of `f32` numbers of 1e25 overflow in `f32`.
#[test]
fn r2_of_large_numbers() {
    let y = [[1e25_f32], [2e25], [3e25], [6e25]];
    let r2 = r2_score([[1e25], [2e25], [3e25], [5e25]], &y).expect("R²");
    assert!((r2 - 13.0 / 14.0).abs() < 1e-6, "{r2}");
}

/// A plain `f32` sum of 200,000 squares of 1.1 is 0.1 % off.
#[test]
fn r2_of_many_samples() {
    let y: Vec<[f32; 1]> = (0..200_000).map(|i| [if i % 2 == 0 { 1.0 } else { -1.0 }]).collect();
    let r2 = r2_score(y.iter().map(|[y]| [y + 1.1]), &y).expect("R²");
    assert!((r2 - (1.0 - 1.21)).abs() < 1e-6, "{r2}");
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
}

#[test]
fn bad_input_of_scores() {
    fn text<R>(result: Result<R, DataError<f64>>) -> Option<String> {
        result.err().map(|error| error.to_string())
    }
    let (nan, infinity) = (f64::NAN, f64::INFINITY);
    for value in [nan, infinity, -infinity] {
        let prediction = Some(format!("output 1 of sample 1 is {value}: expected a finite number"));
        let target = Some(format!("target 1 of sample 1 is {value}: expected a finite number"));
        let (good, bad) = ([[1.0, 2.0], [3.0, 4.0]], [[1.0, 2.0], [3.0, value]]);
        assert_eq!(text(mean_absolute_error(bad, &good)), prediction);
        assert_eq!(text(mean_absolute_error(good, &bad)), target);
        assert_eq!(text(r2_score(good, &bad)), target);
        let label = Some(format!("target 0 of sample 1 is {value}: expected 0 or 1"));
        assert_eq!(text(binary_log_loss([[1.0], [2.0]], &[[1.0], [value]])), label);
        assert_eq!(text(roc_auc(&[[1.0], [2.0]], &[[1.0], [value]])), label);
        let logit = Some(format!("output 0 of sample 1 is {value}: expected a finite number"));
        assert_eq!(text(binary_log_loss([[1.0], [value]], &[[1.0], [0.0]])), logit);
        let probability =
            Some(format!("output 0 of sample 0 is {value}: expected a probability, from 0 to 1"));
        assert_eq!(text(log_loss([[value, 0.5]], &[0])), probability);
    }
    assert_eq!(
        text(roc_auc(&[[1.0], [nan]], &[[1.0], [0.0]])).as_deref(),
        Some("output 0 of sample 1 is NaN: expected a number, not NaN")
    );
    let (classes, scores) = ([[0.5, 0.5], [0.5, 0.25]], [[0.5], [0.5]]);
    assert_eq!(log_loss(classes, &[0, 2]), Err(DataError::Class { sample: 1, class: 2, classes: 2 }));
    assert_eq!(log_loss(classes, &[0, 1]), Err(DataError::ProbabilitySum { sample: 1, sum: 0.75 }));
    assert_eq!(binary_log_loss(scores, &[[0.5], [1.0]]).map_err(|error| error.to_string()), {
        Err("target 0 of sample 0 is 0.5: expected 0 or 1".into())
    });
    let lengths = DataError::Lengths { inputs: 2, targets: 1 };
    assert_eq!(log_loss(classes, &[0]), Err(lengths));
    assert_eq!(binary_log_loss(scores, &[[0.0]]), Err(lengths));
    assert_eq!(mean_absolute_error(scores, &[[0.0]]), Err(lengths));
    assert_eq!(roc_auc(&scores, &[[0.0]]), Err(lengths));
    assert_eq!(log_loss([[0.0_f64; 2]; 0], &[]), Err(DataError::NoSamples));
    assert_eq!(binary_log_loss([[0.0_f64]; 0], &[]), Err(DataError::NoSamples));
    assert_eq!(mean_absolute_error([[0.0_f64]; 0], &[]), Err(DataError::NoSamples));
    assert_eq!(roc_auc::<f64>(&[], &[]), Err(DataError::NoSamples));
    let buffer = roc_auc_with(&scores, &[[0.0], [1.0]], &mut [0.0]);
    assert_eq!(buffer, Err(Error::Length { name: "buffer", given: 1, expected: 2 }));
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

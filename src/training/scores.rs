//! Metrics of scores and probabilities: the area under the ROC curve, the log loss, the mean absolute error.

use num_traits::Float;

use super::metrics::{check_binary, check_numbers, each};
use crate::{error::DataError, simd::Element};

/// The area under the ROC curve of a network with one output, a logit or a probability: the share of pairs of a sample of
/// class 1 and one of class 0 in which the first has the larger output; equal outputs count half. Same as scikit-learn's
/// `roc_auc_score`. NaN if all samples are of one class.
///
/// All pairs are compared: no memory is needed, but time of the order `n²`.
///
/// # Errors
///
/// If there are no samples, the numbers of predictions and targets differ, a target is neither 0 nor 1, or a prediction is
/// NaN.
///
/// ```
/// use constnet::metrics::roc_auc;
///
/// let (y_hat, y) = ([[0.1], [0.4], [0.35], [0.8]], [[0.0], [0.0], [1.0], [1.0]]);
/// assert_eq!(roc_auc(&y_hat, &y)?, 0.75);
/// # Ok::<(), constnet::DataError<f64>>(())
/// ```
pub fn roc_auc<T: Element>(y_hat: &[[T; 1]], y: &[[T; 1]]) -> Result<f64, DataError<T>> {
    each(y_hat.iter().copied(), y, |sample, outputs, [target]| {
        check_binary(sample, *target)?;
        check_numbers(sample, &outputs)
    })?;
    let of_class = |class| y_hat.iter().zip(y).filter(move |(_, [y])| *y == class).map(|([y_hat], _)| *y_hat);
    let (mut halves, mut pairs) = (0_u64, 0_u64);
    for positive in of_class(T::ONE) {
        for negative in of_class(T::ZERO) {
            halves += u64::from(positive > negative) + u64::from(positive >= negative);
            pairs += 2;
        }
    }
    Ok(halves as f64 / pairs as f64)
}

/// The mean of `−ln p` over all samples, with the probability `p` that was predicted for the right class, for example by
/// [`Softmax`](crate::Softmax). Same as scikit-learn's `log_loss`: `p` is at least the epsilon of the element type.
///
/// # Errors
///
/// If there are no samples, the numbers of predictions and classes differ, a class is out of range, or a prediction is not
/// a probability.
///
/// ```
/// use constnet::metrics::log_loss;
///
/// let loss = log_loss([[0.9, 0.1], [0.25, 0.75]], &[0, 1])?;
/// assert!((loss + (0.9_f64.ln() + 0.75_f64.ln()) / 2.0).abs() < 1e-15);
/// # Ok::<(), constnet::DataError<f64>>(())
/// ```
pub fn log_loss<T: Element, const K: usize>(
    y_hat: impl IntoIterator<Item = [T; K]>,
    y: &[usize],
) -> Result<f64, DataError<T>> {
    let mut sum = 0.0;
    each(y_hat, y, |sample, probabilities: [T; K], class| {
        let Some(probability) = probabilities.get(*class) else {
            return Err(DataError::Class { sample, class: *class, classes: K });
        };
        let valid = |p: &T| T::ZERO <= *p && *p <= T::ONE;
        if let Some(feature) = probabilities.iter().position(|p| !valid(p)) {
            let (value, expected) = (probabilities[feature], "a probability, from 0 to 1");
            return Err(DataError::Prediction { sample, feature, value, expected });
        }
        let clipped = probability.max(T::epsilon()).min(T::ONE - T::epsilon());
        sum -= Float::ln(clipped.to_f64().unwrap_or(f64::NAN));
        Ok(())
    })?;
    Ok(sum / y.len() as f64)
}

/// The mean of `|ŷ − y|` over all samples and outputs. Same as scikit-learn's `mean_absolute_error`.
///
/// # Errors
///
/// If there are no samples, the numbers of predictions and targets differ, or a prediction is NaN.
///
/// ```
/// use constnet::metrics::mean_absolute_error;
///
/// let error = mean_absolute_error([[1.0, 2.0], [3.0, 4.0]], &[[1.0, 0.0], [2.0, 4.0]])?;
/// assert_eq!(error, 0.75);
/// # Ok::<(), constnet::DataError<f64>>(())
/// ```
pub fn mean_absolute_error<T: Element, const D: usize>(
    y_hat: impl IntoIterator<Item = [T; D]>,
    y: &[[T; D]],
) -> Result<f64, DataError<T>> {
    let mut sum = 0.0;
    each(y_hat, y, |sample, y_hat: [T; D], y| {
        check_numbers(sample, &y_hat)?;
        for (y_hat, y) in y_hat.iter().zip(y) {
            sum += (*y_hat - *y).abs().to_f64().unwrap_or(f64::NAN);
        }
        Ok(())
    })?;
    Ok(sum / (y.len() * D) as f64)
}

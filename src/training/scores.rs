//! Metrics of scores, probabilities and numbers: the area under the ROC curve, the log loss, R², the mean absolute error.

use core::cmp::Ordering;

use num_traits::Float;

use super::{
    metrics::{check_binary, check_numbers, each},
    sum::CompensatedSum,
};
use crate::{
    error::{DataError, Error, check_length},
    loss::{check_sum, logit_loss_and_slope},
    simd::{Element, Zeroed},
};

/// The area under the ROC curve of a network with one output, a logit or a probability: the share of pairs of a sample of
/// class 1 and one of class 0 in which the first has the larger output; equal outputs count half. Same as scikit-learn's
/// `roc_auc_score`. NaN if all samples are of one class.
///
/// The outputs of each class are sorted, in a copy on the heap; [`roc_auc_with`] uses a given buffer. `n` samples take time
/// of the order `n log n`.
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
#[cfg(feature = "alloc")]
pub fn roc_auc<T: Element>(y_hat: &[[T; 1]], y: &[[T; 1]]) -> Result<f64, DataError<T>> {
    check_scores(y_hat, y)?;
    Ok(area(y_hat, y, &mut alloc::vec![T::ZERO; y.len()]))
}

/// The same as `roc_auc`, without a heap: the outputs are sorted in a buffer, which has one number for each sample.
///
/// # Errors
///
/// As `roc_auc`, and if the buffer has another length.
///
/// ```
/// use constnet::metrics::roc_auc_with;
///
/// let (y_hat, y) = ([[0.1], [0.4], [0.35], [0.8]], [[0.0], [0.0], [1.0], [1.0]]);
/// assert_eq!(roc_auc_with(&y_hat, &y, &mut [0.0; 4])?, 0.75);
/// # Ok::<(), constnet::Error<f64>>(())
/// ```
pub fn roc_auc_with<T: Element>(y_hat: &[[T; 1]], y: &[[T; 1]], buffer: &mut [T]) -> Result<f64, Error<T>> {
    check_scores(y_hat, y)?;
    check_length("buffer", buffer.len(), y.len())?;
    Ok(area(y_hat, y, buffer))
}

fn check_scores<T: Element>(y_hat: &[[T; 1]], y: &[[T; 1]]) -> Result<(), DataError<T>> {
    each(y_hat.iter().copied(), y, |sample, outputs, [target]| {
        check_binary(sample, *target)?;
        check_numbers(sample, &outputs)
    })
}

/// The area under the ROC curve. The buffer has one number for each sample.
fn area<T: Element>(y_hat: &[[T; 1]], y: &[[T; 1]], buffer: &mut [T]) -> f64 {
    let of_class = |class| y_hat.iter().zip(y).filter(move |(_, [y])| *y == class).map(|([y_hat], _)| *y_hat);
    let outputs = of_class(T::ZERO).chain(of_class(T::ONE));
    buffer.iter_mut().zip(outputs).for_each(|(sorted, y_hat)| *sorted = y_hat);
    let (negative, positive) = buffer.split_at_mut(of_class(T::ZERO).count());
    for outputs in [&mut *negative, positive] {
        outputs.sort_unstable_by(|a, b| a.partial_cmp(b).unwrap_or(Ordering::Equal));
    }
    // How many outputs of class 0 are smaller than one of class 1, and how many are at most as large: both only increase.
    let (mut smaller, mut at_most, mut halves) = (0, 0, 0_u64);
    for output in &*positive {
        smaller += negative[smaller..].iter().take_while(|other| *other < output).count();
        at_most += negative[at_most..].iter().take_while(|other| *other <= output).count();
        halves += (smaller + at_most) as u64;
    }
    halves as f64 / (2.0 * negative.len() as f64 * positive.len() as f64)
}

/// The mean of `−ln p` over all samples, with the probability `p` that was predicted for the right class, for example by
/// [`Softmax`](crate::Softmax). Same as scikit-learn's `log_loss`: `p` is limited to the range from `ε` to `1 − ε`,
/// with the machine epsilon `ε` of the element type.
///
/// For a network with one output use [`binary_log_loss`]; this function does not compile. Without softmax, the value of
/// [`CrossEntropy`](crate::CrossEntropy) is the log loss of logits.
///
/// # Errors
///
/// If there are no samples, the numbers of predictions and classes differ, a class is out of range, a prediction is not a
/// probability, or those of a sample do not sum to 1, to within 1/1024 (of which scikit-learn warns).
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
    const { assert!(K > 1, "the log loss of one probability is always 0: use `binary_log_loss`") };
    let mut sum = CompensatedSum::ZERO;
    each(y_hat, y, |sample, probabilities: [T; K], class| {
        let Some(probability) = probabilities.get(*class) else {
            return Err(DataError::Class { sample, class: *class, classes: K });
        };
        let valid = |p: &T| T::ZERO <= *p && *p <= T::ONE;
        if let Some(feature) = probabilities.iter().position(|p| !valid(p)) {
            let (value, expected) = (probabilities[feature], "a probability, from 0 to 1");
            return Err(DataError::Prediction { sample, feature, value, expected });
        }
        check_sum(sample, &probabilities)?;
        let clipped = probability.max(T::epsilon()).min(T::ONE - T::epsilon());
        sum.add(-Float::ln(wide(clipped)));
        Ok(())
    })?;
    Ok(sum.total() / y.len() as f64)
}

/// The log loss of a network with one output, a logit `ŷ`: the mean of `−ln σ(ŷ)` over the samples of class 1 and of
/// `−ln(1 − σ(ŷ))` over those of class 0. Same as scikit-learn's `log_loss` of the probabilities `σ(ŷ)`.
///
/// It is computed from the logit: a probability that rounds to 0 or 1 still has the right loss, where scikit-learn limits
/// it to `−ln ε`. For a network that ends in [`Sigmoid`](crate::Sigmoid), give [`log_loss`] the probabilities of both
/// classes, `[1 − p, p]`.
///
/// # Errors
///
/// If there are no samples, the numbers of predictions and targets differ, a target is neither 0 nor 1, or a prediction is
/// not finite.
///
/// ```
/// use constnet::metrics::binary_log_loss;
///
/// // The odds are 3 to 1, and 1 to 1.
/// let loss = binary_log_loss([[3_f64.ln()], [0.0]], &[[1.0], [0.0]])?;
/// assert!((loss + (0.75_f64.ln() + 0.5_f64.ln()) / 2.0).abs() < 1e-15);
/// assert_eq!(binary_log_loss([[-1000.0]], &[[1.0]])?, 1000.0);
/// # Ok::<(), constnet::DataError<f64>>(())
/// ```
pub fn binary_log_loss<T: Element>(
    y_hat: impl IntoIterator<Item = [T; 1]>,
    y: &[[T; 1]],
) -> Result<f64, DataError<T>> {
    let mut sum = CompensatedSum::ZERO;
    each(y_hat, y, |sample, [output], [target]| {
        check_binary(sample, *target)?;
        check_finite(sample, &[output], &[*target])?;
        let [loss, _] = logit_loss_and_slope(wide(output), wide(*target));
        sum.add(loss);
        Ok(())
    })?;
    Ok(sum.total() / y.len() as f64)
}

/// The coefficient of determination, `R² = 1 − Σ(ŷ − y)² / Σ(y − ȳ)²`, averaged over the `D` outputs. Same as
/// scikit-learn's `r2_score`.
///
/// 1 is perfect. Always predicting the mean `ȳ` of the targets gives 0, worse predictions a negative number.
/// If all targets are equal, it is 1 if the predictions are equal to them, else 0. For a single sample it is not
/// defined: NaN. The sums are computed in `f64`.
///
/// # Errors
///
/// If there are no samples, the numbers of predictions and targets differ, or a prediction or a target is not finite.
///
/// # Examples
///
/// ```
/// use constnet::metrics::r2_score;
///
/// let y = [[1.0], [2.0], [3.0], [6.0]];
/// assert_eq!(r2_score(y, &y), Ok(1.0));
/// assert_eq!(r2_score([[3.0]; 4], &y), Ok(0.0));
/// assert_eq!(r2_score([[1.0], [2.0], [3.0], [5.0]], &y), Ok(1.0 - 1.0 / 14.0));
/// ```
pub fn r2_score<T: Element, const D: usize>(
    y_hat: impl IntoIterator<Item = [T; D]>,
    y: &[[T; D]],
) -> Result<T, DataError<T>> {
    let mut residuals = [CompensatedSum::<f64>::ZERO; D];
    each(y_hat, y, |sample, y_hat, y| {
        check_finite(sample, &y_hat, y)?;
        for ((sum, y_hat), y) in residuals.iter_mut().zip(y_hat).zip(y) {
            let residual = wide(y_hat) - wide(*y);
            sum.add(residual * residual);
        }
        Ok(())
    })?;
    let [first, _, ..] = y else { return Ok(T::nan()) };
    let samples = y.len() as f64;
    let mut sum = 0.0;
    for (output, residual) in residuals.into_iter().enumerate() {
        // Offsets from the first target, so that equal targets give exactly 0.
        let offsets = || y.iter().map(|y| wide(y[output]) - wide(first[output]));
        let mean = total(offsets()) / samples;
        let total = total(offsets().map(|y| (y - mean) * (y - mean)));
        let residual = residual.total();
        sum += match (residual == 0.0, total == 0.0) {
            (true, _) => 1.0,
            (false, true) => 0.0,
            (false, false) => 1.0 - residual / total,
        };
    }
    Ok(T::from_f64(sum / D as f64))
}

/// The mean of `|ŷ − y|` over all samples and outputs. Same as scikit-learn's `mean_absolute_error`.
///
/// # Errors
///
/// If there are no samples, the numbers of predictions and targets differ, or a prediction or a target is not finite.
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
    let mut sum = CompensatedSum::ZERO;
    each(y_hat, y, |sample, y_hat: [T; D], y| {
        check_finite(sample, &y_hat, y)?;
        y_hat.iter().zip(y).for_each(|(y_hat, y)| sum.add((wide(*y_hat) - wide(*y)).abs()));
        Ok(())
    })?;
    Ok(sum.total() / (y.len() * D) as f64)
}

/// Refuses predictions and targets that are infinite or NaN.
fn check_finite<T: Element>(sample: usize, y_hat: &[T], y: &[T]) -> Result<(), DataError<T>> {
    let expected = "a finite number";
    for (feature, (y_hat, y)) in y_hat.iter().zip(y).enumerate() {
        if !y_hat.is_finite() {
            return Err(DataError::Prediction { sample, feature, value: *y_hat, expected });
        }
        if !y.is_finite() {
            return Err(DataError::Target { sample, feature, value: *y, expected });
        }
    }
    Ok(())
}

/// The number as `f64`.
fn wide<T: Element>(x: T) -> f64 {
    x.to_f64().unwrap_or(f64::NAN)
}

fn total(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut sum = CompensatedSum::ZERO;
    numbers.for_each(|number| sum.add(number));
    sum.total()
}

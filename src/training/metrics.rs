//! Metrics, the measures by which predictions are compared, the same as scikit-learn's.
//!
//! | metric | scikit-learn | an output is infinite | a class has no samples |
//! |---|---|---|---|
//! | [`accuracy`] | `accuracy_score` | allowed | does not count |
//! | [`binary_accuracy`] | `accuracy_score(y, y_hat > threshold)` | allowed | does not count |
//! | [`ConfusionMatrix`] | `confusion_matrix` | allowed | a row of zeros |
//! | [`precision`](ConfusionMatrix::precision), [`recall`](ConfusionMatrix::recall), [`f1`](ConfusionMatrix::f1) | `precision_score`, … | | `None` where it is 0/0 |
//! | [`macro_f1`](ConfusionMatrix::macro_f1) | `f1_score(average="macro")` | | left out if it was never predicted, else counted as 0 |
//! | `roc_auc`, [`roc_auc_with`] | `roc_auc_score` | allowed | NaN |
//! | [`log_loss`] | `log_loss` | an error | does not count |
//! | [`binary_log_loss`] | `log_loss` of `σ(ŷ)` | an error | does not count |
//! | [`r2_score`] | `r2_score` | an error | |
//! | [`mean_absolute_error`] | `mean_absolute_error` | an error | |
//!
//! For each of them, NaN in a prediction or a target, infinite targets, no samples, and numbers of predictions and targets
//! that differ are a [`DataError`]. scikit-learn refuses infinite scores too; here only their order counts where they are
//! allowed.

use core::fmt;

#[cfg(feature = "alloc")]
pub use super::scores::roc_auc;
pub use super::scores::{binary_log_loss, log_loss, mean_absolute_error, r2_score, roc_auc_with};
use crate::{error::DataError, simd::Element};

/// The index of the largest output, the first of equal ones: the class that a network predicts.
///
/// NaN counts as the largest, as in PyTorch.
///
/// ```
/// use constnet::metrics::argmax;
///
/// assert_eq!(argmax(&[0.1, 2.5, -3.0]), 1);
/// ```
///
/// Of a single output the argmax is always 0, whatever the network predicts. So it does not compile:
///
/// ```compile_fail,E0080
/// constnet::metrics::argmax(&[2.5]);
/// ```
#[must_use]
pub fn argmax<T: Element, const K: usize>(outputs: &[T; K]) -> usize {
    const { assert_several(K) };
    largest(outputs)
}

fn largest<T: Element>(outputs: &[T]) -> usize {
    let mut largest = (0, T::neg_infinity());
    for (index, output) in outputs.iter().copied().enumerate() {
        if output > largest.1 || (output.is_nan() && !largest.1.is_nan()) {
            largest = (index, output);
        }
    }
    largest.0
}

/// Refuses a single output when the program is compiled.
const fn assert_several(outputs: usize) {
    assert!(
        outputs > 1,
        "the argmax of one output is always 0: use `binary_accuracy` or `ConfusionMatrix::binary`"
    );
}

/// The fraction of predictions whose [`argmax`] is the right class. Same as scikit-learn's `accuracy_score`.
///
/// For a network with one output use [`binary_accuracy`]; this function does not compile.
///
/// # Errors
///
/// If there are no samples, the numbers of predictions and classes differ, a class is out of range, or a prediction is
/// NaN.
///
/// # Examples
///
/// Predictions come as an array, or one by one from a network:
///
/// ```
/// use constnet::{Linear, Sequential, metrics::accuracy};
///
/// let net = Sequential(Linear::new([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0]));
/// let (x, y) = ([[3.0, 1.0], [0.0, 2.0], [1.0, 0.5], [0.2, 0.1]], [0, 1, 0, 1]);
/// let share = accuracy(x.iter().map(|x| net.predict(x)), &y)?;
/// assert_eq!(share, 0.75);
/// # Ok::<(), constnet::DataError<f32>>(())
/// ```
pub fn accuracy<T: Element, const K: usize>(
    y_hat: impl IntoIterator<Item = [T; K]>,
    y: &[usize],
) -> Result<T, DataError<T>> {
    const { assert_several(K) };
    let mut right = 0;
    each_pair(y_hat, y, |class, predicted| right += usize::from(predicted == class))?;
    Ok(T::from_count(right) / T::from_count(y.len()))
}

/// The fraction of right predictions of a network with one output: it predicts class 1 if the output is larger than
/// the threshold, else class 0. Same as scikit-learn's `accuracy_score(y, y_hat > threshold)`.
///
/// The targets are those of the loss, 0 or 1. The threshold depends on what the network returns:
///
/// | output | loss | threshold |
/// |---|---|---|
/// | a logit | [`BceWithLogits`](crate::BceWithLogits) | 0 |
/// | a probability, from [`Sigmoid`](crate::Sigmoid) | [`Mse`](crate::Mse) | 0.5 |
///
/// # Errors
///
/// If there are no samples, the numbers of predictions and targets differ, a target is neither 0 nor 1, or a prediction
/// is NaN.
///
/// # Examples
///
/// ```
/// use constnet::{Linear, Sequential, metrics::binary_accuracy};
///
/// let net = Sequential(Linear::new([[1.0, -1.0]], [0.0]));
/// let (x, y) = ([[3.0, 1.0], [0.0, 2.0], [1.0, 0.5], [0.2, 0.1]], [[1.0], [0.0], [1.0], [0.0]]);
/// let share = binary_accuracy(x.iter().map(|x| net.predict(x)), &y, 0.0)?;
/// assert_eq!(share, 0.75);
/// # Ok::<(), constnet::DataError<f32>>(())
/// ```
pub fn binary_accuracy<T: Element>(
    y_hat: impl IntoIterator<Item = [T; 1]>,
    y: &[[T; 1]],
    threshold: T,
) -> Result<T, DataError<T>> {
    let mut right = 0;
    each_binary_pair(y_hat, y, threshold, |class, predicted| right += usize::from(predicted == class))?;
    Ok(T::from_count(right) / T::from_count(y.len()))
}

/// How often samples of each class were predicted as each class: one row per true class, one column per
/// predicted class. Same as scikit-learn's `confusion_matrix`.
///
/// # Examples
///
/// ```
/// use constnet::metrics::ConfusionMatrix;
///
/// let y_hat = [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.7, 0.3]];
/// let matrix = ConfusionMatrix::new(y_hat, &[0, 1, 1, 0])?;
/// assert_eq!(matrix.counts, [[2, 0], [1, 1]]);
/// assert_eq!(matrix.accuracy(), 0.75);
/// assert_eq!(matrix.recall(1), Some(0.5));
/// assert_eq!(
///     matrix.to_string(),
///     "\
/// class |  0  1 | recall
///     0 |  2  . | 100.0 %
///     1 |  1  1 |  50.0 %"
/// );
/// # Ok::<(), constnet::DataError<f64>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ConfusionMatrix<const K: usize> {
    /// `counts[class][predicted]`: the number of samples of `class` that were predicted as `predicted`.
    pub counts: [[usize; K]; K],
}

impl<const K: usize> ConfusionMatrix<K> {
    /// Counts each pair of a true class and the [`argmax`] of the prediction.
    ///
    /// For a network with one output use [`binary`](ConfusionMatrix::binary); this function does not compile.
    ///
    /// # Errors
    ///
    /// If there are no samples, the numbers of predictions and classes differ, a class is out of range, or a prediction
    /// is NaN.
    pub fn new<T: Element>(
        y_hat: impl IntoIterator<Item = [T; K]>,
        y: &[usize],
    ) -> Result<Self, DataError<T>> {
        const { assert_several(K) };
        let mut matrix = Self { counts: [[0; K]; K] };
        each_pair(y_hat, y, |class, predicted| matrix.count(class, predicted))?;
        Ok(matrix)
    }

    fn count(&mut self, class: usize, predicted: usize) {
        if let Some(count) = self.counts.get_mut(class).and_then(|row| row.get_mut(predicted)) {
            *count += 1;
        }
    }

    /// The fraction of samples that were predicted correctly; NaN if there are no samples.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        let right: usize = (0..K).map(|class| self.right(class)).sum();
        fraction(right, self.counts.as_flattened().iter().sum()).unwrap_or(f64::NAN)
    }

    /// The fraction of the samples of a class that were predicted correctly; `None` if there are no such samples.
    #[must_use]
    pub fn recall(&self, class: usize) -> Option<f64> {
        fraction(self.right(class), self.counts.get(class)?.iter().sum())
    }

    /// The fraction of the samples predicted as a class that belong to it; `None` if there are no such samples.
    #[must_use]
    pub fn precision(&self, class: usize) -> Option<f64> {
        fraction(self.right(class), self.counts.iter().filter_map(|row| row.get(class)).sum())
    }

    /// The harmonic mean of [`precision`](Self::precision) and [`recall`](Self::recall), `2 TP / (2 TP + FP + FN)`: scikit-learn's
    /// `f1_score`. `None` if no samples are of this class or were predicted as it.
    ///
    /// ```
    /// use constnet::metrics::ConfusionMatrix;
    ///
    /// let matrix = ConfusionMatrix { counts: [[5, 1], [2, 2]] };
    /// assert_eq!(matrix.f1(1), Some(4.0 / 7.0));
    /// assert_eq!(matrix.macro_f1(), Some((10.0 / 13.0 + 4.0 / 7.0) / 2.0));
    /// ```
    #[must_use]
    pub fn f1(&self, class: usize) -> Option<f64> {
        let of_class: usize = self.counts.get(class)?.iter().sum();
        let predicted: usize = self.counts.iter().filter_map(|row| row.get(class)).sum();
        fraction(2 * self.right(class), of_class + predicted)
    }

    /// The mean of [`f1`](Self::f1) over all classes that have one: scikit-learn's `f1_score(average="macro")`. `None` if there
    /// are no samples.
    ///
    /// ```
    /// use constnet::metrics::ConfusionMatrix;
    ///
    /// // No sample is of class 2 or was predicted as it.
    /// let matrix = ConfusionMatrix { counts: [[5, 0, 0], [0, 4, 0], [0, 0, 0]] };
    /// assert_eq!(matrix.macro_f1(), Some(1.0));
    /// ```
    #[must_use]
    pub fn macro_f1(&self) -> Option<f64> {
        let mut count = 0_u32;
        let sum: f64 = (0..K).filter_map(|class| self.f1(class)).inspect(|_| count += 1).sum();
        (count > 0).then(|| sum / f64::from(count))
    }

    fn right(&self, class: usize) -> usize {
        self.counts.get(class).and_then(|row| row.get(class)).copied().unwrap_or(0)
    }
}

impl ConfusionMatrix<2> {
    /// Counts each pair of a target and the prediction of a network with one output: class 1 if the output is larger
    /// than the threshold, which is 0 for a logit and 0.5 for a probability (see [`binary_accuracy`]).
    ///
    /// # Errors
    ///
    /// If there are no samples, the numbers of predictions and targets differ, a target is neither 0 nor 1, or a
    /// prediction is NaN.
    ///
    /// # Examples
    ///
    /// ```
    /// use constnet::metrics::ConfusionMatrix;
    ///
    /// let (logits, y) = ([[2.0], [-1.0], [0.5], [-3.0]], [[1.0], [1.0], [0.0], [0.0]]);
    /// let matrix = ConfusionMatrix::binary(logits, &y, 0.0)?;
    /// assert_eq!(matrix.counts, [[1, 1], [1, 1]]);
    /// # Ok::<(), constnet::DataError<f32>>(())
    /// ```
    pub fn binary<T: Element>(
        y_hat: impl IntoIterator<Item = [T; 1]>,
        y: &[[T; 1]],
        threshold: T,
    ) -> Result<Self, DataError<T>> {
        let mut matrix = Self { counts: [[0; 2]; 2] };
        each_binary_pair(y_hat, y, threshold, |class, predicted| matrix.count(class, predicted))?;
        Ok(matrix)
    }
}

/// A table: one row per class, with its recall. A dot stands for 0.
impl<const K: usize> fmt::Display for ConfusionMatrix<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = self.counts.as_flattened().iter().copied().max().unwrap_or(0).max(K);
        let width = most.checked_ilog10().map_or(2, |digits| digits as usize + 2);
        write!(f, "class |")?;
        for class in 0..K {
            write!(f, " {class:>width$}")?;
        }
        write!(f, " | recall")?;
        for (class, row) in self.counts.iter().enumerate() {
            write!(f, "\n{class:>5} |")?;
            for count in row {
                match count {
                    0 => write!(f, " {:>width$}", ".")?,
                    count => write!(f, " {count:>width$}")?,
                }
            }
            match self.recall(class) {
                Some(recall) => write!(f, " | {:>5.1} %", 100.0 * recall)?,
                None => write!(f, " |     -")?,
            }
        }
        Ok(())
    }
}

/// Calls `f` with the true and the predicted class of each sample.
fn each_pair<T: Element, const K: usize>(
    y_hat: impl IntoIterator<Item = [T; K]>,
    y: &[usize],
    mut f: impl FnMut(usize, usize),
) -> Result<(), DataError<T>> {
    each(y_hat, y, |sample, outputs: [T; K], class| {
        if *class >= K {
            return Err(DataError::Class { sample, class: *class, classes: K });
        }
        check_numbers(sample, &outputs)?;
        f(*class, largest(&outputs));
        Ok(())
    })
}

/// Calls `f` with the true and the predicted class of each sample, of a network with one output.
fn each_binary_pair<T: Element>(
    y_hat: impl IntoIterator<Item = [T; 1]>,
    y: &[[T; 1]],
    threshold: T,
    mut f: impl FnMut(usize, usize),
) -> Result<(), DataError<T>> {
    if threshold.is_nan() {
        return Err(DataError::Threshold(threshold));
    }
    each(y_hat, y, |sample, [output], [target]| {
        check_binary(sample, *target)?;
        check_numbers(sample, &[output])?;
        f(usize::from(*target == T::ONE), usize::from(output > threshold));
        Ok(())
    })
}

/// Refuses targets other than 0 and 1.
pub(super) fn check_binary<T: Element>(sample: usize, value: T) -> Result<(), DataError<T>> {
    if value == T::ZERO || value == T::ONE {
        return Ok(());
    }
    Err(DataError::Target { sample, feature: 0, value, expected: "0 or 1" })
}

/// Refuses outputs that are NaN: no class is right for them.
pub(super) fn check_numbers<T: Element>(sample: usize, outputs: &[T]) -> Result<(), DataError<T>> {
    match outputs.iter().copied().enumerate().find(|(_, output)| output.is_nan()) {
        None => Ok(()),
        Some((feature, value)) => {
            Err(DataError::Prediction { sample, feature, value, expected: "a number, not NaN" })
        }
    }
}

/// Calls `f` with each index, prediction and target. Fails if their numbers differ or are 0.
pub(super) fn each<T, Y, const D: usize>(
    y_hat: impl IntoIterator<Item = [T; D]>,
    y: &[Y],
    mut f: impl FnMut(usize, [T; D], &Y) -> Result<(), DataError<T>>,
) -> Result<(), DataError<T>> {
    let mut given = 0;
    for y_hat in y_hat {
        if let Some(y) = y.get(given) {
            f(given, y_hat, y)?;
        }
        given += 1;
    }
    if given != y.len() {
        return Err(DataError::Lengths { inputs: given, targets: y.len() });
    }
    if given == 0 { Err(DataError::NoSamples) } else { Ok(()) }
}

fn fraction(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

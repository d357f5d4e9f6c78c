//! Metrics, the measures by which predictions are compared: accuracy, the confusion matrix, R². Same as scikit-learn's.

use core::fmt;

use crate::{error::DataError, simd::Element};

/// The index of the largest output, the first of equal ones: the class that a network predicts.
///
/// NaN counts as the largest, as in PyTorch. Without outputs it is 0.
///
/// ```
/// use constnet::metrics::argmax;
///
/// assert_eq!(argmax(&[0.1, 2.5, -3.0]), 1);
/// ```
#[must_use]
pub fn argmax<T: Element>(outputs: &[T]) -> usize {
    let mut largest = (0, T::neg_infinity());
    for (index, output) in outputs.iter().copied().enumerate() {
        if output > largest.1 || (output.is_nan() && !largest.1.is_nan()) {
            largest = (index, output);
        }
    }
    largest.0
}

/// The fraction of predictions whose [`argmax`] is the right class.
///
/// # Errors
///
/// If there are no samples, the numbers of predictions and classes differ, or a class is out of range.
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
    let mut right = 0;
    each_pair(y_hat, y, |class, predicted| right += usize::from(predicted == class))?;
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
pub struct ConfusionMatrix<const K: usize> {
    /// `counts[class][predicted]`: the number of samples of `class` that were predicted as `predicted`.
    pub counts: [[usize; K]; K],
}

impl<const K: usize> ConfusionMatrix<K> {
    /// Counts each pair of a true class and the [`argmax`] of the prediction.
    ///
    /// # Errors
    ///
    /// If there are no samples, the numbers of predictions and classes differ, or a class is out of range.
    pub fn new<T: Element>(
        y_hat: impl IntoIterator<Item = [T; K]>,
        y: &[usize],
    ) -> Result<Self, DataError<T>> {
        let mut counts = [[0; K]; K];
        each_pair(y_hat, y, |class, predicted| {
            if let Some(count) = counts.get_mut(class).and_then(|row| row.get_mut(predicted)) {
                *count += 1;
            }
        })?;
        Ok(Self { counts })
    }

    /// The fraction of samples that were predicted correctly.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        let right: usize = (0..K).map(|class| self.right(class)).sum();
        fraction(right, self.counts.as_flattened().iter().sum()).unwrap_or(0.0)
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

    fn right(&self, class: usize) -> usize {
        self.counts.get(class).and_then(|row| row.get(class)).copied().unwrap_or(0)
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

/// The coefficient of determination, `R² = 1 − Σ(ŷ − y)² / Σ(y − ȳ)²`, averaged over the `D` outputs. Same as
/// scikit-learn's `r2_score`.
///
/// 1 is perfect. Always predicting the mean `ȳ` of the targets gives 0, worse predictions a negative number.
/// If all targets are equal, it is 1 if the predictions are equal to them, else 0. For a single sample it is not
/// defined: NaN.
///
/// # Errors
///
/// If there are no samples, or the numbers of predictions and targets differ.
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
    let mut residuals = [T::ZERO; D];
    each(y_hat, y, |_, y_hat, y| {
        for ((sum, y_hat), y) in residuals.iter_mut().zip(y_hat).zip(y) {
            *sum = *sum + (y_hat - *y) * (y_hat - *y);
        }
        Ok(())
    })?;
    let [first, _, ..] = y else { return Ok(T::nan()) };
    let samples = T::from_count(y.len());
    let mut sum = T::ZERO;
    for (output, residual) in residuals.into_iter().enumerate() {
        // Offsets from the first target, so that equal targets give exactly 0.
        let offsets = || y.iter().map(|y| y[output] - first[output]);
        let mean = offsets().fold(T::ZERO, |sum, y| sum + y) / samples;
        let total = offsets().fold(T::ZERO, |sum, y| sum + (y - mean) * (y - mean));
        sum = sum
            + match (residual == T::ZERO, total == T::ZERO) {
                (true, _) => T::ONE,
                (false, true) if !residual.is_nan() => T::ZERO,
                (false, _) => T::ONE - residual / total,
            };
    }
    Ok(sum / T::from_count(D))
}

/// Calls `f` with the true and the predicted class of each sample.
fn each_pair<T: Element, const K: usize>(
    y_hat: impl IntoIterator<Item = [T; K]>,
    y: &[usize],
    mut f: impl FnMut(usize, usize),
) -> Result<(), DataError<T>> {
    each(y_hat, y, |sample, outputs, class| {
        if *class >= K {
            return Err(DataError::Class { sample, class: *class, classes: K });
        }
        f(*class, argmax(&outputs));
        Ok(())
    })
}

/// Calls `f` with each index, prediction and target. Fails if their numbers differ or are 0.
fn each<T, Y, const D: usize>(
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

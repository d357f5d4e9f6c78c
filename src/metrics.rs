//! How good predictions are, in the figures that people compare: accuracy, the confusion matrix, R².

use core::fmt;

use crate::{DataError, Element};

/// The number of the largest output, the first of equal ones: the class that a network predicts.
///
/// NaN counts as the largest, as in PyTorch; of no outputs it is 0.
///
/// ```
/// use constnet::argmax;
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

/// The share of predictions whose [`argmax`] is the class.
///
/// # Errors
///
/// If there are no samples, as many predictions as classes are not given, or a class is out of range.
///
/// # Examples
///
/// Predictions come as an array, or one by one from a network:
///
/// ```
/// use constnet::{Linear, Sequential, accuracy};
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

/// How often samples of each class were taken for each: a row for each class, a column for each
/// prediction, as in scikit-learn.
///
/// # Examples
///
/// ```
/// use constnet::ConfusionMatrix;
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
    /// How often a sample of the first class was taken for the second: `counts[class][predicted]`.
    pub counts: [[usize; K]; K],
}

impl<const K: usize> ConfusionMatrix<K> {
    /// Counts, for each prediction, its class and its [`argmax`].
    ///
    /// # Errors
    ///
    /// If there are no samples, as many predictions as classes are not given, or a class is out of range.
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

    /// The share of samples that were taken for what they are.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        let right: usize = (0..K).map(|class| self.right(class)).sum();
        share(right, self.counts.as_flattened().iter().sum()).unwrap_or(0.0)
    }

    /// Of the samples of a class, the share that was recognised; of none there is no share.
    #[must_use]
    pub fn recall(&self, class: usize) -> Option<f64> {
        share(self.right(class), self.counts.get(class)?.iter().sum())
    }

    /// Of the samples taken for a class, the share that is of it; of none there is no share.
    #[must_use]
    pub fn precision(&self, class: usize) -> Option<f64> {
        share(self.right(class), self.counts.iter().filter_map(|row| row.get(class)).sum())
    }

    fn right(&self, class: usize) -> usize {
        self.counts.get(class).and_then(|row| row.get(class)).copied().unwrap_or(0)
    }
}

/// A table: a row for each class, with its recall. A point stands for 0.
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

/// The coefficient of determination, `R² = 1 − Σ(ŷ − y)² / Σ(y − ȳ)²`, the mean over the `D` outputs,
/// as scikit-learn's `r2_score`.
///
/// 1 is perfect; 0 is what always predicting the mean `ȳ` of the targets gets; below it is worse.
/// For targets that are all equal it is 1 if the predictions are equal to them and else 0. For a
/// single sample it is not defined, and NaN.
///
/// # Errors
///
/// If there are no samples, or as many predictions as targets are not given.
///
/// # Examples
///
/// ```
/// use constnet::r2_score;
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
        // From the first target on, not from 0, so that equal targets have no spread whatever they are.
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

/// Tells the class of each sample and the predicted one.
fn each_pair<T: Element, const K: usize>(
    y_hat: impl IntoIterator<Item = [T; K]>,
    y: &[usize],
    mut tell: impl FnMut(usize, usize),
) -> Result<(), DataError<T>> {
    each(y_hat, y, |sample, outputs, class| {
        if *class >= K {
            return Err(DataError::Class { sample, class: *class, classes: K });
        }
        tell(*class, argmax(&outputs));
        Ok(())
    })
}

/// Tells each prediction and its target, and insists on as many of both, and on some.
fn each<T, Y, const D: usize>(
    y_hat: impl IntoIterator<Item = [T; D]>,
    y: &[Y],
    mut tell: impl FnMut(usize, [T; D], &Y) -> Result<(), DataError<T>>,
) -> Result<(), DataError<T>> {
    let mut given = 0;
    for y_hat in y_hat {
        if let Some(y) = y.get(given) {
            tell(given, y_hat, y)?;
        }
        given += 1;
    }
    if given != y.len() {
        return Err(DataError::Lengths { inputs: given, targets: y.len() });
    }
    if given == 0 { Err(DataError::NoSamples) } else { Ok(()) }
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

//! The cross-entropy of logits. The targets are classes or probabilities.

use super::{Loss, check_probabilities};
use crate::{
    error::{DataError, Error},
    layers::Features,
    simd::{Element, Simd},
};

/// The cross-entropy of logits and classes: PyTorch's `nn.CrossEntropyLoss()`.
///
/// | quantity | shape | rule |
/// |---|---|---|
/// | `ŷ` | `(B, K)` | logits, any numbers: the probabilities are `p = softmax(ŷ)` |
/// | `y` | `(B,)` | classes, from 0 to `K − 1` |
/// | loss | scalar | the mean of `−ln p[y]` over the `B` samples |
/// | gradient | `(B, K)` | `p`, less 1 at the class, per sample |
///
/// The largest logit of a row is subtracted from the row first, so that nothing overflows, however large the
/// logits are. A single logit does not compile: its loss would always be 0.
///
/// # Examples
///
/// ```
/// use constnet::CrossEntropy;
///
/// let y_hat = [[0.0, 0.0, 0.0, 0.0], [1e4, 0.0, 0.0, -1e4]];
/// let y = [2, 0];
/// assert_eq!(CrossEntropy.forward(&y_hat, &y), 4_f64.ln() / 2.0);
/// assert_eq!(CrossEntropy.backward(&y_hat, &y), [[0.25, 0.25, -0.75, 0.25], [0.0; 4]]);
/// ```
///
/// A network of three classes in training, and the error for a class that is out of range:
///
/// ```
/// use constnet::{CrossEntropy, DataError, Error, Sgd, Trainer, Zeroed, mlp};
/// use rand::{SeedableRng, rngs::StdRng};
///
/// let mut trainer: Trainer<mlp![2, 8, 3], _, 2, _> =
///     Trainer::with_loss(Zeroed::ZERO, Sgd { lr: 0.1 }, CrossEntropy);
/// let (x, y) = ([[0.0, 1.0], [1.0, 0.5]], [2, 3]);
/// let error = trainer.fit(&x, &y).run(&mut StdRng::seed_from_u64(0)).unwrap_err();
/// assert_eq!(error, Error::Training(DataError::Class { sample: 1, class: 3, classes: 3 }));
/// assert_eq!(error.to_string(), "training data: sample 1 is of class 3: expected a class below 3");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
pub struct CrossEntropy;

impl CrossEntropy {
    /// The forward pass: the mean of `−ln p[y]` over the samples; NaN if a class is out of range.
    #[must_use]
    pub fn forward<T: Element, const K: usize, const B: usize>(
        self,
        y_hat: &[[T; K]; B],
        y: &[usize; B],
    ) -> T {
        const { assert_several(K) };
        let mut sum = T::ZERO;
        for (mut row, class) in (*y_hat).into_iter().zip(y) {
            sum = sum + class_loss_and_gradient(&mut row, *class);
        }
        sum / T::from_count(B)
    }

    /// The backward pass: the gradient of each sample with respect to its logits, `p`, less 1 at the class.
    #[must_use]
    pub fn backward<T: Element, const K: usize, const B: usize>(
        self,
        y_hat: &[[T; K]; B],
        y: &[usize; B],
    ) -> [[T; K]; B] {
        const { assert_several(K) };
        let mut gradient = *y_hat;
        for (row, class) in gradient.iter_mut().zip(y) {
            class_loss_and_gradient(row, *class);
        }
        gradient
    }
}

/// Refuses a single class when the program is compiled. Its probability is always 1, so that nothing can be learned.
const fn assert_several(classes: usize) {
    assert!(
        classes > 1,
        "the cross-entropy of one logit is always 0: use `BceWithLogits`, or an output for each class"
    );
}

/// Overwrites a row of logits with its gradient, `p` less 1 at the class, and returns its loss, `−ln p[class]`.
#[inline(always)]
fn class_loss_and_gradient<T: Element>(row: &mut [T], class: usize) -> T {
    subtract_largest(row);
    let logit = row.get(class).copied().unwrap_or_else(T::nan);
    let sum = exponentiate(row);
    for p in row.iter_mut() {
        *p = *p / sum;
    }
    if let Some(p) = row.get_mut(class) {
        *p = *p - T::ONE;
    }
    sum.ln() - logit
}

impl<const K: usize, T: Element> Loss<Features<K, T>> for CrossEntropy {
    type Target = usize;

    fn check(&self, y: &[usize]) -> Result<(), Error<T>> {
        match y.iter().copied().enumerate().find(|(_, class)| *class >= K) {
            None => Ok(()),
            Some((sample, class)) => Err(DataError::Class { sample, class, classes: K }.into()),
        }
    }

    #[inline(always)]
    fn value<I: Simd<T>>(&self, _: I, y_hat: &[[T; K]], y: &[usize]) -> T {
        const { assert_several(K) };
        let mut sum = T::ZERO;
        for (mut row, class) in y_hat.iter().copied().zip(y) {
            sum = sum + class_loss_and_gradient(&mut row, *class);
        }
        sum / T::from_count(y.len())
    }

    #[inline(always)]
    fn value_and_gradient<I: Simd<T>>(&self, _: I, y_hat: &mut [[T; K]], y: &[usize]) -> T {
        const { assert_several(K) };
        let mut sum = T::ZERO;
        for (row, class) in y_hat.iter_mut().zip(y) {
            sum = sum + class_loss_and_gradient(row, *class);
        }
        sum / T::from_count(y.len())
    }
}

/// The cross-entropy of logits and probabilities: PyTorch's `nn.CrossEntropyLoss()` with probabilities as
/// targets.
///
/// | quantity | shape | rule |
/// |---|---|---|
/// | `ŷ` | `(B, K)` | logits, any numbers: the probabilities are `p = softmax(ŷ)` |
/// | `y` | `(B, K)` | probabilities: each from 0 to 1, the sum of each row 1, to within 1/1024 |
/// | loss | scalar | the mean of `−Σ y ln p` over the `B` samples |
/// | gradient | `(B, K)` | `p Σ y − y`, per sample |
///
/// Use it where the classes are not certain: for labels on which several people disagree, for smoothed labels,
/// or for the predictions of a larger network (distillation). Labels that are smoothed all alike are the
/// `label_smoothing` of [`WeightedCrossEntropy`](crate::WeightedCrossEntropy).
///
/// # Examples
///
/// ```
/// use constnet::SoftCrossEntropy;
///
/// let y_hat = [[0.0, 0.0, 0.0, 0.0]];
/// let y = [[0.5, 0.25, 0.25, 0.0]];
/// assert_eq!(SoftCrossEntropy.forward(&y_hat, &y), 4_f64.ln());
/// assert_eq!(SoftCrossEntropy.backward(&y_hat, &y), [[-0.25, 0.0, 0.0, 0.25]]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
pub struct SoftCrossEntropy;

impl SoftCrossEntropy {
    /// The forward pass: the mean of `−Σ y ln p` over the samples.
    #[must_use]
    pub fn forward<T: Element, const K: usize, const B: usize>(
        self,
        y_hat: &[[T; K]; B],
        y: &[[T; K]; B],
    ) -> T {
        const { assert_several(K) };
        let mut sum = T::ZERO;
        for (mut row, y) in (*y_hat).into_iter().zip(y) {
            sum = sum + soft_loss_and_gradient(&mut row, y);
        }
        sum / T::from_count(B)
    }

    /// The backward pass: the gradient of each sample with respect to its logits, `p Σ y − y`.
    #[must_use]
    pub fn backward<T: Element, const K: usize, const B: usize>(
        self,
        y_hat: &[[T; K]; B],
        y: &[[T; K]; B],
    ) -> [[T; K]; B] {
        const { assert_several(K) };
        let mut gradient = *y_hat;
        for (row, y) in gradient.iter_mut().zip(y) {
            soft_loss_and_gradient(row, y);
        }
        gradient
    }
}

/// Refuses probabilities that do not sum to 1.
pub(crate) fn check_sum<T: Element>(sample: usize, probabilities: &[T]) -> Result<(), DataError<T>> {
    /// The largest accepted difference between 1 and the sum of a row, so that probabilities may be written
    /// with few digits: 2⁻¹⁰, which `f32` and `f64` represent exactly.
    const TOLERANCE: f64 = 1.0 / 1024.0;
    let sum = probabilities.iter().fold(T::ZERO, |sum, p| sum + *p);
    if (sum - T::ONE).abs() > T::from_f64(TOLERANCE) {
        return Err(DataError::ProbabilitySum { sample, sum });
    }
    Ok(())
}

/// Overwrites a row of logits with its gradient, `p Σ y − y`, and returns its loss, `−Σ y ln p`.
#[inline(always)]
pub(super) fn soft_loss_and_gradient<T: Element>(row: &mut [T], y: &[T]) -> T {
    subtract_largest(row);
    let (mut total, mut logit) = (T::ZERO, T::ZERO);
    for (x, y) in row.iter().zip(y) {
        total = total + *y;
        logit = logit + *y * *x;
    }
    let sum = exponentiate(row);
    for (p, y) in row.iter_mut().zip(y) {
        *p = *p / sum * total - *y;
    }
    sum.ln() * total - logit
}

impl<const K: usize, T: Element> Loss<Features<K, T>> for SoftCrossEntropy {
    type Target = [T; K];

    fn check(&self, y: &[[T; K]]) -> Result<(), Error<T>> {
        check_probabilities::<Features<K, T>>(y)?;
        y.iter().enumerate().try_for_each(|(sample, y)| Ok(check_sum(sample, y)?))
    }

    #[inline(always)]
    fn value<I: Simd<T>>(&self, _: I, y_hat: &[[T; K]], y: &[[T; K]]) -> T {
        const { assert_several(K) };
        let mut sum = T::ZERO;
        for (mut row, y) in y_hat.iter().copied().zip(y) {
            sum = sum + soft_loss_and_gradient(&mut row, y);
        }
        sum / T::from_count(y.len())
    }

    #[inline(always)]
    fn value_and_gradient<I: Simd<T>>(&self, _: I, y_hat: &mut [[T; K]], y: &[[T; K]]) -> T {
        const { assert_several(K) };
        let mut sum = T::ZERO;
        for (row, y) in y_hat.iter_mut().zip(y) {
            sum = sum + soft_loss_and_gradient(row, y);
        }
        sum / T::from_count(y.len())
    }
}

/// Subtracts the largest logit of a row from the row. Its softmax stays the same.
#[inline(always)]
fn subtract_largest<T: Element>(row: &mut [T]) {
    let largest = row.iter().copied().fold(T::neg_infinity(), T::max);
    for x in row {
        *x = *x - largest;
    }
}

/// Overwrites each number of a row with its exponential, and returns their sum. It is at least 1 if the largest
/// number was 0.
#[inline(always)]
fn exponentiate<T: Element>(row: &mut [T]) -> T {
    let mut sum = T::ZERO;
    for x in row {
        *x = x.exp();
        sum = sum + *x;
    }
    sum
}

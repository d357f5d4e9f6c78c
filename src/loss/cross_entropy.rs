//! The cross-entropy of logits, with classes or with probabilities as targets.

use num_traits::{ConstOne, Float};

use super::{Loss, check_probabilities};
use crate::{DataError, Element, Error, Row, Shape, Zeroed, kernel::Isa};

/// The cross-entropy of logits and a class, as PyTorch's `nn.CrossEntropyLoss()`.
///
/// | quantity | shape | rule |
/// |---|---|---|
/// | `ŷ` | `(B, K)` | logits, any numbers: the probabilities are `p = softmax(ŷ)` |
/// | `y` | `(B,)` | classes, from 0 to `K − 1` |
/// | loss | scalar | the mean of `−ln p[y]` over the `B` samples |
/// | gradient | `(B, K)` | `p`, less 1 at the class, per sample |
///
/// Each row is taken relative to its largest logit, so that nothing overflows, however large they
/// are.
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
/// A network of ten classes in training, and what an impossible class gets:
///
/// ```
/// use constnet::{CrossEntropy, DataError, Sgd, Trainer, Zeroed, mlp};
/// use rand::{SeedableRng, rngs::StdRng};
///
/// let mut trainer: Trainer<mlp![2, 8, 3], _, 2, _> =
///     Trainer::with_criterion(Zeroed::ZERO, Sgd { lr: 0.1 }, CrossEntropy);
/// let (x, y) = ([[0.0, 1.0], [1.0, 0.5]], [2, 3]);
/// let error = trainer.fit(&x, &y).run(&mut StdRng::seed_from_u64(0), |_, _| {});
/// assert_eq!(error, Err(DataError::Class { sample: 1, class: 3, classes: 3 }.into()));
/// assert_eq!(error.unwrap_err().to_string(), "sample 1 is of class 3: expected a class below 3");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct CrossEntropy;

impl CrossEntropy {
    /// The mean of `−ln p[y]` over the samples; NaN if a class is out of range.
    #[must_use]
    pub fn forward<T: Element, const K: usize, const B: usize>(
        self,
        y_hat: &[[T; K]; B],
        y: &[usize; B],
    ) -> T {
        let mut sum = T::ZERO;
        for (mut row, y) in (*y_hat).into_iter().zip(y) {
            sum = sum + class_loss(&mut row, *y);
        }
        sum / T::from_count(B)
    }

    /// `p`, less 1 at the class.
    #[must_use]
    pub fn backward<T: Element, const K: usize, const B: usize>(
        self,
        y_hat: &[[T; K]; B],
        y: &[usize; B],
    ) -> [[T; K]; B] {
        let mut gradient = *y_hat;
        for (g, y) in gradient.iter_mut().zip(y) {
            class_loss(g, *y);
        }
        gradient
    }
}

impl<S: Shape> Loss<S> for CrossEntropy {
    type Target = usize;

    fn check(&self, y: &[usize]) -> Result<(), Error<S::Elem>> {
        let classes = S::LEN;
        match y.iter().copied().enumerate().find(|(_, class)| *class >= classes) {
            None => Ok(()),
            Some((sample, class)) => Err(DataError::Class { sample, class, classes }.into()),
        }
    }

    #[inline(always)]
    fn value<I: Isa<S::Elem>>(&self, _: I, y_hat: &[Row<S>], y: &[usize]) -> S::Elem {
        let mut sum = S::Elem::ZERO;
        for (mut row, y) in y_hat.iter().copied().zip(y) {
            sum = sum + class_loss(row.as_mut(), *y);
        }
        sum / S::Elem::from_count(y.len())
    }

    #[inline(always)]
    fn value_and_gradient<I: Isa<S::Elem>>(&self, _: I, y_hat: &mut [Row<S>], y: &[usize]) -> S::Elem {
        let mut sum = S::Elem::ZERO;
        for (row, y) in y_hat.iter_mut().zip(y) {
            sum = sum + class_loss(row.as_mut(), *y);
        }
        sum / S::Elem::from_count(y.len())
    }
}

/// The cross-entropy of logits and probabilities, as PyTorch's `nn.CrossEntropyLoss()` with
/// probabilities for targets.
///
/// | quantity | shape | rule |
/// |---|---|---|
/// | `ŷ` | `(B, K)` | logits, any numbers: the probabilities are `p = softmax(ŷ)` |
/// | `y` | `(B, K)` | probabilities: each from 0 to 1, of each row the sum 1 |
/// | loss | scalar | the mean of `−Σ y ln p` over the `B` samples |
/// | gradient | `(B, K)` | `p Σ y − y`, per sample |
///
/// This is [`CrossEntropy`] for targets that are not certain: labels that several people gave,
/// labels smoothed, or what a larger network said. Adding `ε / K` to `1 − ε` times the row that is
/// 1 at the class is PyTorch's `label_smoothing=ε`.
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
pub struct SoftCrossEntropy;

impl SoftCrossEntropy {
    /// How far from 1 the sum of a row may be: what writing probabilities with few digits does.
    const SUM_TOLERANCE: f64 = 1e-3;

    /// The mean of `−Σ y ln p` over the samples.
    #[must_use]
    pub fn forward<T: Element, const K: usize, const B: usize>(
        self,
        y_hat: &[[T; K]; B],
        y: &[[T; K]; B],
    ) -> T {
        let mut sum = T::ZERO;
        for (mut row, y) in (*y_hat).into_iter().zip(y) {
            sum = sum + soft_loss(&mut row, y);
        }
        sum / T::from_count(B)
    }

    /// `p Σ y − y`
    #[must_use]
    pub fn backward<T: Element, const K: usize, const B: usize>(
        self,
        y_hat: &[[T; K]; B],
        y: &[[T; K]; B],
    ) -> [[T; K]; B] {
        let mut gradient = *y_hat;
        for (g, y) in gradient.iter_mut().zip(y) {
            soft_loss(g, y);
        }
        gradient
    }
}

impl<S: Shape> Loss<S> for SoftCrossEntropy {
    type Target = Row<S>;

    fn check(&self, y: &[Row<S>]) -> Result<(), Error<S::Elem>> {
        check_probabilities::<S>(y)?;
        for (sample, y) in y.iter().enumerate() {
            let sum = y.as_ref().iter().fold(S::Elem::ZERO, |sum, y| sum + *y);
            if (sum - S::Elem::ONE).abs() > S::Elem::from_f64(Self::SUM_TOLERANCE) {
                return Err(DataError::ProbabilitySum { sample, sum }.into());
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn value<I: Isa<S::Elem>>(&self, _: I, y_hat: &[Row<S>], y: &[Row<S>]) -> S::Elem {
        let mut sum = S::Elem::ZERO;
        for (mut row, y) in y_hat.iter().copied().zip(y) {
            sum = sum + soft_loss(row.as_mut(), y.as_ref());
        }
        sum / S::Elem::from_count(y.len())
    }

    #[inline(always)]
    fn value_and_gradient<I: Isa<S::Elem>>(&self, _: I, y_hat: &mut [Row<S>], y: &[Row<S>]) -> S::Elem {
        let mut sum = S::Elem::ZERO;
        for (row, y) in y_hat.iter_mut().zip(y) {
            sum = sum + soft_loss(row.as_mut(), y.as_ref());
        }
        sum / S::Elem::from_count(y.len())
    }
}

/// Turns a row of logits into its gradient, `p` less 1 at the class, and gives its loss, `−ln p[y]`.
#[inline(always)]
fn class_loss<T: Element>(row: &mut [T], class: usize) -> T {
    shift(row);
    let logit = row.get(class).copied().unwrap_or_else(T::nan);
    let sum = exponentials(row);
    for p in row.iter_mut() {
        *p = *p / sum;
    }
    if let Some(p) = row.get_mut(class) {
        *p = *p - T::ONE;
    }
    sum.ln() - logit
}

/// Turns a row of logits into its gradient, `p Σ y − y`, and gives its loss, `−Σ y ln p`.
#[inline(always)]
fn soft_loss<T: Element>(row: &mut [T], y: &[T]) -> T {
    shift(row);
    let (mut total, mut logit) = (T::ZERO, T::ZERO);
    for (x, y) in row.iter().zip(y) {
        total = total + *y;
        logit = logit + *y * *x;
    }
    let sum = exponentials(row);
    for (p, y) in row.iter_mut().zip(y) {
        *p = *p / sum * total - *y;
    }
    sum.ln() * total - logit
}

/// Moves a row of logits so that the largest is 0: their softmax is the same.
#[inline(always)]
fn shift<T: Element>(row: &mut [T]) {
    let largest = row.iter().copied().fold(T::neg_infinity(), T::max);
    for x in row {
        *x = *x - largest;
    }
}

/// Takes the exponential of each, and gives their sum, which is at least 1 for a shifted row.
#[inline(always)]
fn exponentials<T: Element>(row: &mut [T]) -> T {
    let mut sum = T::ZERO;
    for x in row {
        *x = x.exp();
        sum = sum + *x;
    }
    sum
}

//! What is minimised: the trait of losses, and a file for each of them.
//!
//! | loss | target | as PyTorch's |
//! |---|---|---|
//! | [`Mse`] | a row | `nn.MSELoss()` |
//! | [`L1`] | a row | `nn.L1Loss()` |
//! | [`Huber`] | a row | `nn.HuberLoss()` |
//! | [`BceWithLogits`] | a row of probabilities | `nn.BCEWithLogitsLoss()` |
//! | [`CrossEntropy`] | a class | `nn.CrossEntropyLoss()` |
//! | [`SoftCrossEntropy`] | a row of probabilities that sum to one | `nn.CrossEntropyLoss()` |

mod bce_with_logits;
mod cross_entropy;
mod huber;
mod l1;
mod mse;

pub use bce_with_logits::BceWithLogits;
pub use cross_entropy::{CrossEntropy, SoftCrossEntropy};
pub use huber::Huber;
pub use l1::L1;
pub use mse::Mse;

use num_traits::{ConstOne, Float};

use crate::{DataError, Element, Error, Row, Shape, Zeroed, kernel::Isa};

/// How wrong predictions are: one number, and its gradient.
///
/// The value is averaged over the batch; the gradient is that of each sample, `B` times the
/// gradient of the value, because the layers divide by `B` in their backward pass.
///
/// A target that the loss cannot be computed for gives NaN: [`Trainer::step`](crate::Trainer::step)
/// then leaves the network as it is.
pub trait Loss<S: Shape> {
    /// What a prediction is compared with: another row, say, or a class.
    type Target: Copy;

    /// Whether the loss can be computed for these targets, and its own numbers make sense. A
    /// [`Trainer`](crate::Trainer) asks before a run. All is well unless you say otherwise.
    ///
    /// # Errors
    ///
    /// Names what is wrong, and the sample, counted from 0.
    fn check(&self, y: &[Self::Target]) -> Result<(), Error<S::Elem>> {
        let _ = y;
        Ok(())
    }

    /// The loss of as many predictions as there are targets.
    fn value<I: Isa<S::Elem>>(&self, isa: I, y_hat: &[Row<S>], y: &[Self::Target]) -> S::Elem;

    /// The loss, with each prediction replaced by its sample's gradient.
    fn value_and_gradient<I: Isa<S::Elem>>(
        &self,
        isa: I,
        y_hat: &mut [Row<S>],
        y: &[Self::Target],
    ) -> S::Elem;
}

/// The mean over all elements of a loss that is a product of two `factors` of the difference `ŷ − y`,
/// the first of them the derivative, but for a constant.
#[inline(always)]
fn elementwise<S: Shape, I: Isa<S::Elem>>(
    isa: I,
    y_hat: &[Row<S>],
    y: &[Row<S>],
    factors: impl Fn(I::V) -> [I::V; 2],
) -> S::Elem {
    let (y_hat, y) = (S::flatten(y_hat), S::flatten(y));
    let mut sum = isa.splat(S::Elem::ZERO);
    for (y_hat, y) in y_hat.chunks(I::LANES).zip(y.chunks(I::LANES)) {
        let [slope, rest] = factors(isa.sub(isa.load(y_hat), isa.load(y)));
        sum = isa.mul_add(slope, rest, sum);
    }
    isa.sum(sum) / S::Elem::from_count(y.len())
}

/// As [`elementwise`], with each prediction replaced by the first factor times `scale`.
#[inline(always)]
fn elementwise_and_gradient<S: Shape, I: Isa<S::Elem>>(
    isa: I,
    y_hat: &mut [Row<S>],
    y: &[Row<S>],
    scale: S::Elem,
    factors: impl Fn(I::V) -> [I::V; 2],
) -> S::Elem {
    let (y_hat, y) = (S::flatten_mut(y_hat), S::flatten(y));
    let scale = isa.splat(scale);
    let mut sum = isa.splat(S::Elem::ZERO);
    for (y_hat, y) in y_hat.chunks_mut(I::LANES).zip(y.chunks(I::LANES)) {
        let [slope, rest] = factors(isa.sub(isa.load(y_hat), isa.load(y)));
        sum = isa.mul_add(slope, rest, sum);
        isa.store(y_hat, isa.mul(slope, scale));
    }
    isa.sum(sum) / S::Elem::from_count(y.len())
}

/// Refuses targets that are infinite or NaN.
fn check_finite<S: Shape>(y: &[Row<S>]) -> Result<(), Error<S::Elem>> {
    check_each::<S>(y, S::Elem::is_finite, "a finite number")
}

/// Refuses targets that are no probabilities.
fn check_probabilities<S: Shape>(y: &[Row<S>]) -> Result<(), Error<S::Elem>> {
    let valid = |y| S::Elem::ZERO <= y && y <= S::Elem::ONE;
    check_each::<S>(y, valid, "a probability, from 0 to 1")
}

/// Names the first target that is not valid.
fn check_each<S: Shape>(
    y: &[Row<S>],
    valid: impl Fn(S::Elem) -> bool,
    expected: &'static str,
) -> Result<(), Error<S::Elem>> {
    for (sample, row) in y.iter().enumerate() {
        for (feature, value) in row.as_ref().iter().copied().enumerate() {
            if !valid(value) {
                return Err(DataError::Target { sample, feature, value, expected }.into());
            }
        }
    }
    Ok(())
}

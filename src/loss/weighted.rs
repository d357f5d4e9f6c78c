//! Weights of samples.

use core::slice::from_ref;

use num_traits::{Float, Zero};

use super::Loss;
use crate::{
    error::{DataError, Error},
    layers::{Row, Shape},
    simd::{Element, Simd, Zeroed},
};

/// A loss whose samples have weights: the target of a sample is a pair of the loss's own target and a weight.
///
/// | quantity | rule |
/// |---|---|
/// | loss | the mean of `w ℓ` over the samples, with the loss `ℓ` of each; it is not divided by the sum of the weights |
/// | gradient | `w` times that of the sample |
///
/// A sample with the weight 0 is ignored, even if its loss overflows (but not if a hidden layer overflows). It still
/// counts in the number of samples by which the mean is divided, and its target has to be valid. If all weights of a
/// batch are 0, the loss and the gradient are 0: a step of plain [`Sgd`](crate::Sgd) then changes nothing, but weight
/// decay and momentum still change the parameters. A training run on such a data set is refused with
/// [`DataError::NoWeight`].
///
/// For weights of classes see [`WeightedCrossEntropy`](crate::WeightedCrossEntropy) and
/// [`WeightedBceWithLogits`](crate::WeightedBceWithLogits).
///
/// [`LevenbergMarquardt`](crate::LevenbergMarquardt) minimises `Weighted(Mse)`.
///
/// # Examples
///
/// ```
/// use constnet::{Mse, Sgd, Trainer, Weighted, Zeroed, mlp};
///
/// // A measurement with the standard deviation σ has the weight 1/σ².
/// let y = [([1.0], 1.0), ([3.0], 0.25)];
/// let mut trainer: Trainer<mlp![1, 1], Sgd, 2, _> =
///     Trainer::with_loss(Zeroed::ZERO, Sgd { lr: 0.1 }, Weighted(Mse));
/// assert_eq!(trainer.step(&[[0.0]; 2], &y), (1.0 + 0.25 * 9.0) / 2.0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
pub struct Weighted<C>(pub C);

impl<S: Shape, C: Loss<S>> Loss<S> for Weighted<C> {
    type Target = (C::Target, S::Elem);

    fn check(&self, y: &[Self::Target]) -> Result<(), Error<S::Elem>> {
        // The parameters of the loss, even if there are no samples.
        self.0.check(&[])?;
        for (sample, (target, weight)) in y.iter().enumerate() {
            if !(weight.is_finite() && *weight >= S::Elem::ZERO) {
                return Err(DataError::Weight { sample, value: *weight }.into());
            }
            self.0.check(from_ref(target)).map_err(|error| match error {
                Error::Data(error) => error.of_sample(sample).into(),
                other => other,
            })?;
        }
        Ok(())
    }

    fn counts(&self, (target, weight): &Self::Target) -> bool {
        *weight > S::Elem::ZERO && self.0.counts(target)
    }

    #[inline(always)]
    fn value<I: Simd<S::Elem>>(&self, token: I, y_hat: &[Row<S>], y: &[Self::Target]) -> S::Elem {
        let mut sum = S::Elem::ZERO;
        // A loss that overflows times 0 would be NaN.
        for (y_hat, (target, weight)) in y_hat.iter().zip(y).filter(|(_, (_, weight))| !weight.is_zero()) {
            sum = sum + *weight * self.0.value(token, from_ref(y_hat), from_ref(target));
        }
        sum / S::Elem::from_count(y.len())
    }

    #[inline(always)]
    fn value_and_gradient<I: Simd<S::Elem>>(
        &self,
        token: I,
        y_hat: &mut [Row<S>],
        y: &[Self::Target],
    ) -> S::Elem {
        let mut sum = S::Elem::ZERO;
        for (y_hat, (target, weight)) in y_hat.iter_mut().zip(y) {
            if weight.is_zero() {
                *y_hat = Zeroed::ZERO;
                continue;
            }
            let y_hat = core::slice::from_mut(y_hat);
            sum = sum + *weight * self.0.value_and_gradient(token, y_hat, from_ref(target));
            for dy in S::flatten_mut(y_hat) {
                *dy = *dy * *weight;
            }
        }
        sum / S::Elem::from_count(y.len())
    }
}

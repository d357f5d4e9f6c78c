//! The binary cross-entropy of logits with weights of the positive samples.

use super::{Loss, bce_with_logits::log_and_sigma, check_probabilities};
use crate::{
    error::{Error, check_not_negative},
    layers::Features,
    simd::{Element, Simd},
};

/// The binary cross-entropy of logits, in which targets of 1 have a weight for each output: PyTorch's
/// `nn.BCEWithLogitsLoss(pos_weight=…)`.
///
/// | quantity | shape | rule |
/// |---|---|---|
/// | `ŷ` | `(B, D)` | logits, any numbers: the probabilities are `σ(ŷ) = 1 / (1 + e^−ŷ)` |
/// | `y` | `(B, D)` | probabilities, from 0 to 1 |
/// | `w` | `(D,)` | `pos_weight` |
/// | loss | scalar | the mean of `−w y ln σ(ŷ) − (1 − y) ln(1 − σ(ŷ))` over all `B·D` elements |
/// | gradient | `(B, D)` | `(w y (σ(ŷ) − 1) + (1 − y) σ(ŷ)) / D`, per sample |
///
/// With `pos_weight` the number of samples of class 0 divided by that of class 1, both classes count the same. No
/// exponential overflows, however large a logit is; only the product of a weight and a logit can.
///
/// # Examples
///
/// ```
/// use constnet::WeightedBceWithLogits;
///
/// let loss = WeightedBceWithLogits { pos_weight: [3.0] };
/// let (y_hat, y) = ([[0.0], [0.0], [-1e4]], [[1.0], [0.0], [1.0]]);
/// assert_eq!(loss.forward(&y_hat, &y), (4.0 * 2_f64.ln() + 3e4) / 3.0);
/// assert_eq!(loss.backward(&y_hat, &y), [[-1.5], [0.5], [-3.0]]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(bound(
        serialize = "T: Element + serde::Serialize",
        deserialize = "T: Element + serde::Deserialize<'de>"
    ))
)]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
pub struct WeightedBceWithLogits<const D: usize, T = f32> {
    /// `w`, the weight of targets of 1, for each output: finite and at least 0.
    #[cfg_attr(feature = "serde", serde(with = "crate::formats::array"))]
    pub pos_weight: [T; D],
}

/// The weight 1 for each output: the same as [`BceWithLogits`](crate::BceWithLogits).
impl<const D: usize, T: Element> Default for WeightedBceWithLogits<D, T> {
    fn default() -> Self {
        Self { pos_weight: [T::ONE; D] }
    }
}

impl<const D: usize, T: Element> WeightedBceWithLogits<D, T> {
    /// The forward pass: the mean over all elements.
    #[must_use]
    pub fn forward<const B: usize>(&self, y_hat: &[[T; D]; B], y: &[[T; D]; B]) -> T {
        self.loss_and_gradient(&mut { *y_hat }, y)
    }

    /// The backward pass: the gradient of each sample with respect to its logits.
    #[must_use]
    pub fn backward<const B: usize>(&self, y_hat: &[[T; D]; B], y: &[[T; D]; B]) -> [[T; D]; B] {
        let mut gradient = *y_hat;
        self.loss_and_gradient(&mut gradient, y);
        gradient
    }

    /// Overwrites logits with their gradient, and returns the mean loss.
    #[inline(always)]
    fn loss_and_gradient(&self, y_hat: &mut [[T; D]], y: &[[T; D]]) -> T {
        let mut sum = T::ZERO;
        for (y_hat, y) in y_hat.iter_mut().zip(y) {
            for ((y_hat, y), weight) in y_hat.iter_mut().zip(y).zip(&self.pos_weight) {
                let [loss, slope] = weighted_loss_and_slope(*y_hat, *y, *weight);
                sum = sum + loss;
                *y_hat = slope / T::from_count(D);
            }
        }
        sum / T::from_count(D * y.len())
    }
}

/// The loss of one logit and its derivative.
#[inline(always)]
fn weighted_loss_and_slope<T: Element>(y_hat: T, y: T, weight: T) -> [T; 2] {
    let [log, sigma] = log_and_sigma(y_hat);
    let (positive, negative) = (weight * y, T::ONE - y);
    let loss = positive * (log + (-y_hat).max(T::ZERO)) + negative * (log + y_hat.max(T::ZERO));
    [loss, positive * (sigma - T::ONE) + negative * sigma]
}

impl<const D: usize, T: Element> Loss<Features<D, T>> for WeightedBceWithLogits<D, T> {
    type Target = [T; D];

    fn check(&self, y: &[[T; D]]) -> Result<(), Error<T>> {
        self.pos_weight.iter().try_for_each(|w| check_not_negative("weight of positive samples", *w))?;
        check_probabilities::<Features<D, T>>(y)
    }

    #[inline(always)]
    fn value<I: Simd<T>>(&self, _: I, y_hat: &[[T; D]], y: &[[T; D]]) -> T {
        let mut sum = T::ZERO;
        for (y_hat, y) in y_hat.iter().zip(y) {
            for ((y_hat, y), weight) in y_hat.iter().zip(y).zip(&self.pos_weight) {
                let [loss, _] = weighted_loss_and_slope(*y_hat, *y, *weight);
                sum = sum + loss;
            }
        }
        sum / T::from_count(D * y.len())
    }

    #[inline(always)]
    fn value_and_gradient<I: Simd<T>>(&self, _: I, y_hat: &mut [[T; D]], y: &[[T; D]]) -> T {
        self.loss_and_gradient(y_hat, y)
    }
}

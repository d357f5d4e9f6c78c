//! The binary cross-entropy of logits.

use super::{Loss, check_probabilities};
use crate::{
    error::Error,
    layers::Features,
    simd::{Element, Simd},
};

/// The binary cross-entropy of logits, each output by itself: PyTorch's `nn.BCEWithLogitsLoss()`.
///
/// | quantity | shape | rule |
/// |---|---|---|
/// | `ŷ` | `(B, D)` | logits, any numbers: the probabilities are `σ(ŷ) = 1 / (1 + e^−ŷ)` |
/// | `y` | `(B, D)` | probabilities, from 0 to 1 |
/// | loss | scalar | the mean of `−y ln σ(ŷ) − (1 − y) ln(1 − σ(ŷ))` over all `B·D` elements |
/// | gradient | `(B, D)` | `(σ(ŷ) − y) / D`, per sample |
///
/// The loss is computed as `max(ŷ, 0) − ŷ y + ln(1 + e^−|ŷ|)`, in which nothing overflows, however large a logit
/// is.
///
/// # Examples
///
/// ```
/// use constnet::BceWithLogits;
///
/// let y_hat = [[0.0, 1e4], [-1e4, 1e4]];
/// let y = [[0.5, 1.0], [0.0, 0.0]];
/// assert_eq!(BceWithLogits.forward(&y_hat, &y), (2_f64.ln() + 1e4) / 4.0);
/// assert_eq!(BceWithLogits.backward(&y_hat, &y), [[0.0, 0.0], [0.0, 0.5]]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
pub struct BceWithLogits;

impl BceWithLogits {
    /// The forward pass: the mean of `−y ln σ(ŷ) − (1 − y) ln(1 − σ(ŷ))` over all elements.
    #[must_use]
    pub fn forward<T: Element, const D: usize, const B: usize>(
        self,
        y_hat: &[[T; D]; B],
        y: &[[T; D]; B],
    ) -> T {
        mean_loss(y_hat.as_flattened(), y.as_flattened())
    }

    /// The backward pass: the gradient of each sample with respect to its logits, `(σ(ŷ) − y) / D`.
    #[must_use]
    pub fn backward<T: Element, const D: usize, const B: usize>(
        self,
        y_hat: &[[T; D]; B],
        y: &[[T; D]; B],
    ) -> [[T; D]; B] {
        let mut gradient = *y_hat;
        for (g, y) in gradient.as_flattened_mut().iter_mut().zip(y.as_flattened()) {
            let [_, slope] = logit_loss_and_slope(*g, *y);
            *g = slope / T::from_count(D);
        }
        gradient
    }
}

impl<const D: usize, T: Element> Loss<Features<D, T>> for BceWithLogits {
    type Target = [T; D];

    fn check(&self, y: &[[T; D]]) -> Result<(), Error<T>> {
        check_probabilities::<Features<D, T>>(y)
    }

    #[inline(always)]
    fn value<I: Simd<T>>(&self, _: I, y_hat: &[[T; D]], y: &[[T; D]]) -> T {
        mean_loss(y_hat.as_flattened(), y.as_flattened())
    }

    #[inline(always)]
    fn value_and_gradient<I: Simd<T>>(&self, _: I, y_hat: &mut [[T; D]], y: &[[T; D]]) -> T {
        let (y_hat, y) = (y_hat.as_flattened_mut(), y.as_flattened());
        let scale = T::ONE / T::from_count(D);
        let mut sum = T::ZERO;
        for (y_hat, y) in y_hat.iter_mut().zip(y) {
            let [loss, slope] = logit_loss_and_slope(*y_hat, *y);
            sum = sum + loss;
            *y_hat = slope * scale;
        }
        sum / T::from_count(y.len())
    }
}

/// The mean of the loss over all elements.
#[inline(always)]
fn mean_loss<T: Element>(y_hat: &[T], y: &[T]) -> T {
    let mut sum = T::ZERO;
    for (y_hat, y) in y_hat.iter().zip(y) {
        let [loss, _] = logit_loss_and_slope(*y_hat, *y);
        sum = sum + loss;
    }
    sum / T::from_count(y.len())
}

/// The loss of one logit and its derivative, `σ(ŷ) − y`.
#[inline(always)]
pub(crate) fn logit_loss_and_slope<T: Element>(y_hat: T, y: T) -> [T; 2] {
    let [log, sigma] = log_and_sigma(y_hat);
    [y_hat.max(T::ZERO) - y_hat * y + log, sigma - y]
}

/// `ln(1 + e^−|ŷ|)` and `σ(ŷ)`. Both are computed from `e^−|ŷ|`, which is at most 1.
#[inline(always)]
pub(super) fn log_and_sigma<T: Element>(y_hat: T) -> [T; 2] {
    let e = (-y_hat.abs()).exp();
    [e.ln_1p(), if y_hat < T::ZERO { e } else { T::ONE } / (T::ONE + e)]
}

//! The mean absolute error.

use super::{
    DifferenceLoss, Loss, check_finite, difference_loss, difference_value, difference_value_and_gradient,
};
use crate::{
    error::Error,
    layers::{Row, Shape},
    simd::{Element, Real, Scalar, Simd},
};

/// The mean absolute error: PyTorch's `nn.L1Loss()`.
///
/// | quantity | shape | rule |
/// |---|---|---|
/// | `ŷ`, `y` | `(B, D)` | predictions and targets |
/// | loss | scalar | the mean of `\|ŷ − y\|` over all `B·D` elements |
/// | gradient | `(B, D)` | `sign(ŷ − y) / D`, per sample; 0 where `ŷ = y` |
///
/// # Examples
///
/// ```
/// use constnet::L1;
///
/// let y_hat = [[3.0, 2.0], [1.0, 4.0]];
/// let y = [[2.0, 0.0], [1.0, 5.0]];
/// assert_eq!(L1.forward(&y_hat, &y), 1.0);
/// assert_eq!(L1.backward(&y_hat, &y), [[0.5, 0.5], [0.0, -0.5]]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
pub struct L1;

/// `|d| = sign(d) · d`, with the derivative `sign(d)`.
impl<T: Element> DifferenceLoss<T> for L1 {
    #[inline(always)]
    fn factors<V: Real<T>>(&self, d: V) -> [V; 2] {
        [sign(d), d]
    }
}

/// −1, 0 or 1.
#[inline(always)]
fn sign<V: Real<T>, T: Element>(d: V) -> V {
    let positive_or_zero = d.select_gt(T::ZERO, d.splat(T::ONE), d.splat(T::ZERO));
    d.select_lt(T::ZERO, d.splat(-T::ONE), positive_or_zero)
}

difference_loss!(L1);

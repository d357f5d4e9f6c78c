//! The mean squared error.

use super::{
    DifferenceLoss, Loss, check_finite, difference_loss, difference_value, difference_value_and_gradient,
};
use crate::{
    error::Error,
    layers::{Row, Shape},
    simd::{Element, Real, Scalar, Simd},
};

/// The mean squared error: PyTorch's `nn.MSELoss()`, the notebook's `mse_forward(y_hat, y)` and `mse_backward(diff)`.
///
/// | quantity | shape | rule |
/// |---|---|---|
/// | `ŷ`, `y` | `(B, D)` | predictions and targets |
/// | loss | scalar | the mean of `(ŷ − y)²` over all `B·D` elements |
/// | gradient | `(B, D)` | `2 (ŷ − y) / D`, per sample |
///
/// The layers average over the batch, so each `dW` and `db` is exactly PyTorch's for the mean over `B·D`.
///
/// **The notebook's `mse_backward` differs**: it returns `2 (ŷ − y) / B`. The two agree only where `B = D`, as in
/// the notebook's check cell (`B = D = 2`, where both are `ŷ − y`). For `B = 8`, `D = 3` they differ by a factor
/// of 8/3, and the notebook, whose `linear_backward` divides by `B` once more, does not get PyTorch's gradients.
///
/// # Examples
///
/// The check cell of the notebook:
///
/// ```
/// use constnet::Mse;
///
/// let y_hat = [[3.0, 2.0], [1.0, 4.0]];
/// let y = [[2.0, 0.0], [1.0, 5.0]];
/// assert_eq!(Mse.forward(&y_hat, &y), 1.5);
/// assert_eq!(Mse.backward(&y_hat, &y), [[1.0, 2.0], [0.0, -1.0]]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
pub struct Mse;

/// `d² = d · d`, with the derivative `2 d`.
impl<T: Element> DifferenceLoss<T> for Mse {
    #[inline(always)]
    fn factors<V: Real<T>>(&self, d: V) -> [V; 2] {
        [d, d]
    }

    #[inline(always)]
    fn slope(&self) -> T {
        T::from_f64(2.0)
    }
}

difference_loss!(Mse);

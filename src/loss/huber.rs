//! The Huber loss: the square of small errors, the absolute value of large ones.

use super::{
    DifferenceLoss, Loss, check_finite, difference_loss, difference_value, difference_value_and_gradient,
};
use crate::{
    error::Error,
    layers::{Row, Shape},
    simd::{Element, Real, Scalar, Simd},
};

/// Half the square of small errors, a straight line for large ones: PyTorch's `nn.HuberLoss()`.
///
/// | quantity | shape | rule |
/// |---|---|---|
/// | `ŷ`, `y` | `(B, D)` | predictions and targets, `d = ŷ − y` |
/// | loss | scalar | the mean over all `B·D` elements of `d² / 2` where `\|d\| < δ`, else `δ (\|d\| − δ / 2)` |
/// | gradient | `(B, D)` | `d` limited to `−δ` and `δ`, divided by `D`, per sample |
///
/// # Examples
///
/// ```
/// use constnet::Huber;
///
/// let y_hat = [[3.0, 2.0], [1.0, 4.5]];
/// let y = [[2.0, 0.0], [1.0, 5.0]];
/// assert_eq!(Huber { delta: 1.0 }.forward(&y_hat, &y), (0.5 + 1.5 + 0.0 + 0.125) / 4.0);
/// assert_eq!(Huber { delta: 1.0 }.backward(&y_hat, &y), [[0.5, 0.5], [0.0, -0.25]]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
pub struct Huber<T = f32> {
    /// `δ`, the error at which the square becomes a line: positive and finite.
    pub delta: T,
}

/// `δ = 1`, the same as in PyTorch.
impl<T: Element> Default for Huber<T> {
    fn default() -> Self {
        Self { delta: T::ONE }
    }
}

/// Both pieces are `c (d − c / 2)`, with the derivative `c`: the difference, limited to `−δ` and `δ`.
impl<T: Element> DifferenceLoss<T> for Huber<T> {
    #[inline(always)]
    fn factors<V: Real<T>>(&self, d: V) -> [V; 2] {
        let c = d.clamp(-self.delta, self.delta);
        [c, c.scale_add(T::from_f64(-0.5), d)]
    }

    fn check_parameters(&self) -> Result<(), Error<T>> {
        let (name, value, expected) = ("delta", self.delta, "a positive, finite number");
        if value.is_finite() && value > T::ZERO {
            Ok(())
        } else {
            Err(Error::Hyperparameter { name, value, expected })
        }
    }
}

difference_loss!(Huber<T>);

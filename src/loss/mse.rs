//! The mean squared error.

use super::{Loss, check_finite, elementwise, elementwise_and_gradient};
use crate::{Element, Error, Row, Shape, kernel::Isa};

/// The mean squared error, as PyTorch's `nn.MSELoss()`.
///
/// | quantity | shape | rule |
/// |---|---|---|
/// | `ŷ`, `y` | `(B, D)` | predictions and targets |
/// | loss | scalar | the mean of `(ŷ − y)²` over all `B·D` elements |
/// | gradient | `(B, D)` | `2 (ŷ − y) / D`, per sample |
///
/// The layers average over the batch, so that each `dW` and `db` is that of the loss, PyTorch's
/// to the letter. For `B = D = 2` the gradient is `ŷ − y`.
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
pub struct Mse;

impl Mse {
    /// The mean of `(ŷ − y)²` over all elements.
    #[must_use]
    pub fn forward<T: Element, const D: usize, const B: usize>(
        self,
        y_hat: &[[T; D]; B],
        y: &[[T; D]; B],
    ) -> T {
        let mut sum = T::ZERO;
        for (y_hat, y) in y_hat.as_flattened().iter().zip(y.as_flattened()) {
            let diff = *y_hat - *y;
            sum = sum + diff * diff;
        }
        sum / T::from_count(B * D)
    }

    /// `2 (ŷ − y) / D`
    #[must_use]
    pub fn backward<T: Element, const D: usize, const B: usize>(
        self,
        y_hat: &[[T; D]; B],
        y: &[[T; D]; B],
    ) -> [[T; D]; B] {
        let scale = T::from_f64(2.0) / T::from_count(D);
        let mut gradient = *y_hat;
        for (g, y) in gradient.as_flattened_mut().iter_mut().zip(y.as_flattened()) {
            *g = (*g - *y) * scale;
        }
        gradient
    }
}

impl<S: Shape> Loss<S> for Mse {
    type Target = Row<S>;

    fn check(&self, y: &[Row<S>]) -> Result<(), Error<S::Elem>> {
        check_finite::<S>(y)
    }

    #[inline(always)]
    fn value<I: Isa<S::Elem>>(&self, isa: I, y_hat: &[Row<S>], y: &[Row<S>]) -> S::Elem {
        elementwise::<S, I>(
            isa,
            y_hat,
            y,
            #[inline(always)]
            |diff| [diff, diff],
        )
    }

    #[inline(always)]
    fn value_and_gradient<I: Isa<S::Elem>>(&self, isa: I, y_hat: &mut [Row<S>], y: &[Row<S>]) -> S::Elem {
        let scale = S::Elem::from_f64(2.0) / S::Elem::from_count(S::LEN);
        elementwise_and_gradient::<S, I>(
            isa,
            y_hat,
            y,
            scale,
            #[inline(always)]
            |diff| [diff, diff],
        )
    }
}

//! The mean absolute error.

use num_traits::Float;

use super::{Loss, check_finite, elementwise, elementwise_and_gradient};
use crate::{Element, Error, Row, Shape, kernel::Isa};

/// The mean absolute error, as PyTorch's `nn.L1Loss()`.
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
pub struct L1;

impl L1 {
    /// The mean of `|ŷ − y|` over all elements.
    #[must_use]
    pub fn forward<T: Element, const D: usize, const B: usize>(
        self,
        y_hat: &[[T; D]; B],
        y: &[[T; D]; B],
    ) -> T {
        let mut sum = T::ZERO;
        for (y_hat, y) in y_hat.as_flattened().iter().zip(y.as_flattened()) {
            sum = sum + (*y_hat - *y).abs();
        }
        sum / T::from_count(B * D)
    }

    /// `sign(ŷ − y) / D`
    #[must_use]
    pub fn backward<T: Element, const D: usize, const B: usize>(
        self,
        y_hat: &[[T; D]; B],
        y: &[[T; D]; B],
    ) -> [[T; D]; B] {
        let scale = T::from_count(D).recip();
        let mut gradient = *y_hat;
        for (g, y) in gradient.as_flattened_mut().iter_mut().zip(y.as_flattened()) {
            let diff = *g - *y;
            *g = if diff == T::ZERO { T::ZERO } else { diff.signum() * scale };
        }
        gradient
    }
}

/// `|d| = s·d` with `s = sign(d)`, which is the derivative too.
impl<S: Shape> Loss<S> for L1 {
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
            |diff| [sign(isa, diff), diff],
        )
    }

    #[inline(always)]
    fn value_and_gradient<I: Isa<S::Elem>>(&self, isa: I, y_hat: &mut [Row<S>], y: &[Row<S>]) -> S::Elem {
        let scale = S::Elem::from_count(S::LEN).recip();
        elementwise_and_gradient::<S, I>(
            isa,
            y_hat,
            y,
            scale,
            #[inline(always)]
            |diff| [sign(isa, diff), diff],
        )
    }
}

/// −1, 0 or 1.
#[inline(always)]
fn sign<I: Isa<T>, T: Element>(isa: I, x: I::V) -> I::V {
    let (zero, one) = (isa.splat(T::ZERO), isa.splat(T::ONE));
    let positive = isa.select(isa.lt(zero, x), one, zero);
    isa.select(isa.lt(x, zero), isa.splat(-T::ONE), positive)
}

//! Squares for small errors, absolute values for large ones.

use super::{Loss, check_finite, elementwise, elementwise_and_gradient};
use crate::{
    Element, Error, Row, Shape,
    kernel::{Isa, Scalar},
};

/// Half the square of small errors, a straight line for large ones, as PyTorch's `nn.HuberLoss()`.
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
pub struct Huber<T = f32> {
    /// `δ`, where the square becomes a line: positive and finite.
    pub delta: T,
}

/// `δ = 1`, as in PyTorch.
impl<T: Element> Default for Huber<T> {
    fn default() -> Self {
        Self { delta: T::ONE }
    }
}

impl<T: Element> Huber<T> {
    /// The mean over all elements of `d² / 2` where `|d| < δ`, else `δ (|d| − δ / 2)`.
    #[must_use]
    pub fn forward<const D: usize, const B: usize>(self, y_hat: &[[T; D]; B], y: &[[T; D]; B]) -> T {
        let half = T::from_f64(0.5);
        let mut sum = T::ZERO;
        for (y_hat, y) in y_hat.as_flattened().iter().zip(y.as_flattened()) {
            let error = (*y_hat - *y).abs();
            sum = sum
                + if error < self.delta {
                    half * error * error
                } else {
                    self.delta * (error - half * self.delta)
                };
        }
        sum / T::from_count(B * D)
    }

    /// `ŷ − y`, limited to `−δ` and `δ`, divided by `D`.
    #[must_use]
    pub fn backward<const D: usize, const B: usize>(
        self,
        y_hat: &[[T; D]; B],
        y: &[[T; D]; B],
    ) -> [[T; D]; B] {
        let scale = T::from_count(D).recip();
        let mut gradient = *y_hat;
        for (g, y) in gradient.as_flattened_mut().iter_mut().zip(y.as_flattened()) {
            *g = self.limit(Scalar, *g - *y) * scale;
        }
        gradient
    }

    /// `c`, the difference limited to `−δ` and `δ`, which is the derivative; NaN stays NaN.
    #[inline(always)]
    fn limit<I: Isa<T>>(self, isa: I, diff: I::V) -> I::V {
        let (least, most) = (isa.splat(-self.delta), isa.splat(self.delta));
        let not_above = isa.select(isa.lt(most, diff), most, diff);
        isa.select(isa.lt(diff, least), least, not_above)
    }

    /// `c` and `d − c / 2`, whose product both pieces of the loss are.
    #[inline(always)]
    fn factors<I: Isa<T>>(self, isa: I, diff: I::V) -> [I::V; 2] {
        let limited = self.limit(isa, diff);
        [limited, isa.mul_add(isa.splat(T::from_f64(-0.5)), limited, diff)]
    }
}

impl<T: Element, S: Shape<Elem = T>> Loss<S> for Huber<T> {
    type Target = Row<S>;

    fn check(&self, y: &[Row<S>]) -> Result<(), Error<T>> {
        if !(self.delta.is_finite() && self.delta > T::ZERO) {
            return Err(Error::HuberDelta(self.delta));
        }
        check_finite::<S>(y)
    }

    #[inline(always)]
    fn value<I: Isa<T>>(&self, isa: I, y_hat: &[Row<S>], y: &[Row<S>]) -> T {
        elementwise::<S, I>(
            isa,
            y_hat,
            y,
            #[inline(always)]
            |diff| self.factors(isa, diff),
        )
    }

    #[inline(always)]
    fn value_and_gradient<I: Isa<T>>(&self, isa: I, y_hat: &mut [Row<S>], y: &[Row<S>]) -> T {
        let scale = T::from_count(S::LEN).recip();
        elementwise_and_gradient::<S, I>(
            isa,
            y_hat,
            y,
            scale,
            #[inline(always)]
            |diff| self.factors(isa, diff),
        )
    }
}

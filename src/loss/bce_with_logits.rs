//! The binary cross-entropy of logits.

use num_traits::Float;

use super::{Loss, check_probabilities};
use crate::{Element, Error, Row, Shape, Zeroed, kernel::Isa};

/// The binary cross-entropy of each output on its own, as PyTorch's `nn.BCEWithLogitsLoss()`.
///
/// | quantity | shape | rule |
/// |---|---|---|
/// | `ŷ` | `(B, D)` | logits, any numbers: the probabilities are `σ(ŷ) = 1 / (1 + e^−ŷ)` |
/// | `y` | `(B, D)` | probabilities, from 0 to 1 |
/// | loss | scalar | the mean of `−y ln σ(ŷ) − (1 − y) ln(1 − σ(ŷ))` over all `B·D` elements |
/// | gradient | `(B, D)` | `(σ(ŷ) − y) / D`, per sample |
///
/// Computed as `max(ŷ, 0) − ŷ y + ln(1 + e^−|ŷ|)`, in which nothing overflows, however large a
/// logit is.
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
pub struct BceWithLogits;

impl BceWithLogits {
    /// The mean of `−y ln σ(ŷ) − (1 − y) ln(1 − σ(ŷ))` over all elements.
    #[must_use]
    pub fn forward<T: Element, const D: usize, const B: usize>(
        self,
        y_hat: &[[T; D]; B],
        y: &[[T; D]; B],
    ) -> T {
        mean(y_hat.as_flattened(), y.as_flattened())
    }

    /// `(σ(ŷ) − y) / D`
    #[must_use]
    pub fn backward<T: Element, const D: usize, const B: usize>(
        self,
        y_hat: &[[T; D]; B],
        y: &[[T; D]; B],
    ) -> [[T; D]; B] {
        let mut gradient = *y_hat;
        for (g, y) in gradient.as_flattened_mut().iter_mut().zip(y.as_flattened()) {
            let (_, slope) = element(*g, *y);
            *g = slope / T::from_count(D);
        }
        gradient
    }
}

impl<S: Shape> Loss<S> for BceWithLogits {
    type Target = Row<S>;

    fn check(&self, y: &[Row<S>]) -> Result<(), Error<S::Elem>> {
        check_probabilities::<S>(y)
    }

    #[inline(always)]
    fn value<I: Isa<S::Elem>>(&self, _: I, y_hat: &[Row<S>], y: &[Row<S>]) -> S::Elem {
        mean(S::flatten(y_hat), S::flatten(y))
    }

    #[inline(always)]
    fn value_and_gradient<I: Isa<S::Elem>>(&self, _: I, y_hat: &mut [Row<S>], y: &[Row<S>]) -> S::Elem {
        let (y_hat, y) = (S::flatten_mut(y_hat), S::flatten(y));
        let scale = S::Elem::from_count(S::LEN).recip();
        let mut sum = S::Elem::ZERO;
        for (y_hat, y) in y_hat.iter_mut().zip(y) {
            let (value, slope) = element(*y_hat, *y);
            sum = sum + value;
            *y_hat = slope * scale;
        }
        sum / S::Elem::from_count(y.len())
    }
}

/// The loss of all elements.
#[inline(always)]
fn mean<T: Element>(y_hat: &[T], y: &[T]) -> T {
    let mut sum = T::ZERO;
    for (y_hat, y) in y_hat.iter().zip(y) {
        let (value, _) = element(*y_hat, *y);
        sum = sum + value;
    }
    sum / T::from_count(y.len())
}

/// The loss of one element and its derivative, both from `e^−|ŷ|`, which is at most 1.
#[inline(always)]
fn element<T: Element>(y_hat: T, y: T) -> (T, T) {
    let e = (-y_hat.abs()).exp();
    let value = y_hat.max(T::ZERO) - y_hat * y + e.ln_1p();
    let sigma = if y_hat < T::ZERO { e } else { T::ONE } / (T::ONE + e);
    (value, sigma - y)
}

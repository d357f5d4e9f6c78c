//! The negative logarithm of a normal density.

use num_traits::Float;

use super::{Loss, check_finite};
use crate::{
    error::Error,
    layers::Features,
    simd::{Element, Simd},
};

/// The negative log-likelihood of a normal distribution, whose mean `μ` and logarithm of the variance `s = ln σ²` a network
/// predicts: PyTorch's `nn.GaussianNLLLoss()`, which takes `σ²` itself.
///
/// | quantity | rule |
/// |---|---|
/// | `ŷ` | `(B, 2)`: `μ` and `s` |
/// | loss | the mean of `(s + (y − μ)² exp(−s)) / 2` |
/// | gradient | `(μ − y) exp(−s)` and `(1 − (y − μ)² exp(−s)) / 2`, per sample |
///
/// As in PyTorch the constant `ln(2π)/2` is left out. PyTorch replaces variances below 1e-6; here none are replaced.
///
/// # Examples
///
/// ```
/// use constnet::GaussianNll;
///
/// // Variance 1 and 4.
/// let y_hat = [[1.0, 0.0], [0.0, 4.0_f64.ln()]];
/// let loss = GaussianNll.forward(&y_hat, &[[3.0], [2.0]]);
/// assert!((loss - (4.0 + 1.0 + 4.0_f64.ln()) / 4.0).abs() < 1e-15);
/// let gradient = GaussianNll.backward(&y_hat, &[[3.0], [2.0]]);
/// assert_eq!(gradient[0], [-2.0, -1.5]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
pub struct GaussianNll;

impl GaussianNll {
    /// The forward pass: the mean over the batch.
    #[must_use]
    pub fn forward<T: Element, const B: usize>(self, y_hat: &[[T; 2]; B], y: &[[T; 1]; B]) -> T {
        mean(y_hat.iter().zip(y).map(|(y_hat, [y])| value(*y_hat, *y)), B)
    }

    /// The backward pass: the gradient of each sample with respect to its prediction.
    #[must_use]
    pub fn backward<T: Element, const B: usize>(self, y_hat: &[[T; 2]; B], y: &[[T; 1]; B]) -> [[T; 2]; B] {
        core::array::from_fn(|b| gradient(y_hat[b], y[b][0]))
    }
}

fn mean<T: Element>(values: impl Iterator<Item = T>, count: usize) -> T {
    values.fold(T::ZERO, |sum, value| sum + value) / T::from_count(count)
}

fn value<T: Element>([mu, s]: [T; 2], y: T) -> T {
    let z = (mu - y) * inverse_deviation(s);
    (s + z * z) * T::from_f64(0.5)
}

fn gradient<T: Element>([mu, s]: [T; 2], y: T) -> [T; 2] {
    let inverse_deviation = inverse_deviation(s);
    let z = (mu - y) * inverse_deviation;
    [z * inverse_deviation, (T::ONE - z * z) * T::from_f64(0.5)]
}

/// `1/σ`. In `f32`, `1/σ²` would be infinite from `s = −89` on, and NaN times a difference of 0.
fn inverse_deviation<T: Element>(s: T) -> T {
    Float::exp(s * T::from_f64(-0.5))
}

impl<T: Element> Loss<Features<2, T>> for GaussianNll {
    type Target = [T; 1];

    fn check(&self, y: &[[T; 1]]) -> Result<(), Error<T>> {
        check_finite::<Features<1, T>>(y)
    }

    #[inline(always)]
    fn value<I: Simd<T>>(&self, _: I, y_hat: &[[T; 2]], y: &[[T; 1]]) -> T {
        mean(y_hat.iter().zip(y).map(|(y_hat, [y])| value(*y_hat, *y)), y.len())
    }

    #[inline(always)]
    fn value_and_gradient<I: Simd<T>>(&self, token: I, y_hat: &mut [[T; 2]], y: &[[T; 1]]) -> T {
        let value = self.value(token, y_hat, y);
        for (y_hat, [y]) in y_hat.iter_mut().zip(y) {
            *y_hat = gradient(*y_hat, *y);
        }
        value
    }
}

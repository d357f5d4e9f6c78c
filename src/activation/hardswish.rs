//! The SiLU with the piecewise linear sigmoid.

use super::Activation;
use crate::simd::{Element, Real};

crate::activation_layer! {
    /// The SiLU of `N` features with the piecewise linear sigmoid, `a = z max(0, min(z + 3, 6)) / 6`: PyTorch's
    /// `nn.Hardswish()`.
    ///
    /// | quantity | shape | rule |
    /// |---|---|---|
    /// | `z`, `a` | `(B, N)` | `a = z max(0, min(z + 3, 6)) / 6` |
    /// | `da`, `dz` | `(B, N)` | `dz = 0` where `z ≤ −3`, `da` where `z ≥ 3`, else `da (z / 3 + 1/2)` |
    ///
    /// The layer keeps its input for the backward pass: `a` does not determine `z`.
    ///
    /// After Howard et al., ["Searching for MobileNetV3"](https://arxiv.org/abs/1905.02244), 2019.
    ///
    /// # Examples
    ///
    /// ```
    /// use constnet::Hardswish;
    ///
    /// assert_eq!(Hardswish::new().forward(&[[-4.0, 1.0, 5.0]]), [[0.0, 4.0 / 6.0, 5.0]]);
    /// assert_eq!(Hardswish::new().backward(&[[-4.0, 0.0, 5.0]], &[[2.0; 3]]), [[0.0, 1.0, 2.0]]);
    /// ```
    pub struct Hardswish<N>: "Hardswish()", from input
}

impl<const N: usize, T: Element> Activation for Hardswish<N, T> {
    type Elem = T;

    #[inline(always)]
    fn forward<V: Real<T>>(z: V) -> V {
        let six = T::from_count(6);
        z * (z + T::from_count(3)).clamp(T::ZERO, six) / six
    }

    #[inline(always)]
    fn backward<V: Real<T>>(z: V, da: V) -> V {
        let three = T::from_count(3);
        let middle = da * (z / three + T::from_f64(0.5));
        z.select_le(-three, da.splat(T::ZERO), z.select_lt(three, middle, da))
    }
}

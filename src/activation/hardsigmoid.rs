//! The logistic function, approximated by three straight lines.

use super::Activation;
use crate::simd::{Element, Real};

crate::activation_layer! {
    /// The piecewise linear sigmoid of `N` features, `a = max(0, min(z + 3, 6)) / 6`: PyTorch's `nn.Hardsigmoid()`.
    ///
    /// | quantity | shape | rule |
    /// |---|---|---|
    /// | `z`, `a` | `(B, N)` | `a = max(0, min(z + 3, 6)) / 6` |
    /// | `da`, `dz` | `(B, N)` | `dz = da / 6` where `−3 < z < 3`, else 0 |
    ///
    /// ONNX's `HardSigmoid` and the `hard_sigmoid` of older versions of Keras have the slope 0.2 by default instead of
    /// 1/6.
    ///
    /// # Examples
    ///
    /// ```
    /// use constnet::Hardsigmoid;
    ///
    /// assert_eq!(Hardsigmoid::new().forward(&[[-4.0, 0.0, 1.5]]), [[0.0, 0.5, 0.75]]);
    /// assert_eq!(Hardsigmoid::new().backward(&[[-4.0, 0.0, 1.5]], &[[6.0; 3]]), [[0.0, 1.0, 1.0]]);
    /// ```
    pub struct Hardsigmoid<N>: "Hardsigmoid()", from output
}

impl<const N: usize, T: Element> Activation for Hardsigmoid<N, T> {
    type Elem = T;

    #[inline(always)]
    fn forward<V: Real<T>>(z: V) -> V {
        let six = T::from_count(6);
        (z + T::from_count(3)).clamp(T::ZERO, six) / six
    }

    #[inline(always)]
    fn backward<V: Real<T>>(a: V, da: V) -> V {
        let zero = da.splat(T::ZERO);
        a.select_le(T::ZERO, zero, a.select_lt(T::ONE, da / T::from_count(6), zero))
    }
}

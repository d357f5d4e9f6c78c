//! The rectified linear unit.

use super::Activation;
use crate::simd::{Element, Real};

crate::activation_layer! {
    /// The rectified linear unit of `N` features, `a = max(0, z)`: PyTorch's `nn.ReLU()`.
    ///
    /// The notebook's `relu_forward(z)` and `relu_backward(dout, a)`, which takes the gradient first, and the output `a`
    /// instead of the input `z`. The result is the same: `a ≤ 0` exactly where `z ≤ 0`.
    ///
    /// | quantity | shape | rule |
    /// |---|---|---|
    /// | `z`, `a` | `(B, N)` | `a = max(0, z)` |
    /// | `da`, `dz` | `(B, N)` | `dz = 0` where `z ≤ 0`, else `da` |
    ///
    /// The gradient at `z = 0` is 0, and NaN stays NaN, both as in PyTorch. (`f32::max` would turn NaN into 0
    /// and hide it.)
    ///
    /// # Examples
    ///
    /// The check cell of the notebook:
    ///
    /// ```
    /// use constnet::Relu;
    ///
    /// let relu = Relu::new();
    /// let z = [[1.0, -2.0, 0.0, 3.0], [-1.5, 2.5, -0.3, 0.0]];
    /// assert_eq!(relu.forward(&z), [[1.0, 0.0, 0.0, 3.0], [0.0, 2.5, 0.0, 0.0]]);
    /// assert_eq!(relu.backward(&z, &[[1.0; 4]; 2]), [[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 0.0, 0.0]]);
    /// ```
    // PyTorch's text; `backward` below gets the output `a`.
    pub struct Relu<N>: "ReLU()", from output
}

impl<const N: usize, T: Element> Activation for Relu<N, T> {
    type Elem = T;

    #[inline(always)]
    fn forward<V: Real<T>>(z: V) -> V {
        z.max(T::ZERO)
    }

    #[inline(always)]
    fn backward<V: Real<T>>(a: V, da: V) -> V {
        a.select_le(T::ZERO, da.splat(T::ZERO), da)
    }
}

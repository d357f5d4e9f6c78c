//! The leaky rectified linear unit.

use super::Activation;
use crate::simd::{Element, Real};

crate::activation_layer! {
    /// The leaky rectified linear unit of `N` features, `a = z`, or `z / 100` where `z` is negative: PyTorch's
    /// `nn.LeakyReLU()`.
    ///
    /// | quantity | shape | rule |
    /// |---|---|---|
    /// | `z`, `a` | `(B, N)` | `a = z` where `z > 0`, else `0.01 z` |
    /// | `da`, `dz` | `(B, N)` | `dz = da` where `z > 0`, else `0.01 da` |
    ///
    /// Another slope is given in percent as the second parameter of the type: `LeakyRelu<64, 20>` is
    /// `nn.LeakyReLU(negative_slope=0.2)`. So the slope takes no memory, and is known in `ZERO` too.
    ///
    /// # Examples
    ///
    /// ```
    /// use constnet::LeakyRelu;
    ///
    /// assert_eq!(LeakyRelu::<2>::new().forward(&[[2.0, -3.0]]), [[2.0, -0.03]]);
    ///
    /// let layer = LeakyRelu::<2, 20>::new();
    /// assert_eq!(layer.forward(&[[2.0, -3.0]]), [[2.0, -0.6]]);
    /// assert_eq!(layer.backward(&[[2.0, -3.0]], &[[1.0, 1.0]]), [[1.0, 0.2]]);
    /// ```
    pub struct LeakyRelu<N, PERCENT = 1>: "LeakyReLU(negative_slope={})" with Self::slope(), from output
}

impl<const N: usize, const PERCENT: usize, T: Element> LeakyRelu<N, PERCENT, T> {
    #[inline(always)]
    fn slope() -> T {
        T::from_count(PERCENT) / T::from_count(100)
    }
}

impl<const N: usize, const PERCENT: usize, T: Element> Activation for LeakyRelu<N, PERCENT, T> {
    type Elem = T;

    #[inline(always)]
    fn forward<V: Real<T>>(z: V) -> V {
        z.select_le(T::ZERO, z * Self::slope(), z)
    }

    /// `a ≤ 0` exactly where `z ≤ 0`, because the slope is not negative.
    #[inline(always)]
    fn backward<V: Real<T>>(a: V, da: V) -> V {
        a.select_le(T::ZERO, da * Self::slope(), da)
    }
}

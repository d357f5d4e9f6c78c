//! The hyperbolic tangent, approximated by three straight lines.

use super::Activation;
use crate::simd::{Element, Real};

crate::activation_layer! {
    /// Limits each of `N` features to the range from −1 to 1, `a = max(−1, min(z, 1))`: PyTorch's `nn.Hardtanh()`.
    ///
    /// | quantity | shape | rule |
    /// |---|---|---|
    /// | `z`, `a` | `(B, N)` | `a = max(−1, min(z, 1))` |
    /// | `da`, `dz` | `(B, N)` | `dz = da` where `−1 < z < 1`, else 0 |
    ///
    /// # Examples
    ///
    /// ```
    /// use constnet::Hardtanh;
    ///
    /// assert_eq!(Hardtanh::new().forward(&[[-2.0, 0.5, 1.0]]), [[-1.0, 0.5, 1.0]]);
    /// assert_eq!(Hardtanh::new().backward(&[[-2.0, 0.5, 1.0]], &[[3.0; 3]]), [[0.0, 3.0, 0.0]]);
    /// ```
    pub struct Hardtanh<N>: "Hardtanh(min_val=-1.0, max_val=1.0)", from output
}

impl<const N: usize, T: Element> Activation for Hardtanh<N, T> {
    type Elem = T;

    #[inline(always)]
    fn forward<V: Real<T>>(z: V) -> V {
        z.clamp(-T::ONE, T::ONE)
    }

    #[inline(always)]
    fn backward<V: Real<T>>(a: V, da: V) -> V {
        let zero = da.splat(T::ZERO);
        a.select_le(-T::ONE, zero, a.select_lt(T::ONE, da, zero))
    }
}

//! The sigmoid linear unit.

use super::Activation;
use crate::simd::{Element, Real};

crate::activation_layer! {
    /// The sigmoid linear unit of `N` features, `a = z σ(z)` with `σ(z) = 1 / (1 + exp(−z))`: PyTorch's
    /// `nn.SiLU()`, also called swish.
    ///
    /// | quantity | shape | rule |
    /// |---|---|---|
    /// | `z`, `a` | `(B, N)` | `a = z σ(z)` |
    /// | `da`, `dz` | `(B, N)` | `dz = da · σ(z) (1 + z (1 − σ(z)))` |
    ///
    /// # Examples
    ///
    /// ```
    /// use constnet::Silu;
    ///
    /// assert_eq!(Silu::new().forward(&[[0.0, 1000.0, -1000.0]]), [[0.0, 1000.0, 0.0]]);
    /// assert_eq!(Silu::new().backward(&[[0.0, 1000.0]], &[[4.0, 4.0]]), [[2.0, 4.0]]);
    /// ```
    pub struct Silu<N>: "SiLU()", from input
}

impl<const N: usize, T: Element> Activation for Silu<N, T> {
    type Elem = T;

    #[inline(always)]
    fn forward<V: Real<T>>(z: V) -> V {
        z * z.sigmoid()
    }

    #[inline(always)]
    fn backward<V: Real<T>>(z: V, da: V) -> V {
        let sigma = z.sigmoid();
        da * (sigma * z.mul_add(sigma.one_minus(), z.splat(T::ONE)))
    }
}

//! The hyperbolic tangent.

use super::Activation;
use crate::simd::{Element, Real};

crate::activation_layer! {
    /// The hyperbolic tangent of `N` features, `a = tanh(z)`: PyTorch's `nn.Tanh()`.
    ///
    /// | quantity | shape | rule |
    /// |---|---|---|
    /// | `z`, `a` | `(B, N)` | `a = tanh(z)` |
    /// | `da`, `dz` | `(B, N)` | `dz = da (1 − a²)` |
    ///
    /// # Examples
    ///
    /// ```
    /// use constnet::Tanh;
    ///
    /// let [[zero, a]]: [[f64; 2]; 1] = Tanh::new().forward(&[[0.0, 1.0]]);
    /// assert_eq!(zero, 0.0);
    /// assert!((a - 1_f64.tanh()).abs() < 1e-15);
    /// assert_eq!(Tanh::new().backward(&[[0.0, 100.0]], &[[3.0, 3.0]]), [[3.0, 0.0]]);
    /// ```
    pub struct Tanh<N>: "Tanh()", from output
}

impl<const N: usize, T: Element> Activation for Tanh<N, T> {
    type Elem = T;

    #[inline(always)]
    fn forward<V: Real<T>>(z: V) -> V {
        z.tanh()
    }

    #[inline(always)]
    fn backward<V: Real<T>>(a: V, da: V) -> V {
        da * (a * a).one_minus()
    }
}

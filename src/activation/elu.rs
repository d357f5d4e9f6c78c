//! The exponential linear unit.

use super::Activation;
use crate::simd::{Element, Real};

crate::activation_layer! {
    /// The exponential linear unit of `N` features, `a = z`, or `exp(z) − 1` where `z` is negative: PyTorch's
    /// `nn.ELU()`, with its default `alpha` of 1.
    ///
    /// | quantity | shape | rule |
    /// |---|---|---|
    /// | `z`, `a` | `(B, N)` | `a = z` where `z > 0`, else `exp(z) − 1` |
    /// | `da`, `dz` | `(B, N)` | `dz = da` where `z > 0`, else `da · exp(z) = da (a + 1)` |
    ///
    /// After Clevert, Unterthiner and Hochreiter, ["Fast and Accurate Deep Network Learning by Exponential Linear
    /// Units (ELUs)"](https://arxiv.org/abs/1511.07289), 2016.
    ///
    /// # Examples
    ///
    /// ```
    /// use constnet::Elu;
    ///
    /// assert_eq!(Elu::new().forward(&[[0.0, 2.0, -1000.0]]), [[0.0, 2.0, -1.0]]);
    /// assert_eq!(Elu::new().backward(&[[0.0, 2.0, -1000.0]], &[[3.0; 3]]), [[3.0, 3.0, 0.0]]);
    ///
    /// let [[a]]: [[f64; 1]; 1] = Elu::new().forward(&[[-1e-9]]);
    /// assert!((a - (-1e-9_f64).exp_m1()).abs() < 1e-24); // `exp(z) - 1.0` would be off by 1e-17
    /// ```
    pub struct Elu<N>: "ELU(alpha=1.0)", from output
}

impl<const N: usize, T: Element> Activation for Elu<N, T> {
    type Elem = T;

    /// `z` is limited to the range of `expm1`: below it, `exp(z) − 1` rounds to −1.
    #[inline(always)]
    fn forward<V: Real<T>>(z: V) -> V {
        let low = T::from_f64(-2.0) * T::TANH_RANGE;
        z.select_gt(T::ZERO, z, z.clamp(low, T::ZERO).expm1())
    }

    #[inline(always)]
    fn backward<V: Real<T>>(a: V, da: V) -> V {
        a.select_gt(T::ZERO, da, da * (a + T::ONE))
    }
}

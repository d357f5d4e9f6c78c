//! The smooth rectifier.

use super::Activation;
use crate::simd::{Element, Real};

crate::activation_layer! {
    /// The smooth rectifier of `N` features, `a = ln(1 + exp(z))`: PyTorch's `nn.Softplus()`.
    ///
    /// | quantity | shape | rule |
    /// |---|---|---|
    /// | `z`, `a` | `(B, N)` | `a = ln(1 + exp(z))`, and `z` where `z > 20` |
    /// | `da`, `dz` | `(B, N)` | `dz = da (1 − exp(−a))`, and `da` where `z > 20` |
    ///
    /// The numbers are PyTorch's defaults: `beta` is 1, and above a `threshold` of 20 the function is the identity,
    /// which differs there from `ln(1 + exp(z))` by `exp(−20)` at most, about 2e-9.
    ///
    /// # Examples
    ///
    /// ```
    /// use constnet::Softplus;
    ///
    /// let [[a, large]]: [[f64; 2]; 1] = Softplus::new().forward(&[[0.0, 1000.0]]);
    /// assert!((a - 2_f64.ln()).abs() < 1e-15);
    /// assert_eq!(large, 1000.0);
    ///
    /// let [[dz, large]]: [[f64; 2]; 1] = Softplus::new().backward(&[[0.0, 1000.0]], &[[4.0, 4.0]]);
    /// assert!((dz - 2.0).abs() < 1e-15);
    /// assert_eq!(large, 4.0);
    /// ```
    pub struct Softplus<N>: "Softplus(beta=1.0, threshold=20.0)", from output
}

/// PyTorch's `threshold`.
const THRESHOLD: f64 = 20.0;
/// The output at the threshold.
const AT_THRESHOLD: f64 = 20.000_000_002_061_154;

impl<const N: usize, T: Element> Activation for Softplus<N, T> {
    type Elem = T;

    #[inline(always)]
    fn forward<V: Real<T>>(z: V) -> V {
        z.select_gt(T::from_f64(THRESHOLD), z, z.softplus())
    }

    /// `f′(z) = 1 / (1 + exp(−z)) = 1 − exp(−a)`
    #[inline(always)]
    fn backward<V: Real<T>>(a: V, da: V) -> V {
        let threshold = T::from_f64(AT_THRESHOLD);
        let limited = a.select_gt(threshold, a.splat(threshold), a);
        let slope = -(-limited).expm1();
        a.select_gt(threshold, da, da * slope)
    }
}

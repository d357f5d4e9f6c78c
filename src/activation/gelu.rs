//! The Gaussian error linear unit: exact, and approximated by way of `tanh`.

use super::Activation;
use crate::simd::{Element, Real};

crate::activation_layer! {
    /// The Gaussian error linear unit of `N` features, `a = z Φ(z)`: PyTorch's `nn.GELU()`.
    ///
    /// `Φ(z) = (1 + erf(z/√2)) / 2` is the normal distribution function, `φ(z) = exp(−z²/2) / √(2π)` its density.
    ///
    /// | quantity | shape | rule |
    /// |---|---|---|
    /// | `z`, `a` | `(B, N)` | `a = z Φ(z)` |
    /// | `da`, `dz` | `(B, N)` | `dz = da (Φ(z) + z φ(z))` |
    ///
    /// # Examples
    ///
    /// ```
    /// use constnet::Gelu;
    ///
    /// assert_eq!(Gelu::new().forward(&[[0.0, 1000.0, -1000.0]]), [[0.0, 1000.0, 0.0]]);
    /// assert_eq!(Gelu::new().backward(&[[0.0, 1000.0]], &[[4.0, 4.0]]), [[2.0, 4.0]]);
    /// ```
    pub struct Gelu<N>: "GELU(approximate='none')", from input
}

impl<const N: usize, T: Element> Activation for Gelu<N, T> {
    type Elem = T;

    #[inline(always)]
    fn forward<V: Real<T>>(z: V) -> V {
        let [cdf, _] = z.normal();
        z * cdf
    }

    #[inline(always)]
    fn backward<V: Real<T>>(z: V, da: V) -> V {
        let [cdf, density] = z.normal();
        da * z.mul_add(density, cdf)
    }
}

crate::activation_layer! {
    /// The Gaussian error linear unit of `N` features, approximated by way of `tanh`: PyTorch's
    /// `nn.GELU(approximate='tanh')`.
    ///
    /// | quantity | shape | rule |
    /// |---|---|---|
    /// | `z`, `a` | `(B, N)` | `a = z (1 + tanh(u)) / 2` with `u = √(2/π) (z + 0.044715 z³)` |
    /// | `da`, `dz` | `(B, N)` | `dz = da (a/z + z (1 − tanh²(u)) u′ / 2)`, with `u′ = √(2/π) (1 + 0.134145 z²)` |
    ///
    /// Computed with the logistic function `σ`, as `a = z s` and `dz = da (s + z s (1 − s) 2u′)` with
    /// `s = σ(2u) = (1 + tanh(u)) / 2`. It differs from [`Gelu`](crate::Gelu) by 5e-4 at most.
    ///
    /// # Examples
    ///
    /// ```
    /// use constnet::{Gelu, GeluTanh};
    ///
    /// let [[exact]]: [[f64; 1]; 1] = Gelu::new().forward(&[[2.0]]);
    /// let [[approximate]] = GeluTanh::new().forward(&[[2.0]]);
    /// assert!(exact != approximate && (exact - approximate).abs() < 5e-4);
    /// ```
    pub struct GeluTanh<N>: "GELU(approximate='tanh')", from input
}

/// `√(2/π)`
const ROOT: f64 = 0.797_884_560_802_865_4;
/// The factor of `z³`.
const CUBE: f64 = 0.044_715;
/// Above this number the function is `z`, below minus this number it is 0; up to it nothing overflows.
const LIMIT: f64 = 30.0;

/// `σ(2u)`, which is `(1 + tanh(u)) / 2`, and `2u′`.
#[inline(always)]
fn sigma_and_slope<V: Real<T>, T: Element>(z: V) -> [V; 2] {
    let z = z.clamp(T::from_f64(-LIMIT), T::from_f64(LIMIT));
    let square = z * z;
    let constant = z.splat(T::from_f64(2.0 * ROOT));
    let double_u = z * square.scale_add(T::from_f64(2.0 * ROOT * CUBE), constant);
    let slope = square.scale_add(T::from_f64(6.0 * ROOT * CUBE), constant);
    [double_u.sigmoid(), slope]
}

impl<const N: usize, T: Element> Activation for GeluTanh<N, T> {
    type Elem = T;

    #[inline(always)]
    fn forward<V: Real<T>>(z: V) -> V {
        let [sigma, _] = sigma_and_slope(z);
        z * sigma
    }

    #[inline(always)]
    fn backward<V: Real<T>>(z: V, da: V) -> V {
        let [sigma, slope] = sigma_and_slope(z);
        let sigma_grad = sigma * sigma.one_minus();
        da * (z * sigma_grad).mul_add(slope, sigma)
    }
}

//! The Gaussian error linear unit, exact and by way of `tanh`.

use core::fmt;

use super::{Elementwise, FromInput, Function};
use crate::{
    Element,
    kernel::{Isa, Scalar, math},
};

/// The Gaussian error linear unit on `N` features, `a = z Φ(z)` with the normal distribution
/// `Φ(z) = (1 + erf(z/√2)) / 2`, as PyTorch's `nn.GELU()`.
///
/// | quantity | shape | rule |
/// |---|---|---|
/// | `z`, `a` | `(B, N)` | `a = z Φ(z)` |
/// | `da`, `dz` | `(B, N)` | `dz = da (Φ(z) + z φ(z))`, with the density `φ(z) = exp(−z²/2) / √(2π)` |
///
/// # Examples
///
/// ```
/// use constnet::Gelu;
///
/// assert_eq!(Gelu::new().forward(&[[0.0, 1000.0, -1000.0]]), [[0.0, 1000.0, 0.0]]);
/// assert_eq!(Gelu::new().backward(&[[0.0, 1000.0]], &[[4.0, 4.0]]), [[2.0, 4.0]]);
/// ```
pub type Gelu<const N: usize, T = f32> = Elementwise<GeluFn, N, T>;

/// `z Φ(z)`: see [`Gelu`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GeluFn;

impl<T: Element> Function<T> for GeluFn {
    type Kept = FromInput;

    #[inline(always)]
    fn value(z: T) -> T {
        let [below, _] = math::normal(Scalar, z);
        z * below
    }

    #[inline(always)]
    fn gradient(z: T, da: T) -> T {
        let [below, density] = math::normal(Scalar, z);
        da * (below + z * density)
    }

    #[inline(always)]
    fn forward<I: Isa<T>>(isa: I, z: I::V) -> I::V {
        let [below, _] = math::normal(isa, z);
        isa.mul(z, below)
    }

    #[inline(always)]
    fn backward<I: Isa<T>>(isa: I, z: I::V, da: I::V) -> I::V {
        let [below, density] = math::normal(isa, z);
        isa.mul(da, isa.mul_add(z, density, below))
    }

    fn describe(f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GELU(approximate='none')")
    }
}

/// The Gaussian error linear unit on `N` features, approximated by way of `tanh`, as PyTorch's
/// `nn.GELU(approximate='tanh')`.
///
/// | quantity | shape | rule |
/// |---|---|---|
/// | `z`, `a` | `(B, N)` | `a = z (1 + tanh(u)) / 2` with `u = √(2/π) (z + 0.044715 z³)` |
/// | `da`, `dz` | `(B, N)` | `dz = da (a/z + z (1 − tanh²(u)) u′ / 2)`, with `u′ = √(2/π) (1 + 0.134145 z²)` |
///
/// It is off [`Gelu`] by 5e-4 at most.
///
/// # Examples
///
/// ```
/// use constnet::{Gelu, GeluTanh};
///
/// let ([[exact]], [[near]]) = (Gelu::new().forward(&[[2.0]]), GeluTanh::new().forward(&[[2.0]]));
/// assert!(exact != near && (exact - near as f64).abs() < 5e-4);
/// ```
pub type GeluTanh<const N: usize, T = f32> = Elementwise<GeluTanhFn, N, T>;

/// `z (1 + tanh(u)) / 2`: see [`GeluTanh`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GeluTanhFn;

/// `√(2/π)`
const ROOT: f64 = 0.797_884_560_802_865_4;
/// The factor of `z³`.
const CUBE: f64 = 0.044_715;
/// Beyond this the function is 0 or the identity, and nothing overflows up to this.
const LIMIT: f64 = 30.0;

impl GeluTanhFn {
    /// `(1 + tanh(u)) / 2`, which is `σ(2u)`, and `2u′`.
    #[inline(always)]
    fn parts<I: Isa<T>, T: Element>(isa: I, z: I::V) -> [I::V; 2] {
        let z = math::clamp(isa, z, [T::from_f64(-LIMIT), T::from_f64(LIMIT)]);
        let square = isa.mul(z, z);
        let twice = isa.splat(T::from_f64(2.0 * ROOT));
        let u = isa.mul(z, isa.mul_add(square, isa.splat(T::from_f64(2.0 * ROOT * CUBE)), twice));
        let slope = isa.mul_add(square, isa.splat(T::from_f64(6.0 * ROOT * CUBE)), twice);
        [math::sigmoid(isa, u), slope]
    }
}

impl<T: Element> Function<T> for GeluTanhFn {
    type Kept = FromInput;

    #[inline(always)]
    fn value(z: T) -> T {
        let u = T::from_f64(ROOT) * (z + T::from_f64(CUBE) * z * z * z);
        z * (T::ONE + u.tanh()) * T::from_f64(0.5)
    }

    #[inline(always)]
    fn gradient(z: T, da: T) -> T {
        let t = (T::from_f64(ROOT) * (z + T::from_f64(CUBE) * z * z * z)).tanh();
        let slope = T::from_f64(ROOT) * (T::ONE + T::from_f64(3.0 * CUBE) * z * z);
        da * T::from_f64(0.5) * (T::ONE + t + z * (T::ONE - t * t) * slope)
    }

    #[inline(always)]
    fn forward<I: Isa<T>>(isa: I, z: I::V) -> I::V {
        let [sigma, _] = Self::parts(isa, z);
        isa.mul(z, sigma)
    }

    #[inline(always)]
    fn backward<I: Isa<T>>(isa: I, z: I::V, da: I::V) -> I::V {
        let [sigma, slope] = Self::parts(isa, z);
        let spread = isa.mul(sigma, isa.sub(isa.splat(T::ONE), sigma));
        isa.mul(da, isa.mul_add(isa.mul(z, spread), slope, sigma))
    }

    fn describe(f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GELU(approximate='tanh')")
    }
}

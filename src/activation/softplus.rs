//! The smooth rectifier.

use core::fmt;

use super::{Elementwise, FromOutput, Function};
use crate::{
    Element,
    kernel::{Isa, math},
};

/// The smooth rectifier of `N` features, `a = ln(1 + exp(z))`, as PyTorch's `nn.Softplus()`.
///
/// | quantity | shape | rule |
/// |---|---|---|
/// | `z`, `a` | `(B, N)` | `a = ln(1 + exp(z))` |
/// | `da`, `dz` | `(B, N)` | `dz = da (1 − exp(−a))`, and `da` where `z > 20` |
///
/// PyTorch's defaults: `beta` is 1, and above a `threshold` of 20 the function is the identity; up
/// to `exp(−20)`, about 2e-9, it is so anyhow.
///
/// # Examples
///
/// ```
/// use constnet::Softplus;
///
/// assert_eq!(Softplus::new().forward(&[[0.0, 1000.0]]), [[2.0_f64.ln(), 1000.0]]);
/// assert_eq!(Softplus::new().backward(&[[0.0, 1000.0]], &[[4.0, 4.0]]), [[2.0, 4.0]]);
/// ```
pub type Softplus<const N: usize, T = f32> = Elementwise<SoftplusFn, N, T>;

/// `ln(1 + exp(z))`: see [`Softplus`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SoftplusFn;

/// PyTorch's `threshold`.
const THRESHOLD: f64 = 20.0;
/// The output at the threshold.
const AT_THRESHOLD: f64 = 20.000_000_002_061_154;

impl<T: Element> Function<T> for SoftplusFn {
    type Kept = FromOutput;

    #[inline(always)]
    fn value(z: T) -> T {
        if z > T::from_f64(THRESHOLD) { z } else { z.exp().ln_1p() }
    }

    #[inline(always)]
    fn gradient(z: T, da: T) -> T {
        if z > T::from_f64(THRESHOLD) { da } else { da / (T::ONE + (-z).exp()) }
    }

    #[inline(always)]
    fn forward<I: Isa<T>>(isa: I, z: I::V) -> I::V {
        let a = math::softplus(isa, z);
        isa.select(isa.lt(isa.splat(T::from_f64(THRESHOLD)), z), z, a)
    }

    /// By `f′(z) = 1 / (1 + exp(−z)) = 1 − exp(−a)`.
    #[inline(always)]
    fn backward<I: Isa<T>>(isa: I, a: I::V, da: I::V) -> I::V {
        let threshold = isa.splat(T::from_f64(AT_THRESHOLD));
        let large = isa.lt(threshold, a);
        let minus_slope = math::expm1(isa, math::negate(isa, isa.select(large, threshold, a)));
        isa.select(large, da, isa.mul(da, math::negate(isa, minus_slope)))
    }

    fn describe(f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Softplus(beta=1.0, threshold=20.0)")
    }
}

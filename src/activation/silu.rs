//! The sigmoid linear unit.

use core::fmt;

use super::{Elementwise, FromInput, Function, SigmoidFn};
use crate::{
    Element,
    kernel::{Isa, math},
};

/// The sigmoid linear unit on `N` features, `a = z σ(z)` with `σ(z) = 1 / (1 + exp(−z))`, as
/// PyTorch's `nn.SiLU()`; also called swish.
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
pub type Silu<const N: usize, T = f32> = Elementwise<SiluFn, N, T>;

/// `z / (1 + exp(−z))`: see [`Silu`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SiluFn;

impl<T: Element> Function<T> for SiluFn {
    type Kept = FromInput;

    #[inline(always)]
    fn value(z: T) -> T {
        z * SigmoidFn::value(z)
    }

    #[inline(always)]
    fn gradient(z: T, da: T) -> T {
        let sigma = SigmoidFn::value(z);
        da * sigma * (T::ONE + z * (T::ONE - sigma))
    }

    #[inline(always)]
    fn forward<I: Isa<T>>(isa: I, z: I::V) -> I::V {
        isa.mul(z, math::sigmoid(isa, z))
    }

    #[inline(always)]
    fn backward<I: Isa<T>>(isa: I, z: I::V, da: I::V) -> I::V {
        let (one, sigma) = (isa.splat(T::ONE), math::sigmoid(isa, z));
        let factor = isa.mul_add(z, isa.sub(one, sigma), one);
        isa.mul(da, isa.mul(sigma, factor))
    }

    fn describe(f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SiLU()")
    }
}

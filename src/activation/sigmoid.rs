//! The logistic function.

use core::fmt;

use super::{Elementwise, FromOutput, Function};
use crate::{
    Element,
    kernel::{Isa, math},
};

/// The logistic function of `N` features, `a = 1 / (1 + exp(−z))`, as PyTorch's `nn.Sigmoid()`.
///
/// | quantity | shape | rule |
/// |---|---|---|
/// | `z`, `a` | `(B, N)` | `a = 1 / (1 + exp(−z))` |
/// | `da`, `dz` | `(B, N)` | `dz = da · a (1 − a)` |
///
/// # Examples
///
/// ```
/// use constnet::Sigmoid;
///
/// assert_eq!(Sigmoid::new().forward(&[[0.0, 1000.0, -1000.0]]), [[0.5, 1.0, 0.0]]);
/// assert_eq!(Sigmoid::new().backward(&[[0.0, 1000.0]], &[[8.0, 8.0]]), [[2.0, 0.0]]);
/// ```
pub type Sigmoid<const N: usize, T = f32> = Elementwise<SigmoidFn, N, T>;

/// `1 / (1 + exp(−z))`: see [`Sigmoid`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SigmoidFn;

impl<T: Element> Function<T> for SigmoidFn {
    type Kept = FromOutput;

    #[inline(always)]
    fn value(z: T) -> T {
        (T::ONE + (-z).exp()).recip()
    }

    #[inline(always)]
    fn gradient(z: T, da: T) -> T {
        let a = Self::value(z);
        da * a * (T::ONE - a)
    }

    #[inline(always)]
    fn forward<I: Isa<T>>(isa: I, z: I::V) -> I::V {
        math::sigmoid(isa, z)
    }

    #[inline(always)]
    fn backward<I: Isa<T>>(isa: I, a: I::V, da: I::V) -> I::V {
        isa.mul(da, isa.mul(a, isa.sub(isa.splat(T::ONE), a)))
    }

    fn describe(f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sigmoid()")
    }
}

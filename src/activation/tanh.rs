//! The hyperbolic tangent.

use core::fmt;

use super::{Elementwise, FromOutput, Function};
use crate::{
    Element,
    kernel::{Isa, math},
};

/// The hyperbolic tangent of `N` features, as PyTorch's `nn.Tanh()`.
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
/// assert_eq!(Tanh::new().forward(&[[0.0, 1.0]]), [[0.0, 1.0_f64.tanh()]]);
/// assert_eq!(Tanh::new().backward(&[[0.0, 100.0]], &[[3.0, 3.0]]), [[3.0, 0.0]]);
/// ```
pub type Tanh<const N: usize, T = f32> = Elementwise<TanhFn, N, T>;

/// `tanh(z)`: see [`Tanh`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TanhFn;

impl<T: Element> Function<T> for TanhFn {
    type Kept = FromOutput;

    #[inline(always)]
    fn value(z: T) -> T {
        z.tanh()
    }

    #[inline(always)]
    fn gradient(z: T, da: T) -> T {
        let a = z.tanh();
        da * (T::ONE - a * a)
    }

    #[inline(always)]
    fn forward<I: Isa<T>>(isa: I, z: I::V) -> I::V {
        math::tanh(isa, z)
    }

    #[inline(always)]
    fn backward<I: Isa<T>>(isa: I, a: I::V, da: I::V) -> I::V {
        isa.mul(da, isa.sub(isa.splat(T::ONE), isa.mul(a, a)))
    }

    fn describe(f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tanh()")
    }
}

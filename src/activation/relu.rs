//! The rectified linear unit.

use core::fmt;

use super::{Elementwise, FromOutput, Function};
use crate::{Element, kernel::Isa};

/// The rectified linear unit on `N` features, `a = max(0, z)`, as PyTorch's `nn.ReLU()`.
///
/// | quantity | shape | rule |
/// |---|---|---|
/// | `z`, `a` | `(B, N)` | `a = max(0, z)` |
/// | `da`, `dz` | `(B, N)` | `dz = 0` where `z ≤ 0`, else `da` |
///
/// The gradient at `z = 0` is 0, and NaN goes through as NaN, both as in PyTorch. (`f32::max`
/// would turn NaN into 0 and hide it.)
///
/// # Examples
///
/// The check cell of the notebook:
///
/// ```
/// use constnet::Relu;
///
/// let relu = Relu::new();
/// let z = [[1.0, -2.0, 0.0, 3.0], [-1.5, 2.5, -0.3, 0.0]];
/// assert_eq!(relu.forward(&z), [[1.0, 0.0, 0.0, 3.0], [0.0, 2.5, 0.0, 0.0]]);
/// assert_eq!(relu.backward(&z, &[[1.0; 4]; 2]), [[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 0.0, 0.0]]);
/// ```
pub type Relu<const N: usize, T = f32> = Elementwise<ReluFn, N, T>;

/// `max(0, z)`: see [`Relu`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReluFn;

impl<T: Element> Function<T> for ReluFn {
    type Kept = FromOutput;

    #[inline(always)]
    fn value(z: T) -> T {
        if z < T::ZERO { T::ZERO } else { z }
    }

    #[inline(always)]
    fn gradient(z: T, da: T) -> T {
        if z <= T::ZERO { T::ZERO } else { da }
    }

    #[inline(always)]
    fn forward<I: Isa<T>>(isa: I, z: I::V) -> I::V {
        isa.max(isa.splat(T::ZERO), z)
    }

    #[inline(always)]
    fn backward<I: Isa<T>>(isa: I, a: I::V, da: I::V) -> I::V {
        let zero = isa.splat(T::ZERO);
        isa.select(isa.le(a, zero), zero, da)
    }

    fn describe(f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReLU()")
    }
}

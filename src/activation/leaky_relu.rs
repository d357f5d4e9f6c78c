//! The leaky rectified linear unit.

use core::fmt;

use super::{Elementwise, FromOutput, Function};
use crate::{Element, kernel::Isa};

/// The leaky rectified linear unit on `N` features, `a = z` or `z / 100` where `z` is negative, as
/// PyTorch's `nn.LeakyReLU()`.
///
/// | quantity | shape | rule |
/// |---|---|---|
/// | `z`, `a` | `(B, N)` | `a = z` where `z > 0`, else `0.01 z` |
/// | `da`, `dz` | `(B, N)` | `dz = da` where `z > 0`, else `0.01 da` |
///
/// The slope is PyTorch's; another one is part of the type, in percent, so that it costs no memory
/// and `ZERO` has it too: see the example.
///
/// # Examples
///
/// ```
/// use constnet::{
///     LeakyRelu,
///     activation::{Elementwise, LeakyReluFn},
/// };
///
/// assert_eq!(LeakyRelu::new().forward(&[[2.0, -3.0]]), [[2.0, -0.03]]);
///
/// /// `nn.LeakyReLU(negative_slope=0.2)`
/// type Leakier<const N: usize> = Elementwise<LeakyReluFn<20>, N>;
///
/// assert_eq!(Leakier::new().forward(&[[2.0, -3.0]]), [[2.0, -0.6]]);
/// assert_eq!(Leakier::new().backward(&[[2.0, -3.0]], &[[1.0, 1.0]]), [[1.0, 0.2]]);
/// ```
pub type LeakyRelu<const N: usize, T = f32> = Elementwise<LeakyReluFn<1>, N, T>;

/// `z`, or so many percent of it where it is negative: see [`LeakyRelu`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeakyReluFn<const PERCENT: usize>;

impl<const PERCENT: usize> LeakyReluFn<PERCENT> {
    #[inline(always)]
    fn slope<T: Element>() -> T {
        T::from_count(PERCENT) / T::from_count(100)
    }
}

impl<T: Element, const PERCENT: usize> Function<T> for LeakyReluFn<PERCENT> {
    type Kept = FromOutput;

    #[inline(always)]
    fn value(z: T) -> T {
        if z <= T::ZERO { Self::slope::<T>() * z } else { z }
    }

    #[inline(always)]
    fn gradient(z: T, da: T) -> T {
        if z <= T::ZERO { Self::slope::<T>() * da } else { da }
    }

    #[inline(always)]
    fn forward<I: Isa<T>>(isa: I, z: I::V) -> I::V {
        let below = isa.mul(isa.splat(Self::slope()), z);
        isa.select(isa.le(z, isa.splat(T::ZERO)), below, z)
    }

    /// `a ≤ 0` where `z ≤ 0`, as the slope is not negative.
    #[inline(always)]
    fn backward<I: Isa<T>>(isa: I, a: I::V, da: I::V) -> I::V {
        let below = isa.mul(isa.splat(Self::slope()), da);
        isa.select(isa.le(a, isa.splat(T::ZERO)), below, da)
    }

    fn describe(f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LeakyReLU(negative_slope={})", Self::slope::<T>())
    }
}

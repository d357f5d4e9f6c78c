//! The element types of all arrays, `f32` and `f64`, and the value of all zeros.

use core::fmt::{Debug, Display, LowerExp};

use approx::{RelativeEq, UlpsEq};
use num_traits::{ConstOne, Float};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

use super::{Constants, Dispatch};

/// A type with an all-zero value known at compile time.
///
/// Every network, gradient, optimiser state and workspace has one, so that each of them can be
/// a `static` that costs no flash and no start-up code:
///
/// ```
/// use constnet::{Sequential, Zeroed, mlp};
/// use std::sync::Mutex;
///
/// static NET: Mutex<mlp![784, 512, 512, 10]> = Mutex::new(Zeroed::ZERO);
/// ```
pub trait Zeroed: Sized {
    /// The value in which every number is zero.
    const ZERO: Self;

    /// The same value on the heap. It is built there, so that it may be larger than the stack, in debug builds too.
    ///
    /// All types of this crate are [`bytemuck::Zeroable`]: all bytes of their zero are 0. Derive it for a
    /// [`CustomLayer`](crate::CustomLayer) and its cache.
    ///
    /// ```
    /// use constnet::{Cache, Zeroed, mlp};
    /// use rand::{SeedableRng, rngs::StdRng};
    ///
    /// let mut net: Box<mlp![784, 512, 512, 10]> = Zeroed::boxed();
    /// net.init(&mut StdRng::seed_from_u64(0));
    /// let (x, mut cache) = (vec![[0.5; 784]; 32], Cache::boxed());
    /// let y = net.forward(x.first_chunk::<32>().unwrap(), &mut cache).output();
    /// ```
    #[cfg(feature = "alloc")]
    #[must_use]
    fn boxed() -> alloc::boxed::Box<Self>
    where
        Self: bytemuck::Zeroable,
    {
        bytemuck::zeroed_box()
    }
}

impl Zeroed for () {
    const ZERO: Self = ();
}

impl Zeroed for u8 {
    const ZERO: Self = 0;
}

impl<A: Zeroed, B: Zeroed> Zeroed for (A, B) {
    const ZERO: Self = (A::ZERO, B::ZERO);
}

impl<T: Zeroed, const N: usize> Zeroed for [T; N] {
    const ZERO: Self = [const { T::ZERO }; N];
}

/// The element type of every array: `f32` or `f64`.
pub trait Element:
    Float
    + Zeroed
    + ConstOne
    + Dispatch
    + Constants
    + RelativeEq<Epsilon = Self>
    + UlpsEq
    + Default
    + Debug
    + Display
    + LowerExp
    + Send
    + Sync
    + 'static
{
    /// `x`, rounded to the nearest value of this type.
    #[must_use]
    fn from_f64(x: f64) -> Self;

    /// `n` as a number: exact up to 2²⁴ for `f32` and 2⁵³ for `f64`.
    #[must_use]
    fn from_count(n: usize) -> Self;

    /// A random number from the normal distribution of mean 0 and standard deviation 1.
    fn standard_normal<R: Rng + ?Sized>(rng: &mut R) -> Self;
}

macro_rules! element {
    ($float:ty) => {
        impl Zeroed for $float {
            const ZERO: Self = 0.0;
        }

        impl Element for $float {
            #[inline]
            fn from_f64(x: f64) -> Self {
                x as Self
            }

            #[inline]
            fn from_count(n: usize) -> Self {
                n as Self
            }

            #[inline]
            fn standard_normal<R: Rng + ?Sized>(rng: &mut R) -> Self {
                StandardNormal.sample(rng)
            }
        }
    };
}

element!(f32);
element!(f64);

/// The largest absolute value of some numbers, 0 if there are none, and NaN if one of them is.
pub(crate) fn largest_absolute<T: Element>(numbers: impl Iterator<Item = T>) -> T {
    // NaN is never smaller, and so stays the largest.
    numbers.map(T::abs).fold(T::ZERO, |a, b| if b < a || a.is_nan() { a } else { b })
}

//! One number at a time: for processors without vectors, and as the reference for all others.

use super::{Element, Simd};

/// Plain arithmetic, one element at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scalar;

impl<T: Element> Simd<T> for Scalar {
    type Register = T;
    type Mask = bool;
    const LANES: usize = 1;
    const REGISTERS: usize = 16;
    const HAS_FMA: bool = false;

    #[inline(always)]
    fn splat(self, value: T) -> T {
        value
    }

    #[inline(always)]
    fn load(self, from: &[T]) -> T {
        match from {
            [first, ..] => *first,
            [] => T::ZERO,
        }
    }

    #[inline(always)]
    fn store(self, to: &mut [T], value: T) {
        if let [first, ..] = to {
            *first = value;
        }
    }

    #[inline(always)]
    fn add(self, a: T, b: T) -> T {
        a + b
    }

    #[inline(always)]
    fn sub(self, a: T, b: T) -> T {
        a - b
    }

    #[inline(always)]
    fn mul(self, a: T, b: T) -> T {
        a * b
    }

    #[inline(always)]
    fn div(self, a: T, b: T) -> T {
        a / b
    }

    #[inline(always)]
    fn sqrt(self, a: T) -> T {
        a.sqrt()
    }

    // `Float::mul_add` without `std` would call a software routine of a hundred instructions.
    #[inline(always)]
    fn mul_add(self, a: T, b: T, c: T) -> T {
        a * b + c
    }

    #[inline(always)]
    fn power_of_two(self, n: T) -> T {
        T::power_of_two(n)
    }

    #[inline(always)]
    fn max(self, a: T, b: T) -> T {
        if b < a { a } else { b }
    }

    #[inline(always)]
    fn min(self, a: T, b: T) -> T {
        if a < b { a } else { b }
    }

    #[inline(always)]
    fn abs(self, a: T) -> T {
        a.abs()
    }

    #[inline(always)]
    fn lt(self, a: T, b: T) -> bool {
        a < b
    }

    #[inline(always)]
    fn le(self, a: T, b: T) -> bool {
        a <= b
    }

    #[inline(always)]
    fn all(self, mask: bool) -> bool {
        mask
    }

    #[inline(always)]
    fn select(self, mask: bool, yes: T, no: T) -> T {
        if mask { yes } else { no }
    }

    #[inline(always)]
    fn exchange(self, a: T, b: T, _: usize) -> [T; 2] {
        [a, b]
    }

    #[inline(always)]
    fn sum(self, a: T) -> T {
        a
    }
}

//! Sums of many numbers.

use crate::simd::{Element, Zeroed};

/// A sum whose error is about one rounding, however many numbers are added: Kahan's compensated summation.
///
/// A plain `f32` sum of millions of losses rounds each of them to a multiple of the sum's last digit; for 20 million
/// losses it is several per cent off.
#[derive(Clone, Copy)]
pub(super) struct CompensatedSum<T> {
    sum: T,
    /// The rounding error of the last addition, which is subtracted from the next number.
    compensation: T,
}

impl<T: Element> Zeroed for CompensatedSum<T> {
    const ZERO: Self = Self { sum: T::ZERO, compensation: T::ZERO };
}

impl<T: Element> CompensatedSum<T> {
    /// Adds a number.
    #[inline]
    pub(super) fn add(&mut self, number: T) {
        let number = number - self.compensation;
        let sum = self.sum + number;
        let compensation = (sum - self.sum) - number;
        // An infinite sum stays infinite: its compensation would make it NaN.
        *self = Self { sum, compensation: if sum.is_finite() { compensation } else { T::ZERO } };
    }

    /// Adds another sum.
    #[cfg(feature = "rayon")]
    pub(super) fn add_sum(&mut self, other: Self) {
        self.add(other.sum);
        self.add(-other.compensation);
    }

    /// The sum.
    pub(super) const fn total(self) -> T {
        self.sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(numbers: impl Iterator<Item = f32>) -> CompensatedSum<f32> {
        let mut sum = CompensatedSum::ZERO;
        numbers.for_each(|number| sum.add(number));
        sum
    }

    /// In a plain `f32` sum, 20 million times 0.1 is 2,097,152: from there on, 0.1 is less than half of the last digit.
    #[test]
    fn sums_of_20_million_numbers_are_exact_to_rounding() {
        const COUNT: usize = 20_000_000;
        let expected = (f64::from(0.1_f32) * COUNT as f64) as f32;
        assert_eq!(sum(core::iter::repeat_n(0.1, COUNT)).total(), expected);
    }

    /// A plain `f32` sum stays at 2²⁴, from where on it cannot be increased by 1.
    #[test]
    fn small_numbers_beside_large_ones_are_not_lost() {
        let numbers = core::iter::once(16_777_216.0).chain(core::iter::repeat_n(1.0, 10_000));
        assert_eq!(sum(numbers).total(), 16_787_216.0);
    }

    #[test]
    fn an_overflow_is_infinite() {
        assert_eq!(sum([f32::MAX, f32::MAX, 1.0].into_iter()).total(), f32::INFINITY);
        assert!(sum([1.0, f32::NAN].into_iter()).total().is_nan());
    }

    #[cfg(feature = "rayon")]
    #[test]
    fn the_sum_of_two_sums() {
        // Each holds 1 more or less than `f32` can represent.
        let mut both = sum([16_777_216.0, 1.0].into_iter());
        both.add_sum(sum([33_554_432.0, 2.0, 1.0].into_iter()));
        assert_eq!(both.total(), 50_331_652.0);
    }
}

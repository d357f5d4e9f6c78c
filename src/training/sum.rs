//! Sums of many numbers.

use crate::simd::{Element, Zeroed};

/// A sum of twice the precision of its numbers: compensated summation.
///
/// So the sum of millions of losses is as exact as one rounding; in a plain `f32` sum, losses are rounded to multiples
/// of the sum's last digit, and 20 million of them are several per cent off.
#[derive(Clone, Copy)]
pub(super) struct CompensatedSum<T> {
    /// The sum, rounded.
    sum: T,
    /// What the rounding left out: at most half of the last digit of `sum`.
    rest: T,
}

impl<T: Element> Zeroed for CompensatedSum<T> {
    const ZERO: Self = Self { sum: T::ZERO, rest: T::ZERO };
}

impl<T: Element> CompensatedSum<T> {
    /// Adds a number. The rounding error is computed exactly, by `TwoSum` (Knuth, The Art of Computer Programming 2,
    /// section 4.2.2). The rest is added to the sum each time: the errors alone would be a plain sum, too, with the same
    /// problem.
    pub(super) fn add(&mut self, number: T) {
        let sum = self.sum + number;
        if !sum.is_finite() {
            return *self = Self { sum, rest: T::ZERO };
        }
        let added = sum - self.sum;
        let error = (self.sum - (sum - added)) + (number - added);
        let rest = self.rest + error;
        self.sum = sum + rest;
        self.rest = rest - (self.sum - sum);
    }

    /// Adds another sum.
    #[cfg(feature = "rayon")]
    pub(super) fn add_sum(&mut self, other: Self) {
        self.add(other.sum);
        self.add(other.rest);
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

    #[test]
    fn small_numbers_beside_large_ones_are_not_lost() {
        assert_eq!(sum([1.0, 1e30, 1.0, -1e30].into_iter()).total(), 2.0);
        assert_eq!(sum([1e30, 1.0, -1e30, 1.0].into_iter()).total(), 2.0);
    }

    #[test]
    fn an_overflow_is_infinite() {
        assert_eq!(sum([f32::MAX, f32::MAX, 1.0].into_iter()).total(), f32::INFINITY);
        assert!(sum([1.0, f32::NAN].into_iter()).total().is_nan());
    }

    #[cfg(feature = "rayon")]
    #[test]
    fn the_sum_of_two_sums() {
        let mut both = sum([1e30, 1.0].into_iter());
        both.add_sum(sum([-1e30, 2.0].into_iter()));
        assert_eq!(both.total(), 3.0);
    }
}

//! Real numbers: the trait in which formulas are written.

use core::ops::{Add, Div, Mul, Neg, Sub};

use super::Element;

/// A real number, or several of them in the lanes of a vector register: the type that formulas are written
/// in.
///
/// All operators and functions work lane by lane. The second operand of `+ - * /` is another `V`, or one
/// number of type `T` for all lanes.
///
/// Rust never fuses `a * b + c` into one instruction: where speed or the last bit matters, use
/// [`mul_add`](Self::mul_add) or [`scale_add`](Self::scale_add).
///
/// # Examples
///
/// The logistic function, written once, here for a single number:
///
/// ```
/// use constnet::simd::{Element, Real, Vector};
///
/// #[inline(always)]
/// fn logistic<V: Real<T>, T: Element>(z: V) -> V {
///     z.splat(T::ONE) / ((-z).exp() + T::ONE)
/// }
///
/// assert_eq!(logistic(Vector::number(0.0)).get(), 0.5);
/// ```
pub trait Real<T: Element>:
    Copy
    + Neg<Output = Self>
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Add<T, Output = Self>
    + Sub<T, Output = Self>
    + Mul<T, Output = Self>
    + Div<T, Output = Self>
{
    /// The number of lanes.
    const LANES: usize;

    /// The same number in every lane. (`self` is not used: it only says which instruction set to use.)
    #[must_use]
    fn splat(self, number: T) -> Self;
    /// `self · a + b`, rounded once if the processor has a fused multiply-add, else twice.
    #[must_use]
    fn mul_add(self, a: Self, b: Self) -> Self;
    /// `factor · self + b`, rounded like [`mul_add`](Self::mul_add).
    #[must_use]
    #[inline(always)]
    fn scale_add(self, factor: T, b: Self) -> Self {
        self.splat(factor).mul_add(self, b)
    }
    /// `1 − self`
    #[must_use]
    #[inline(always)]
    fn one_minus(self) -> Self {
        self.splat(T::ONE) - self
    }
    /// The larger of `self` and `bound`; NaN stays NaN.
    #[must_use]
    fn max(self, bound: T) -> Self;
    /// The smaller of `self` and `bound`; NaN stays NaN.
    #[must_use]
    fn min(self, bound: T) -> Self;
    /// `self`, limited to the range from `low` to `high`; NaN stays NaN.
    #[must_use]
    #[inline(always)]
    fn clamp(self, low: T, high: T) -> Self {
        self.max(low).min(high)
    }
    /// `yes` where `self < bound`, else `no`, also where `self` is NaN.
    #[must_use]
    fn select_lt(self, bound: T, yes: Self, no: Self) -> Self;
    /// `yes` where `self <= bound`, else `no`, also where `self` is NaN.
    #[must_use]
    fn select_le(self, bound: T, yes: Self, no: Self) -> Self;
    /// `yes` where `self > bound`, else `no`, also where `self` is NaN.
    #[must_use]
    fn select_gt(self, bound: T, yes: Self, no: Self) -> Self;
    /// `|self|`
    #[must_use]
    fn abs(self) -> Self;
    /// The square root.
    #[must_use]
    fn sqrt(self) -> Self;
    /// `exp(self)`
    #[must_use]
    fn exp(self) -> Self;
    /// `exp(self) − 1`, precise around 0, for `self` between −20 and 20.
    #[must_use]
    fn expm1(self) -> Self;
    /// `tanh(self)`
    #[must_use]
    fn tanh(self) -> Self;
    /// The logistic function, `1 / (1 + exp(−self))`.
    #[must_use]
    fn sigmoid(self) -> Self;
    /// `ln(1 + exp(self))`
    #[must_use]
    fn softplus(self) -> Self;
    /// `2ⁿ`, for a whole number `n` for which `2ⁿ` is a normal number.
    #[must_use]
    fn power_of_two(self) -> Self;
    /// `Φ(self)` and `φ(self)`: the standard normal distribution function and its density.
    #[must_use]
    fn normal(self) -> [Self; 2];
}

//! The largest gradients with which a step gives finite numbers.

use num_traits::Float;

use crate::{layers::FiniteCheck, simd::Element};

/// `MAX · ε / 4`: added to any finite number, it cannot overflow, because it is less than half the distance between the two
/// largest numbers. For `f32` 1e31.
#[inline(always)]
pub(super) fn largest_change<T: Element>() -> T {
    T::max_value() * T::epsilon() * T::from_f64(0.25)
}

/// `√MAX / 2`, whose square does not overflow. For `f32` 9e18.
#[inline(always)]
pub(super) fn largest_squared<T: Element>() -> T {
    T::max_value().sqrt() * T::from_f64(0.5)
}

/// The largest absolute value of a gradient `g` for which a running mean of squares, `s ← beta · s + (1 − beta) · g²`, and the
/// change of a parameter, `step_size · m / (√s + eps)`, are finite. `root` is `√(1 − beta)`, and `m`, a mean of gradients, is
/// at most `quotient · √s`. If the change is then too large, `eps` limits it: no mean of gradients is larger than they are.
#[inline(always)]
pub(super) fn largest_gradient<T: Element>(step_size: T, quotient: T, root: T, eps: T) -> T {
    // For smaller `g`, `s` may be 0.
    let smallest = Float::sqrt(T::min_positive_value()) / root;
    let change = step_size.abs() * (quotient + smallest / eps);
    if change < largest_change() {
        largest_squared()
    } else {
        smaller(largest_change::<T>() * eps / step_size.abs(), largest_squared())
    }
}

/// The smaller of two numbers, or NaN if the first is NaN. (`Float::min` returns the other.)
#[inline(always)]
pub(super) fn smaller<T: Element>(a: T, b: T) -> T {
    if b < a { b } else { a }
}

/// The check that a rule asks for if its steps are finite for gradients of up to `largest`, and if its hyperparameters are
/// valid. If they are not, no gradient passes.
#[inline(always)]
pub(super) fn gradients_up_to<T: Element>(largest: T, is_valid: bool) -> FiniteCheck<T> {
    FiniteCheck::Gradient(if is_valid { T::max_value() / largest } else { T::nan() })
}

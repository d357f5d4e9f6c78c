//! The exponential function and those computed from it: `exp`, `tanh`, the logistic function, softplus, the
//! normal distribution.
//!
//! Each function reduces its argument to a short range and evaluates a polynomial there, without a branch,
//! so that all lanes take the same instructions. NaN gives NaN, infinities give the limits. The largest
//! errors in units in the last place, asserted by the tests below:
//!
//! | function | `f32` | `f64` |
//! |---|---|---|
//! | [`exp`](super::Real::exp) | 2 | 2 |
//! | [`tanh`](super::Real::tanh) | 3 | 5 |
//! | [`sigmoid`](super::Real::sigmoid) | 4 | 4 |
//! | [`softplus`](super::Real::softplus) | 3 | 3 |
//! | [`normal`](super::Real::normal), `φ` and, for `z < 0`, `Φ` | 8 + z²/2 | 8 + z²/2 |
//! | [`normal`](super::Real::normal), `Φ` for `z ≥ 0` | 4 | 4 |

use super::{Element, Real};

/// A polynomial. The coefficient of the highest power comes first.
#[inline(always)]
fn polynomial<V: Real<T>, T: Element>(coefficients: &[T], x: V) -> V {
    let mut sum = x.splat(T::ZERO);
    // `fold` is not always inlined, and must be: see `Kernel::run`.
    for c in coefficients {
        sum = sum.mul_add(x, x.splat(*c));
    }
    sum
}

/// The nearest whole number, for a number that is not large.
#[inline(always)]
fn round<V: Real<T>, T: Element>(x: V) -> V {
    x + T::ROUND_MAGIC - T::ROUND_MAGIC
}

/// `n` and `q` with `exp(x) = 2ⁿ (1 + q)`: `x = n ln 2 + r` with `|r| ≤ ln 2 / 2`, and the series
/// `q = exp(r) − 1 = r + r² (1/2! + r/3! + …)`.
#[inline(always)]
fn reduced<V: Real<T>, T: Element>(x: V) -> [V; 2] {
    let n = round(x * T::LOG2_E);
    let r = n.scale_add(-T::LN_2, x);
    let r = n.scale_add(-T::LN_2_LOW, r);
    let q = (r * r).mul_add(polynomial(T::FACTORIALS, r), r);
    [n, q]
}

/// `exp(x)`
///
/// `2ⁿ` is computed as a product of two factors, because at the ends of the range it is not a normal number
/// itself.
#[inline(always)]
pub(super) fn exp<V: Real<T>, T: Element>(x: V) -> V {
    let [low, high] = T::EXP_RANGE;
    let [n, q] = reduced(x.clamp(low, high));
    let half = round(n * T::from_f64(0.5));
    (q + T::ONE) * half.power_of_two() * (n - half).power_of_two()
}

/// `exp(x) − 1`, precise around 0, for `x` between minus and plus twice [`Constants::TANH_RANGE`].
///
/// Computed as `2ⁿ (1 + q) − 1 = 2ⁿ q + (2ⁿ − 1)`, in which no digits cancel.
#[inline(always)]
pub(super) fn expm1<V: Real<T>, T: Element>(x: V) -> V {
    let [n, q] = reduced(x);
    let power = n.power_of_two();
    power.mul_add(q, power - T::ONE)
}

/// `tanh(x) = e / (e + 2)` with `e = exp(2x) − 1`.
#[inline(always)]
pub(super) fn tanh<V: Real<T>, T: Element>(x: V) -> V {
    let x = x.clamp(-T::TANH_RANGE, T::TANH_RANGE);
    let e = expm1(x + x);
    e / (e + T::from_f64(2.0))
}

/// `ln(1 + exp(x)) = max(x, 0) + ln(1 + e)` with `e = exp(−|x|) ≤ 1`, and `ln(1 + e) = 2 artanh(s)` with
/// `s = e / (2 + e) ≤ 1/3`, and the series `2 artanh(s) = 2s + s³ (2/3 + 2s²/5 + …)`.
#[inline(always)]
pub(super) fn softplus<V: Real<T>, T: Element>(x: V) -> V {
    let e = exp(-x.abs());
    let s = e / (e + T::from_f64(2.0));
    let square = s * s;
    let logarithm = (s + s) + square * s * polynomial(T::ATANH_SERIES, square);
    x.select_lt(T::ZERO, x.splat(T::ZERO), x) + logarithm
}

/// `Φ(z)` and `φ(z)`: the standard normal distribution function and its density.
///
/// `Φ(−u) = exp(−u²/2) erfcx(u/√2) / 2` for `u ≥ 0`, where `erfcx(u/√2) / 2 = d P(s)` with
/// `d = 1 / (5 + u)`, `s = (5 − u) d` and a polynomial `P`.
///
/// The substitution is that of M. Shepherd and J. Laframboise, "Chebyshev approximation of
/// (1 + 2x) exp(x²) erfc x in 0 ≤ x < ∞", Mathematics of Computation 36, 1981.
#[inline(always)]
pub(super) fn normal<V: Real<T>, T: Element>(z: V) -> [V; 2] {
    let five = z.splat(T::from_f64(5.0));
    let u = z.abs().clamp(T::ZERO, T::ERFCX_RANGE);
    let e = exp(u * u * T::from_f64(-0.5));
    let d = z.splat(T::ONE) / (five + u);
    let s = (five - u) * d;
    let tail = e * (d * polynomial(T::ERFCX_POLY, s));
    let below = z.select_lt(T::ZERO, tail, tail.one_minus());
    [below, e * T::from_f64(0.398_942_280_401_432_7)]
}

#[cfg(test)]
mod tests {
    use std::{format, string::String, vec, vec::Vec};

    use crate::simd::{Element, Kernel, Real, Simd, Vector, transform};

    #[rustfmt::skip]
    #[expect(clippy::approx_constant, reason = "computed values, some of which are well known")]
    mod values {
        include!("../../tests/data/functions.rs");
        pub(super) static ALL: [[f64; 7]; VALUES.len()] = VALUES;
    }

    /// A function by its number in the table of values.
    #[derive(Clone, Copy, Debug)]
    enum Of {
        Exp = 1,
        Tanh = 2,
        Sigmoid = 3,
        Softplus = 4,
        Normal = 5,
        Density = 6,
    }

    const ALL: [Of; 6] = [Of::Exp, Of::Tanh, Of::Sigmoid, Of::Softplus, Of::Normal, Of::Density];

    #[inline(always)]
    fn function<V: Real<T>, T: Element>(of: Of, x: V) -> V {
        match of {
            Of::Exp => x.exp(),
            Of::Tanh => x.tanh(),
            Of::Sigmoid => x.sigmoid(),
            Of::Softplus => x.softplus(),
            Of::Normal => x.normal()[0],
            Of::Density => x.normal()[1],
        }
    }

    /// A function of all numbers, in vectors where there are some.
    fn all<T: Element>(of: Of, x: &[T]) -> Vec<T> {
        struct All<'a, T>(Of, &'a [T], &'a mut [T]);
        impl<T: Element> Kernel<T> for All<'_, T> {
            type Output = ();

            #[inline(always)]
            fn run<S: Simd<T>>(self, simd: S) {
                transform(
                    simd,
                    self.2,
                    self.1,
                    #[inline(always)]
                    |_, x| function(self.0, x),
                );
            }
        }
        let mut y = vec![T::ZERO; x.len()];
        T::dispatch(All(of, x, &mut y));
        y
    }

    /// How many units in the last place a number is off. Where it should be less than the least
    /// normal number it may be anything below: `exp(−x)` overflows before `1 / (1 + exp(−x))` is 0.
    fn ulps<T: Element>(found: T, exact: f64) -> f64 {
        let found: f64 = found.to_f64().expect("a number");
        let as_found = T::from_f64(exact).to_f64().expect("a number");
        if found == as_found || found.is_nan() && exact.is_nan() {
            return 0.0;
        }
        if !found.is_finite() || !as_found.is_finite() {
            return f64::INFINITY;
        }
        let least = T::min_positive_value().to_f64().expect("a number");
        if exact.abs() < least {
            return if found.abs() <= least { 0.0 } else { f64::INFINITY };
        }
        let unit = 2.0_f64.powi(exact.abs().log2().floor() as i32);
        (found - exact).abs() / (unit * T::epsilon().to_f64().expect("a number"))
    }

    /// What a function may be off: the bound in the table at the top of this file.
    fn bound<T: Element>(of: Of, x: f64) -> f64 {
        match of {
            Of::Exp => 2.0,
            Of::Tanh if T::epsilon() < T::from_f64(1e-10) => 5.0,
            Of::Tanh | Of::Softplus => 3.0,
            Of::Sigmoid => 4.0,
            Of::Normal if x >= 0.0 => 4.0,
            Of::Normal | Of::Density => 8.0 + x * x / 2.0,
        }
    }

    #[derive(Default)]
    struct Worst {
        share: f64,
        what: String,
    }

    impl Worst {
        fn see<T: Element>(&mut self, of: Of, x: T, found: T, exact: f64) {
            let off = ulps(found, exact);
            let share = off / bound::<T>(of, x.to_f64().expect("a number"));
            if share > self.share {
                *self = Self { share, what: format!("{of:?}({x:e}) = {found:e}, off by {off:.2} units") };
            }
        }

        fn check(self) {
            assert!(self.share <= 1.0, "{}", self.what);
        }
    }

    /// The recorded values, to the bounds of the table.
    #[test]
    fn values_in_f64() {
        let x: Vec<f64> = values::ALL.iter().map(|row| row[0]).collect();
        for of in ALL {
            let mut worst = Worst::default();
            for (found, row) in all(of, &x).into_iter().zip(values::ALL) {
                worst.see(of, row[0], found, row[of as usize]);
            }
            worst.check();
        }
    }

    /// Numbers of every size, against the functions of the standard library or, for want of one
    /// there, those in f64 here.
    #[test]
    fn sweep_in_f32() {
        let stride = if cfg!(debug_assertions) { 40_009 } else { 1_009 };
        let x: Vec<f32> = (0..=u32::MAX).step_by(stride).map(f32::from_bits).collect();
        for of in ALL {
            let mut worst = Worst::default();
            for (found, x) in all(of, &x).into_iter().zip(&x) {
                let exact = f64::from(*x);
                let exact = match of {
                    Of::Exp => exact.exp(),
                    Of::Tanh => exact.tanh(),
                    Of::Sigmoid => 1.0 / (1.0 + (-exact).exp()),
                    Of::Softplus => exact.max(0.0) + (-exact.abs()).exp().ln_1p() + 0.0 * exact,
                    Of::Normal | Of::Density => function(of, Vector::number(exact)).get(),
                };
                worst.see(of, *x, found, exact);
            }
            worst.check();
        }
    }

    /// Evenly over the range where the functions are neither 0 nor constant.
    #[test]
    fn sweep_in_f64() {
        let steps = if cfg!(debug_assertions) { 20_000 } else { 1_000_000 };
        let x: Vec<f64> = (-steps..=steps).map(|i| 40.0 * f64::from(i) / f64::from(steps)).collect();
        for of in [Of::Exp, Of::Tanh] {
            let mut worst = Worst::default();
            for (found, x) in all(of, &x).into_iter().zip(&x) {
                let exact = match of {
                    Of::Exp => x.exp(),
                    _ => x.tanh(),
                };
                worst.see(of, *x, found, exact);
            }
            worst.check();
        }
    }

    #[test]
    fn not_numbers_and_infinities() {
        for (of, below, above) in [
            (Of::Exp, 0.0, f32::INFINITY),
            (Of::Tanh, -1.0, 1.0),
            (Of::Sigmoid, 0.0, 1.0),
            (Of::Softplus, 0.0, f32::INFINITY),
            (Of::Normal, 0.0, 1.0),
            (Of::Density, 0.0, 0.0),
        ] {
            let found = all(of, &[f32::NEG_INFINITY, f32::INFINITY, f32::NAN]);
            assert_eq!(found[..2], [below, above], "{of:?}");
            assert!(found[2].is_nan(), "{of:?}");
            let found = all(of, &[f64::NEG_INFINITY, f64::INFINITY, f64::NAN]);
            assert_eq!(found[..2], [f64::from(below), f64::from(above)], "{of:?}");
            assert!(found[2].is_nan(), "{of:?}");
        }
    }

    /// Around 0, where `exp(x) − 1` would be mostly rounding.
    #[test]
    fn expm1_is_precise_around_0() {
        for x in [1e-300, -1e-17, 1e-9, -1e-5, 1e-3, -0.2, 0.35, -1.0, 20.0, -20.0] {
            let found = Vector::number(x).expm1().get();
            assert!(ulps(found, f64::exp_m1(x)) <= 2.0, "{x}: {found}");
        }
    }
}

//! The exponential and what is made of it, in vectors: `exp`, `tanh`, the logistic function,
//! softplus, the normal distribution.
//!
//! Each takes an argument to a short range and has a polynomial there, without a branch, so that
//! all lanes go the same way. NaN goes through, infinities give the limits. The greatest errors,
//! in units in the last place, which the tests below hold them to:
//!
//! | function | `f32` | `f64` |
//! |---|---|---|
//! | [`exp`] | 2 | 2 |
//! | [`tanh`] | 3 | 5 |
//! | [`sigmoid`] | 4 | 4 |
//! | [`softplus`] | 3 | 3 |
//! | [`normal`], `φ` and, for `z < 0`, `Φ` | 8 + z²/2 | 8 + z²/2 |
//! | [`normal`], `Φ` for `z ≥ 0` | 4 | 4 |
//!
//! Without vectors the same code is compiled once and called, not inlined: see [`shared`].

#![expect(clippy::excessive_precision, reason = "one constant serves both element types")]

use super::{Isa, Scalar};
use crate::Element;

/// What the functions need to know of an element.
pub trait Constants: Sized + 'static {
    /// `1 / ln 2`
    const LOG2_E: Self;
    /// `ln 2`, the leading bits: times a whole number of [`exp`]'s range they are exact.
    const LN_2: Self;
    /// `ln 2`, what is missing above.
    const LN_2_REST: Self;
    /// What leaves a whole number behind when it is added and taken away: `1.5 · 2²³`, for `f64`
    /// `1.5 · 2⁵²`.
    const WHOLE: Self;
    /// Below this, `exp` is 0, and above this, infinite.
    const EXP_RANGE: [Self; 2];
    /// Beyond this, `tanh` is 1 to the last bit, and so is what `expm1 / (expm1 + 2)` gives.
    const TANH_RANGE: Self;
    /// `1/k!` from some `k` down to 2.
    const FACTORIALS: &'static [Self];
    /// `2 / (2k + 1)` from some `k` down to 1.
    const ODD: &'static [Self];
    /// Beyond this, `exp(−u² / 2)` is 0.
    const TAIL_RANGE: Self;
    /// A polynomial by tests/data/erfcx.py.
    const TAIL: &'static [Self];

    /// `2ⁿ`, of a whole `n` for which that is a normal number.
    #[must_use]
    fn power_of_two(n: Self) -> Self;
}

/// The bits of the sum hold `n` and the exponent's bias lowest: they are shifted to their place.
pub(super) const POWER_F32: (f32, u32) = (12_582_912.0 + 127.0, 23);
/// In the bits of the sum `n` and the exponent's bias are the lowest of the upper half.
pub(super) const POWER_F64: (f64, u32) = (1_572_864.0 + 1023.0, 20);

impl Constants for f32 {
    const LOG2_E: Self = core::f32::consts::LOG2_E;
    const LN_2: Self = 0.693_359_375;
    const LN_2_REST: Self = -2.121_944_4e-4;
    const WHOLE: Self = 12_582_912.0;
    const EXP_RANGE: [Self; 2] = [-104.0, 89.0];
    const TANH_RANGE: Self = 10.0;
    const FACTORIALS: &'static [Self] = &[1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5];
    const ODD: &'static [Self] =
        &[2.0 / 15.0, 2.0 / 13.0, 2.0 / 11.0, 2.0 / 9.0, 2.0 / 7.0, 2.0 / 5.0, 2.0 / 3.0];
    const TAIL_RANGE: Self = 15.0;
    const TAIL: &'static [Self] = &[
        0.000_109_390_88,
        -0.000_660_748_7,
        -0.000_852_651_6,
        0.003_071_442_2,
        0.020_792_28,
        0.069_102_325,
        0.165_022_51,
        0.313_534_46,
        0.495_305_46,
        0.665_382_47,
        0.769_193_05,
    ];

    #[inline(always)]
    fn power_of_two(n: Self) -> Self {
        let (start, places) = POWER_F32;
        Self::from_bits((n + start).to_bits() << places)
    }
}

impl Constants for f64 {
    const LOG2_E: Self = core::f64::consts::LOG2_E;
    const LN_2: Self = 0.693_147_180_369_123_8;
    const LN_2_REST: Self = 1.908_214_929_270_587_7e-10;
    const WHOLE: Self = 6_755_399_441_055_744.0;
    const EXP_RANGE: [Self; 2] = [-746.0, 710.0];
    const TANH_RANGE: Self = 20.0;
    const FACTORIALS: &'static [Self] = &[
        1.0 / 6_227_020_800.0,
        1.0 / 479_001_600.0,
        1.0 / 39_916_800.0,
        1.0 / 3_628_800.0,
        1.0 / 362_880.0,
        1.0 / 40_320.0,
        1.0 / 5040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
    ];
    const ODD: &'static [Self] = &[
        2.0 / 33.0,
        2.0 / 31.0,
        2.0 / 29.0,
        2.0 / 27.0,
        2.0 / 25.0,
        2.0 / 23.0,
        2.0 / 21.0,
        2.0 / 19.0,
        2.0 / 17.0,
        2.0 / 15.0,
        2.0 / 13.0,
        2.0 / 11.0,
        2.0 / 9.0,
        2.0 / 7.0,
        2.0 / 5.0,
        2.0 / 3.0,
    ];
    const TAIL_RANGE: Self = 39.0;
    const TAIL: &'static [Self] = &[
        -2.224_938_767_716_443_3e-9,
        7.630_410_417_873_182e-9,
        1.061_827_417_423_937_6e-8,
        -6.667_529_339_227_572e-8,
        -4.375_841_598_285_575e-8,
        4.344_390_726_376_458_5e-7,
        3.374_965_203_524_632e-7,
        -2.770_320_944_146_952_3e-6,
        -3.981_182_741_532_577_5e-6,
        1.668_170_360_977_268e-5,
        4.976_285_316_503_013_6e-5,
        -5.937_586_616_736_071e-5,
        -0.000_544_899_062_695_852_1,
        -0.000_797_869_374_891_193_3,
        0.002_993_376_769_094_472_8,
        0.020_795_066_797_569_856,
        0.069_118_638_706_479_82,
        0.165_020_366_170_500_7,
        0.313_533_156_671_297_1,
        0.495_305_615_969_974_14,
        0.665_382_502_890_056_8,
        0.769_193_049_750_063,
    ];

    #[inline(always)]
    fn power_of_two(n: Self) -> Self {
        let (start, places) = POWER_F64;
        Self::from_bits((n + start).to_bits() << places)
    }
}

/// `exp(x)`
#[inline(always)]
pub(crate) fn exp<I: Isa<T>, T: Element>(isa: I, x: I::V) -> I::V {
    if const { I::LANES == 1 } {
        let [y] = shared(isa, x, |x| [exp_lanes(Scalar, x)]);
        return y;
    }
    exp_lanes(isa, x)
}

/// `tanh(x)`
#[inline(always)]
pub(crate) fn tanh<I: Isa<T>, T: Element>(isa: I, x: I::V) -> I::V {
    if const { I::LANES == 1 } {
        let [y] = shared(isa, x, |x| [tanh_lanes(Scalar, x)]);
        return y;
    }
    tanh_lanes(isa, x)
}

/// The logistic function, `1 / (1 + exp(−x))`.
#[inline(always)]
pub(crate) fn sigmoid<I: Isa<T>, T: Element>(isa: I, x: I::V) -> I::V {
    let one = isa.splat(T::ONE);
    isa.div(one, isa.add(one, exp(isa, negate(isa, x))))
}

/// `ln(1 + exp(x))`
#[inline(always)]
pub(crate) fn softplus<I: Isa<T>, T: Element>(isa: I, x: I::V) -> I::V {
    if const { I::LANES == 1 } {
        let [y] = shared(isa, x, |x| [softplus_lanes(Scalar, x)]);
        return y;
    }
    softplus_lanes(isa, x)
}

/// `exp(x) − 1`, precise around 0. For `x` between minus and plus twice [`Constants::TANH_RANGE`].
#[inline(always)]
pub(crate) fn expm1<I: Isa<T>, T: Element>(isa: I, x: I::V) -> I::V {
    if const { I::LANES == 1 } {
        let [y] = shared(isa, x, |x| [expm1_lanes(Scalar, x)]);
        return y;
    }
    expm1_lanes(isa, x)
}

/// `Φ(z)` and `φ(z)`: the normal distribution, of mean 0 and standard deviation 1, and its density.
#[inline(always)]
pub(crate) fn normal<I: Isa<T>, T: Element>(isa: I, z: I::V) -> [I::V; 2] {
    if const { I::LANES == 1 } {
        return shared(isa, z, |z| normal_lanes(Scalar, z));
    }
    normal_lanes(isa, z)
}

/// A function of one lane, compiled once for all places that call it: a small program has no room
/// for a copy in each.
#[inline(always)]
fn shared<I: Isa<T>, T: Element, const K: usize>(isa: I, x: I::V, f: impl Fn(T) -> [T; K]) -> [I::V; K] {
    #[inline(never)]
    fn call<T, R>(f: impl Fn(T) -> R, x: T) -> R {
        f(x)
    }
    call(f, isa.sum(x)).map(|y| isa.splat(y))
}

/// `−x`
#[inline(always)]
pub(crate) fn negate<I: Isa<T>, T: Element>(isa: I, x: I::V) -> I::V {
    isa.mul(isa.splat(-T::ONE), x)
}

/// `|x|`
#[inline(always)]
pub(crate) fn abs<I: Isa<T>, T: Element>(isa: I, x: I::V) -> I::V {
    isa.select(isa.lt(x, isa.splat(T::ZERO)), negate(isa, x), x)
}

/// `x`, or the bound that is nearer. NaN stays NaN.
#[inline(always)]
pub(crate) fn clamp<I: Isa<T>, T: Element>(isa: I, x: I::V, [least, most]: [T; 2]) -> I::V {
    let (least, most) = (isa.splat(least), isa.splat(most));
    let x = isa.select(isa.lt(x, least), least, x);
    isa.select(isa.lt(most, x), most, x)
}

/// A polynomial; the coefficient of the highest power comes first.
#[inline(always)]
fn polynomial<I: Isa<T>, T: Element>(isa: I, coefficients: &[T], x: I::V) -> I::V {
    let mut sum = isa.splat(T::ZERO);
    // Not `fold`, which is not always inlined: see `Kernel::run`.
    for c in coefficients {
        sum = isa.mul_add(sum, x, isa.splat(*c));
    }
    sum
}

/// The nearest whole number, of one that is not large.
#[inline(always)]
fn round<I: Isa<T>, T: Element>(isa: I, x: I::V) -> I::V {
    let whole = isa.splat(T::WHOLE);
    isa.sub(isa.add(x, whole), whole)
}

/// `n` and `q` with `exp(x) = 2ⁿ (1 + q)`: by `x = n ln 2 + r` with `|r| ≤ ln 2 / 2`, and the
/// series `q = exp(r) − 1 = r + r² (1/2! + r/3! + …)`.
#[inline(always)]
fn reduced<I: Isa<T>, T: Element>(isa: I, x: I::V) -> [I::V; 2] {
    let n = round(isa, isa.mul(x, isa.splat(T::LOG2_E)));
    let r = isa.mul_add(n, isa.splat(-T::LN_2), x);
    let r = isa.mul_add(n, isa.splat(-T::LN_2_REST), r);
    let q = isa.mul_add(isa.mul(r, r), polynomial(isa, T::FACTORIALS, r), r);
    [n, q]
}

/// `2ⁿ` is made of two factors: at the ends of the range it is itself not a normal number.
#[inline(always)]
fn exp_lanes<I: Isa<T>, T: Element>(isa: I, x: I::V) -> I::V {
    let [n, q] = reduced(isa, clamp(isa, x, T::EXP_RANGE));
    let half = round(isa, isa.mul(n, isa.splat(T::from_f64(0.5))));
    let y = isa.add(q, isa.splat(T::ONE));
    let y = isa.mul(y, isa.power_of_two(half));
    isa.mul(y, isa.power_of_two(isa.sub(n, half)))
}

/// By `2ⁿ (1 + q) − 1 = 2ⁿ q + (2ⁿ − 1)`, in which nothing cancels.
#[inline(always)]
fn expm1_lanes<I: Isa<T>, T: Element>(isa: I, x: I::V) -> I::V {
    let [n, q] = reduced(isa, x);
    let power = isa.power_of_two(n);
    isa.mul_add(power, q, isa.sub(power, isa.splat(T::ONE)))
}

/// By `tanh(x) = e / (e + 2)` with `e = exp(2x) − 1`.
#[inline(always)]
fn tanh_lanes<I: Isa<T>, T: Element>(isa: I, x: I::V) -> I::V {
    let x = clamp(isa, x, [-T::TANH_RANGE, T::TANH_RANGE]);
    let e = expm1_lanes(isa, isa.add(x, x));
    isa.div(e, isa.add(e, isa.splat(T::from_f64(2.0))))
}

/// By `max(x, 0) + ln(1 + e)` with `e = exp(−|x|) ≤ 1`, and `ln(1 + e) = 2 artanh(s)` with
/// `s = e / (2 + e) ≤ 1/3`, and the series `2 artanh(s) = 2s + s³ (2/3 + 2s²/5 + …)`.
#[inline(always)]
fn softplus_lanes<I: Isa<T>, T: Element>(isa: I, x: I::V) -> I::V {
    let zero = isa.splat(T::ZERO);
    let e = exp_lanes(isa, negate(isa, abs(isa, x)));
    let s = isa.div(e, isa.add(e, isa.splat(T::from_f64(2.0))));
    let square = isa.mul(s, s);
    let rest = isa.mul(isa.mul(square, s), polynomial(isa, T::ODD, square));
    let logarithm = isa.add(isa.add(s, s), rest);
    isa.add(isa.select(isa.lt(x, zero), zero, x), logarithm)
}

/// By `Φ(−u) = exp(−u²/2) erfcx(u/√2) / 2` for `u ≥ 0`, where `erfcx(u/√2) / 2 = d P(s)` with
/// `d = 1 / (5 + u)`, `s = (5 − u) d` and a polynomial `P`.
///
/// The substitution is that of M. Shepherd and J. Laframboise, "Chebyshev approximation of
/// (1 + 2x) exp(x²) erfc x in 0 ≤ x < ∞", Mathematics of Computation 36, 1981.
#[inline(always)]
fn normal_lanes<I: Isa<T>, T: Element>(isa: I, z: I::V) -> [I::V; 2] {
    let (one, five) = (isa.splat(T::ONE), isa.splat(T::from_f64(5.0)));
    let u = clamp(isa, abs(isa, z), [T::ZERO, T::TAIL_RANGE]);
    let e = exp_lanes(isa, isa.mul(isa.mul(u, u), isa.splat(T::from_f64(-0.5))));
    let d = isa.div(one, isa.add(five, u));
    let s = isa.mul(isa.sub(five, u), d);
    let tail = isa.mul(e, isa.mul(d, polynomial(isa, T::TAIL, s)));
    let below = isa.select(isa.lt(z, isa.splat(T::ZERO)), tail, isa.sub(one, tail));
    [below, isa.mul(e, isa.splat(T::from_f64(0.398_942_280_401_432_7)))]
}

#[cfg(test)]
mod tests {
    use std::{format, string::String, vec, vec::Vec};

    use super::{exp, expm1, normal, sigmoid, softplus, tanh};
    use crate::{
        Element,
        kernel::{Isa, Kernel, Scalar},
    };

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
    fn function<I: Isa<T>, T: Element>(isa: I, of: Of, x: I::V) -> I::V {
        match of {
            Of::Exp => exp(isa, x),
            Of::Tanh => tanh(isa, x),
            Of::Sigmoid => sigmoid(isa, x),
            Of::Softplus => softplus(isa, x),
            Of::Normal => normal(isa, x)[0],
            Of::Density => normal(isa, x)[1],
        }
    }

    /// A function of all numbers, in vectors where there are some.
    fn all<T: Element>(of: Of, x: &[T]) -> Vec<T> {
        struct All<'a, T>(Of, &'a [T], &'a mut [T]);
        impl<T: Element> Kernel<T> for All<'_, T> {
            type Output = ();

            #[inline(always)]
            fn run<I: Isa<T>>(self, isa: I) {
                for (x, y) in self.1.chunks(I::LANES).zip(self.2.chunks_mut(I::LANES)) {
                    isa.store(y, function(isa, self.0, isa.load(x)));
                }
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
                    Of::Normal | Of::Density => function(Scalar, of, exact),
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
            let found = expm1(Scalar, x);
            assert!(ulps(found, f64::exp_m1(x)) <= 2.0, "{x}: {found}");
        }
    }
}

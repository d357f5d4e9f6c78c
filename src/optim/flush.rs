//! Setting state to 0 before it becomes subnormal.
//!
//! The state of a dead ReLU unit decays into subnormal numbers, which SIMD units process slowly: a step of Adam
//! took 1.5 times as long. Scalar code is not affected, so there nothing is set to 0.

use crate::simd::{Element, Real};

/// A velocity or first moment, or 0 where its absolute value has decayed below `MIN_POSITIVE / EPSILON`: 1e-31,
/// for `f64` 1e-292. A value that small no longer changes a parameter.
#[inline(always)]
pub(super) fn flush<V: Real<T>, T: Element>(moment: V) -> V {
    if const { V::LANES == 1 } {
        return moment;
    }
    let bound = T::min_positive_value() / T::epsilon();
    moment.abs().select_lt(bound, moment.splat(T::ZERO), moment)
}

/// The running mean of squares: `mean ← beta · mean + (1 − beta) · g²`.
#[inline(always)]
pub(super) fn mean_square<V: Real<T>, T: Element>(beta: T, mean: V, g: V) -> V {
    flush_square(mean.scale_add(beta, g * (T::ONE - beta) * g))
}

/// A mean of squares, or 0 where it is subnormal. (The bound is lower than that of [`flush`], because the square
/// root of the mean is used.)
#[inline(always)]
fn flush_square<V: Real<T>, T: Element>(square: V) -> V {
    if const { V::LANES == 1 } {
        return square;
    }
    square.select_lt(T::min_positive_value(), square.splat(T::ZERO), square)
}

#[cfg(test)]
mod tests {
    use super::{flush, flush_square};
    use crate::simd::{Element, Kernel, Simd, Vector};

    struct Flushed<T>(T);

    impl<T: Element> Kernel<T> for Flushed<T> {
        /// The number of lanes, and the number after `flush` and after `flush_square`.
        type Output = (usize, T, T);

        #[inline(always)]
        fn run<S: Simd<T>>(self, token: S) -> Self::Output {
            let (mut moment, mut square) = ([T::ZERO; 16], [T::ZERO; 16]);
            let number = Vector::from_number(token, self.0);
            flush(number).store(&mut moment);
            flush_square(number).store(&mut square);
            (S::LANES, moment[0], square[0])
        }
    }

    fn simd_state_is_never_subnormal<T: Element>() {
        let (least, precision) = (T::min_positive_value(), T::epsilon());
        let half = T::from_f64(0.5);
        for small in [half * least / precision, least, least * precision] {
            let (lanes, moment, square) = T::dispatch(Flushed(small));
            let kept = |keep: bool| if keep || lanes == 1 { small } else { T::ZERO };
            assert_eq!((moment, square), (kept(false), kept(small >= least)));
            assert_eq!(T::dispatch(Flushed(-small)).1, -kept(false));
        }
        for kept in [T::ZERO, least / precision, T::ONE, T::infinity()] {
            let (_, moment, square) = T::dispatch(Flushed(kept));
            assert_eq!((moment, square), (kept, kept));
            assert_eq!(T::dispatch(Flushed(-kept)).1, -kept);
        }
        let (_, moment, square) = T::dispatch(Flushed(T::nan()));
        assert!(moment.is_nan() && square.is_nan());
    }

    #[test]
    fn simd_state_is_never_subnormal_in_f32() {
        simd_state_is_never_subnormal::<f32>();
    }

    #[test]
    fn simd_state_is_never_subnormal_in_f64() {
        simd_state_is_never_subnormal::<f64>();
    }
}

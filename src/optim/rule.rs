//! What an optimiser does to a vector of parameters.

use crate::{Element, kernel::Isa};

/// An optimiser's rule for a vector of parameters, with `S` numbers of state for each.
///
/// The same rule serves the whole-gradient step and the fused one, in which each parameter is
/// updated as soon as its gradient is known.
pub trait Rule<T, const S: usize>: Copy {
    /// The parameters updated, given their gradient; the state is updated in place.
    fn update<I: Isa<T>>(self, isa: I, parameters: I::V, gradient: I::V, state: &mut [I::V; S]) -> I::V;
}

/// A moment or a velocity, or 0 where it has decayed below `MIN_POSITIVE / EPSILON`: 1e-31, for `f64`
/// 1e-292. So small it moves nothing any more.
///
/// Left alone, the state of a unit that is dead would end among the subnormal numbers, and stay there,
/// where vector units are slow: a step of Adam took half as long again. Without vectors nothing is flushed.
#[inline(always)]
pub(super) fn flush<I: Isa<T>, T: Element>(isa: I, moment: I::V) -> I::V {
    if const { I::LANES == 1 } {
        return moment;
    }
    let zero = isa.splat(T::ZERO);
    let size = isa.max(isa.sub(zero, moment), moment);
    let too_small = isa.lt(size, isa.splat(T::min_positive_value() / T::epsilon()));
    isa.select(too_small, zero, moment)
}

/// The running mean of squares with one more, `mean ← keep · mean + (1 − keep) g²`.
#[inline(always)]
pub(super) fn mean_square<I: Isa<T>, T: Element>(isa: I, keep: T, mean: I::V, g: I::V) -> I::V {
    let fresh = isa.mul(isa.mul(isa.splat(T::ONE - keep), g), g);
    flush_square(isa, isa.mul_add(isa.splat(keep), mean, fresh))
}

/// As [`flush`], for a mean of squares, whose root is taken: it is 0 where it would be subnormal.
#[inline(always)]
fn flush_square<I: Isa<T>, T: Element>(isa: I, square: I::V) -> I::V {
    if const { I::LANES == 1 } {
        return square;
    }
    let too_small = isa.lt(square, isa.splat(T::min_positive_value()));
    isa.select(too_small, isa.splat(T::ZERO), square)
}

/// Updates a vector of parameters and what the rule keeps about them.
#[inline(always)]
pub(crate) fn update_vector<I: Isa<T>, T, U: Rule<T, S>, const S: usize>(
    isa: I,
    rule: U,
    parameters: &mut [T],
    gradient: I::V,
    mut state: [&mut [T]; S],
) {
    let mut kept = [gradient; S];
    for (kept, state) in kept.iter_mut().zip(&state) {
        *kept = isa.load(state);
    }
    let updated = rule.update(isa, isa.load(parameters), gradient, &mut kept);
    isa.store(parameters, updated);
    for (kept, state) in kept.into_iter().zip(&mut state) {
        isa.store(state, kept);
    }
}

/// Updates all parameters of a tensor, given their whole gradient.
#[inline(always)]
pub(crate) fn update_all<I: Isa<T>, T, U: Rule<T, S>, const S: usize>(
    isa: I,
    rule: U,
    parameters: &mut [T],
    gradient: &[T],
    mut state: [&mut [T]; S],
) {
    for at in (0..parameters.len().min(gradient.len())).step_by(I::LANES) {
        let state = state.each_mut().map(|s| &mut s[at..]);
        update_vector(isa, rule, &mut parameters[at..], isa.load(&gradient[at..]), state);
    }
}

#[cfg(test)]
mod tests {
    use super::{flush, flush_square};
    use crate::{
        Element,
        kernel::{Isa, Kernel},
    };

    struct Flushed<T>(T);

    impl<T: Element> Kernel<T> for Flushed<T> {
        /// The lanes, and what becomes of it as a moment and as a square.
        type Output = (usize, T, T);

        #[inline(always)]
        fn run<I: Isa<T>>(self, isa: I) -> Self::Output {
            let (mut moment, mut square) = ([T::ZERO; 16], [T::ZERO; 16]);
            isa.store(&mut moment, flush(isa, isa.splat(self.0)));
            isa.store(&mut square, flush_square(isa, isa.splat(self.0)));
            (I::LANES, moment[0], square[0])
        }
    }

    fn vector_units_meet_no_subnormal_state<T: Element>() {
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
    fn vector_units_meet_no_subnormal_state_in_f32() {
        vector_units_meet_no_subnormal_state::<f32>();
    }

    #[test]
    fn vector_units_meet_no_subnormal_state_in_f64() {
        vector_units_meet_no_subnormal_state::<f64>();
    }
}

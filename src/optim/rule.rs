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

/// A state that decays, or 0 where it has come below `MIN_POSITIVE / EPSILON`: 1e-31, for `f64` 1e-292.
///
/// So small it moves nothing any more. Left alone, the state of a unit that is dead would end among the
/// subnormal numbers, on which vector units are slow: a step of Adam took half as long again. (Its second
/// moment takes a hundred times the steps to get there, and is left alone.) Without vectors nothing is
/// flushed.
#[inline(always)]
pub(super) fn flush<I: Isa<T>, T: Element>(isa: I, state: I::V) -> I::V {
    if const { I::LANES == 1 } {
        return state;
    }
    let zero = isa.splat(T::ZERO);
    let size = isa.max(isa.sub(zero, state), state);
    let too_small = isa.lt(size, isa.splat(T::min_positive_value() / T::epsilon()));
    isa.select(too_small, zero, state)
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
    use super::flush;
    use crate::kernel::{Dispatch, Isa, Kernel};

    struct Flushed(f32);

    impl Kernel<f32> for Flushed {
        type Output = (usize, f32);

        #[inline(always)]
        fn run<I: Isa<f32>>(self, isa: I) -> (usize, f32) {
            let mut lanes = [0.0; 16];
            isa.store(&mut lanes, flush(isa, isa.splat(self.0)));
            (I::LANES, lanes[0])
        }
    }

    #[test]
    fn a_vector_unit_meets_no_subnormal_state() {
        for state in [1e-32, -1e-32, f32::MIN_POSITIVE, 1e-40, -1e-45] {
            let (lanes, flushed) = f32::dispatch(Flushed(state));
            assert_eq!(flushed, if lanes > 1 { 0.0 } else { state });
        }
        for state in [0.0, 1e-30, -1e-30, -3.0, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(f32::dispatch(Flushed(state)).1, state);
        }
        assert!(f32::dispatch(Flushed(f32::NAN)).1.is_nan());
    }
}

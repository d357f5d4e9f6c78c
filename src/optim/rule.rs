//! What an optimiser does to a vector of parameters.

use crate::kernel::Isa;

/// An optimiser's rule for a vector of parameters, with `S` numbers of state for each.
///
/// The same rule serves the whole-gradient step and the fused one, in which each parameter is
/// updated as soon as its gradient is known.
pub trait Rule<T, const S: usize>: Copy {
    /// The parameters updated, given their gradient; the state is updated in place.
    fn update<I: Isa<T>>(self, isa: I, parameters: I::V, gradient: I::V, state: &mut [I::V; S]) -> I::V;
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

//! How a layer's parameters are updated, given their gradient: the rule of an optimiser, and the loops that
//! apply it.

use crate::simd::{Element, Real, Simd, Vector, Zeroed};

/// What an optimiser's step does to each parameter, given its gradient: a formula that is written once, for
/// single numbers and for vectors.
///
/// The same rule serves a step whose whole gradient is known, and a backward pass that updates each parameter
/// as soon as its gradient is computed.
pub trait UpdateRule<T: Element>: Copy {
    /// How many values the rule keeps for each parameter: [`Keeps<2>`](Keeps) for Adam.
    type Slots: Slots;

    /// The updated parameter `p`, given its gradient `dp`. `state` holds the values kept for it, as an array
    /// `[V; 2]` for [`Keeps<2>`](Keeps), and is updated in place.
    fn update<V: Real<T>>(self, p: V, dp: V, state: &mut SlotsOf<Self, T, V>) -> V;
}

/// The values of type `X` that the rule `R` keeps: an array, `[X; 2]` for [`Keeps<2>`](Keeps).
pub type SlotsOf<R, T, X> = <<R as UpdateRule<T>>::Slots as Slots>::Of<X>;

/// A number of values, as a type. Implemented for [`Keeps`] only.
pub trait Slots {
    /// As many values of type `X`.
    type Of<X>;
    /// As many values of type `X`, which has an all-zero value, and so have they.
    type Stored<X: Zeroed>: Zeroed + AsRef<[X]> + AsMut<[X]>;

    /// Borrows each stored value.
    fn borrow<X: Zeroed>(stored: &mut Self::Stored<X>) -> Self::Of<&mut X>;
    /// Borrows each borrowed value again.
    fn reborrow<'a, X: ?Sized>(values: &'a mut Self::Of<&mut X>) -> Self::Of<&'a mut X>;
    /// Applies `f` to each value.
    fn map<X, Y>(values: Self::Of<X>, f: impl FnMut(X) -> Y) -> Self::Of<Y>;
    /// Loads a vector from the start of each slice.
    fn load<S: Simd<T>, T: Element>(token: S, slices: &Self::Of<&mut [T]>) -> Self::Of<Vector<S, T>>;
    /// Stores each vector at the start of a slice.
    fn store<S: Simd<T>, T: Element>(vectors: Self::Of<Vector<S, T>>, slices: Self::Of<&mut [T]>);
}

/// `N` values.
#[derive(Clone, Copy, Debug)]
pub struct Keeps<const N: usize>;

impl<const N: usize> Slots for Keeps<N> {
    type Of<X> = [X; N];
    type Stored<X: Zeroed> = [X; N];

    #[inline(always)]
    fn borrow<X: Zeroed>(stored: &mut [X; N]) -> [&mut X; N] {
        stored.each_mut()
    }

    #[inline(always)]
    fn reborrow<'a, X: ?Sized>(values: &'a mut [&mut X; N]) -> [&'a mut X; N] {
        values.each_mut().map(|value| &mut **value)
    }

    #[inline(always)]
    fn map<X, Y>(values: [X; N], f: impl FnMut(X) -> Y) -> [Y; N] {
        values.map(f)
    }

    #[inline(always)]
    fn load<S: Simd<T>, T: Element>(token: S, slices: &[&mut [T]; N]) -> [Vector<S, T>; N] {
        let mut vectors = [Vector::from_number(token, T::ZERO); N];
        for (vector, slice) in vectors.iter_mut().zip(slices) {
            *vector = Vector::load(token, slice);
        }
        vectors
    }

    #[inline(always)]
    fn store<S: Simd<T>, T: Element>(vectors: [Vector<S, T>; N], slices: [&mut [T]; N]) {
        for (vector, slice) in vectors.into_iter().zip(slices) {
            vector.store(slice);
        }
    }
}

/// Updates the first parameters of a slice, as many as a vector has lanes, given their gradient. `state` holds
/// the slices of the values that the rule keeps.
#[inline(always)]
pub(crate) fn update_vector<S: Simd<T>, T: Element, R: UpdateRule<T>>(
    token: S,
    rule: R,
    parameters: &mut [T],
    gradient: Vector<S, T>,
    state: SlotsOf<R, T, &mut [T]>,
) {
    let mut kept = R::Slots::load(token, &state);
    let updated = rule.update(Vector::load(token, parameters), gradient, &mut kept);
    updated.store(parameters);
    R::Slots::store(kept, state);
}

/// Updates all parameters of a slice, given their gradient.
#[inline(always)]
pub(crate) fn update_slice<S: Simd<T>, T: Element, R: UpdateRule<T>>(
    token: S,
    rule: R,
    parameters: &mut [T],
    gradient: &[T],
    mut state: SlotsOf<R, T, &mut [T]>,
) {
    for at in (0..parameters.len().min(gradient.len())).step_by(S::LANES) {
        let state = R::Slots::map(R::Slots::reborrow(&mut state), |s| s.get_mut(at..).unwrap_or_default());
        let gradient = Vector::load(token, &gradient[at..]);
        update_vector(token, rule, &mut parameters[at..], gradient, state);
    }
}

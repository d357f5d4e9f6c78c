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

    /// The same for the gradient `dp = scale · sum`, where `sum` is the sum over the batch and `scale` is `1 / B`. A rule
    /// that multiplies the gradient by another factor can override it, to save one of the two multiplications.
    #[inline(always)]
    fn update_scaled<V: Real<T>>(self, p: V, sum: V, scale: T, state: &mut SlotsOf<Self, T, V>) -> V {
        self.update(p, sum * scale, state)
    }

    /// The rule for one parameter tensor: this one, unless the rule differs between tensors, as that of a
    /// [`ParameterGroup`](crate::optim::ParameterGroup). A layer calls it for each of its tensors.
    #[inline(always)]
    #[must_use]
    fn for_tensor(self, tensor: TensorId) -> Self {
        let _ = tensor;
        self
    }

    /// Which numbers are checked, so that no step makes a parameter or its state infinite or NaN. A parameter that does not
    /// pass the check keeps its value and state, and the step reports it.
    #[inline(always)]
    fn finite_check(self) -> FiniteCheck<T> {
        FiniteCheck::Always
    }

    /// The same formula without limits that it sets to keep numbers finite, if it has any: for
    /// [`Unchecked`](crate::Unchecked).
    #[inline(always)]
    #[must_use]
    fn without_limits(self) -> Self {
        self
    }
}

/// Which parameter tensor of a network an update is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TensorId {
    /// The index of the layer in its network, counted from 0 as in PyTorch's `Sequential`.
    pub layer: usize,
    /// The name: `"weight"`, `"bias"`, or another name that the layer chose.
    pub name: &'static str,
    /// The number of dimensions in PyTorch: 2 for a matrix, 1 for a vector.
    pub dims: usize,
}

impl TensorId {
    /// A matrix of the layer with this index: [`Context::layer`](super::Context::layer).
    #[must_use]
    #[inline(always)]
    pub const fn matrix(layer: u32, name: &'static str) -> Self {
        Self { layer: layer as usize, name, dims: 2 }
    }

    /// A vector of the layer with this index: [`Context::layer`](super::Context::layer).
    #[must_use]
    #[inline(always)]
    pub const fn vector(layer: u32, name: &'static str) -> Self {
        Self { layer: layer as usize, name, dims: 1 }
    }
}

/// Which numbers of a step are checked: see [`UpdateRule::finite_check`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FiniteCheck<T> {
    /// The gradient, and the new value of each parameter and of its state: they must be finite.
    Always,
    /// The gradient: its product with this factor must be finite. The rule guarantees that the new values are then finite
    /// too. The check costs less than that of all new values.
    Gradient(T),
    /// None, as in PyTorch.
    Never,
}

/// A check of updates, one by one, and its result.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UpdateCheck<S: Simd<T>, T> {
    /// The factor with which the gradient must be finite, if updates are checked.
    overflow_factor: Option<T>,
    /// 0, or NaN in the lanes in which a number was not finite.
    found: Vector<S, T>,
}

impl<S: Simd<T>, T: Element> UpdateCheck<S, T> {
    /// The check of every update of a rule, unless the rule asks for none.
    #[inline(always)]
    pub(crate) fn of(token: S, check: FiniteCheck<T>) -> Self {
        let overflow_factor = match check {
            FiniteCheck::Always => Some(T::ONE),
            FiniteCheck::Gradient(factor) => Some(factor),
            FiniteCheck::Never => None,
        };
        Self { overflow_factor, found: Vector::from_number(token, T::ZERO) }
    }

    /// The check that is left once the gradient has passed [`FiniteCheck::Gradient`]: none, unless the rule asks for
    /// [`Always`](FiniteCheck::Always).
    #[inline(always)]
    pub(crate) fn after_gradient(token: S, check: FiniteCheck<T>) -> Self {
        match check {
            FiniteCheck::Always => Self::of(token, check),
            _ => Self::of(token, FiniteCheck::Never),
        }
    }

    /// Whether all numbers were finite, or were not checked.
    #[inline(always)]
    pub(crate) fn passed(&self) -> bool {
        self.overflow_factor.is_none() || !self.found.sum().is_nan()
    }
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
    /// Calls `f` with each value of `a` and the value of `b` with the same index.
    fn zip<X, Y>(a: &mut Self::Of<X>, b: Self::Of<Y>, f: impl FnMut(&mut X, Y));
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
    fn zip<X, Y>(a: &mut [X; N], b: [Y; N], mut f: impl FnMut(&mut X, Y)) {
        for (a, b) in a.iter_mut().zip(b) {
            f(a, b);
        }
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

/// Updates the first parameters of a slice, as many as a vector has lanes, given their gradient `scale · sum`. `state`
/// holds the slices of the values that the rule keeps.
#[inline(always)]
pub(crate) fn update_vector<S: Simd<T>, T: Element, R: UpdateRule<T>>(
    rule: R,
    parameters: &mut [T],
    sum: Vector<S, T>,
    scale: T,
    state: SlotsOf<R, T, &mut [T]>,
    check: &mut UpdateCheck<S, T>,
) {
    let token = sum.token();
    let p = Vector::load(token, parameters);
    let mut kept = R::Slots::load(token, &state);
    let mut updated = rule.update_scaled(p, sum, scale, &mut kept);
    if let Some(factor) = check.overflow_factor {
        // 0 times a number is 0 if the number is finite, else NaN.
        let mut zero = (sum * scale * factor).scale_add(T::ZERO, updated * T::ZERO);
        R::Slots::zip(&mut kept, R::Slots::load(token, &state), |new, _| zero = new.scale_add(T::ZERO, zero));
        updated = zero.select_le(T::ZERO, updated, p);
        R::Slots::zip(&mut kept, R::Slots::load(token, &state), |new, old| {
            *new = zero.select_le(T::ZERO, *new, old);
        });
        check.found = check.found + zero;
    }
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
    check: &mut UpdateCheck<S, T>,
) {
    for at in (0..parameters.len().min(gradient.len())).step_by(S::LANES) {
        let state = R::Slots::map(R::Slots::reborrow(&mut state), |s| s.get_mut(at..).unwrap_or_default());
        let gradient = Vector::load(token, &gradient[at..]);
        update_vector(rule, &mut parameters[at..], gradient, T::ONE, state, check);
    }
}

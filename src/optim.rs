//! Optimisers: how a gradient changes a network.

use crate::{
    Activation, Element, Error, Layer, Row, Shape, Zeroed,
    kernel::{Isa, Kernel},
};

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

/// An optimiser: what a [`Trainer`](crate::Trainer) does with a gradient.
pub trait Optimizer<T: Element> {
    /// What it keeps about a network: as many further networks as its rule has numbers of state.
    type State<L: Zeroed>: Zeroed;

    /// Whether its numbers make sense.
    ///
    /// # Errors
    ///
    /// Names the number that does not.
    fn check(&self) -> Result<(), Error<T>>;

    /// The backward pass and the step in one.
    fn backward_step<I: Isa<T>, L: Layer<In: Shape<Elem = T>>, const B: usize>(
        &mut self,
        isa: I,
        net: &mut L,
        tape: &mut L::Tape<B>,
        scratch: &mut L::Scratch,
        dy: &mut [Row<L::Out>; B],
        before: impl Activation<T>,
        state: &mut Self::State<L>,
    );
}

/// Stochastic gradient descent: `p ← p − lr · dp` for every parameter.
///
/// As PyTorch's `optim.SGD` without momentum and the notebook's `sgd_step`. It has no state, and
/// a [`Trainer`](crate::Trainer) with it needs no gradient either: each weight is updated as its
/// gradient is computed.
///
/// # Examples
///
/// ```
/// use constnet::{Linear, Sequential, Sgd};
///
/// let mut net = Sequential(Linear::new([[1.0, 2.0]], [3.0]));
/// let gradient = Sequential(Linear::new([[2.0, 0.0]], [-2.0]));
/// Sgd { lr: 0.5 }.step(&mut net, &gradient);
/// assert_eq!(net, Sequential(Linear::new([[0.0, 2.0]], [4.0])));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd<T = f32> {
    /// The learning rate: positive and finite.
    pub lr: T,
}

impl<T: Element> Sgd<T> {
    /// `p ← p − lr · dp`
    pub fn step<N: Layer<In: Shape<Elem = T>>>(&self, net: &mut N, gradient: &N) {
        struct Step<'a, L, T> {
            net: &'a mut L,
            gradient: &'a L,
            rule: Sgd<T>,
        }
        impl<L: Layer<In: Shape<Elem = T>>, T: Element> Kernel<T> for Step<'_, L, T> {
            type Output = ();

            #[inline(always)]
            fn run<I: Isa<T>>(self, isa: I) {
                self.net.update(isa, self.rule, self.gradient, []);
            }
        }
        T::dispatch(Step { net, gradient, rule: *self });
    }
}

impl<T: Element> Rule<T, 0> for Sgd<T> {
    #[inline(always)]
    fn update<I: Isa<T>>(self, isa: I, parameters: I::V, gradient: I::V, _: &mut [I::V; 0]) -> I::V {
        isa.mul_add(isa.splat(-self.lr), gradient, parameters)
    }
}

impl<T: Element> Optimizer<T> for Sgd<T> {
    type State<L: Zeroed> = ();

    fn check(&self) -> Result<(), Error<T>> {
        if self.lr.is_finite() && self.lr > T::ZERO { Ok(()) } else { Err(Error::LearningRate(self.lr)) }
    }

    #[inline(always)]
    fn backward_step<I: Isa<T>, L: Layer<In: Shape<Elem = T>>, const B: usize>(
        &mut self,
        isa: I,
        net: &mut L,
        tape: &mut L::Tape<B>,
        scratch: &mut L::Scratch,
        dy: &mut [Row<L::Out>; B],
        before: impl Activation<T>,
        (): &mut (),
    ) {
        net.backward_step(isa, tape, scratch, dy, before, *self, []);
    }
}

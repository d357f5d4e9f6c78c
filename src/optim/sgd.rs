//! Plain gradient descent.

use super::{Momentum, Optimizer, Rule, Step, check_lr};
use crate::{Element, Error, Layer, Shape, Zeroed, kernel::Isa};

/// Stochastic gradient descent: `p ← p − lr · dp` for every parameter.
///
/// As PyTorch's `optim.SGD` without momentum and the notebook's `sgd_step`. It has no state, and
/// a [`Trainer`](crate::Trainer) with it needs no gradient either: each weight is updated as its
/// gradient is computed. For momentum, Nesterov's too, and weight decay see
/// [`with_momentum`](Self::with_momentum).
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
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Sgd<T = f32> {
    /// The learning rate: positive and finite.
    pub lr: T,
}

impl<T: Element> Sgd<T> {
    /// `p ← p − lr · dp`
    pub fn step<N: Layer<In: Shape<Elem = T>>>(&self, net: &mut N, gradient: &N) {
        Optimizer::step(&mut { *self }, net, gradient, &mut ());
    }

    /// The same with [`Momentum`], as PyTorch's `SGD(lr=…, momentum=…)`.
    #[must_use]
    pub const fn with_momentum(self, momentum: T) -> Momentum<T> {
        Momentum { lr: self.lr, momentum, nesterov: false, weight_decay: T::ZERO }
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
        check_lr(self.lr)
    }

    fn lr_mut(&mut self) -> &mut T {
        &mut self.lr
    }

    #[inline(always)]
    fn apply<L: Layer<In: Shape<Elem = T>>>(&mut self, step: impl Step<L>, (): &mut ()) {
        step.by(*self, []);
    }
}

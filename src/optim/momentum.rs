//! Gradient descent with momentum.

use super::{Optimizer, Rule, Step, check_lr, check_not_negative, check_positive, rule::flush};
use crate::{Element, Error, Layer, Shape, Zeroed, kernel::Isa};

/// Stochastic gradient descent with momentum:
///
/// - `g = dp + weight_decay · p`
/// - `v ← momentum · v + g`
/// - `p ← p − lr · v`, or `p ← p − lr · (g + momentum · v)` with `nesterov`
///
/// As PyTorch's `optim.SGD(lr, momentum, weight_decay=…, nesterov=…)`, without dampening. Its state
/// is the velocity `v`, a network of the same type that starts as zeros.
///
/// # Examples
///
/// ```
/// use constnet::{Linear, Momentum, Optimizer, Sequential, Sgd, Zeroed};
///
/// let mut momentum = Sgd { lr: 0.5 }.with_momentum(0.5);
/// assert_eq!(momentum, Momentum { lr: 0.5, momentum: 0.5, nesterov: false, weight_decay: 0.0 });
///
/// let mut net = Sequential(Linear::new([[3.0]], [0.0]));
/// let gradient = Sequential(Linear::new([[1.0]], [0.0]));
/// let mut velocity = Sequential::ZERO;
/// momentum.step(&mut net, &gradient, &mut velocity);
/// momentum.step(&mut net, &gradient, &mut velocity);
/// assert_eq!(velocity.0.weight(), [[1.5]]);
/// assert_eq!(net.0.weight(), [[3.0 - 0.5 * 1.0 - 0.5 * 1.5]]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Momentum<T = f32> {
    /// The learning rate: positive and finite.
    pub lr: T,
    /// How much of the velocity stays from step to step: finite and not negative, 0.9 as a rule.
    pub momentum: T,
    /// Whether the gradient is taken as where the velocity leads to, after Nesterov.
    pub nesterov: bool,
    /// How strongly parameters are drawn to zero: finite and not negative.
    pub weight_decay: T,
}

/// `p ← p + of_gradient · g + of_velocity · v`
#[derive(Clone, Copy)]
struct Move<T> {
    momentum: T,
    weight_decay: T,
    of_gradient: T,
    of_velocity: T,
}

impl<T: Element> Rule<T, 1> for Move<T> {
    #[inline(always)]
    fn update<I: Isa<T>>(self, isa: I, p: I::V, dp: I::V, [v]: &mut [I::V; 1]) -> I::V {
        let g = isa.mul_add(isa.splat(self.weight_decay), p, dp);
        *v = flush(isa, isa.mul_add(isa.splat(self.momentum), *v, g));
        let p = isa.mul_add(isa.splat(self.of_gradient), g, p);
        isa.mul_add(isa.splat(self.of_velocity), *v, p)
    }
}

impl<T: Element> Optimizer<T> for Momentum<T> {
    type State<L: Zeroed> = L;

    fn check(&self) -> Result<(), Error<T>> {
        check_lr(self.lr)?;
        if self.nesterov {
            check_positive("momentum", self.momentum)?;
        }
        check_not_negative("momentum", self.momentum)?;
        check_not_negative("weight_decay", self.weight_decay)
    }

    fn lr_mut(&mut self) -> &mut T {
        &mut self.lr
    }

    #[inline(always)]
    fn apply<L: Layer<In: Shape<Elem = T>>>(&mut self, step: impl Step<L>, velocity: &mut L) {
        let Self { lr, momentum, nesterov, weight_decay } = *self;
        let (of_gradient, of_velocity) = if nesterov { (-lr, -lr * momentum) } else { (T::ZERO, -lr) };
        step.by(Move { momentum, weight_decay, of_gradient, of_velocity }, [velocity]);
    }
}

//! Gradient descent with momentum.

use num_traits::Float;
use typenum::{U1, U4};

use super::{
    NotStored, Optimizer, OptimizerMemory, OptimizerSize, check_lr, check_positive,
    flush::flush,
    limits::{gradients_up_to, largest_change, smaller},
};
use crate::{
    error::{Error, check_not_negative},
    layers::{FiniteCheck, Keeps, UpdateRule},
    simd::{Element, Real},
};

/// Stochastic gradient descent with momentum: PyTorch's `optim.SGD(lr, momentum, weight_decay=…, nesterov=…)`,
/// without dampening.
///
/// - `g = dp + weight_decay · p`
/// - `v ← momentum · v + g`
/// - `p ← p − lr · v`, or `p ← p − lr · (g + momentum · v)` with `nesterov`
///
/// Its state is the velocity `v`, a network of the same type that starts as zeros.
///
/// # Examples
///
/// ```
/// use constnet::{Linear, Momentum, Optimizer, Sequential, Sgd, Zeroed, optim::OptimizerState};
///
/// let optimizer = Sgd { lr: 0.5 }.with_momentum(0.5);
/// assert_eq!(optimizer, Momentum { lr: 0.5, momentum: 0.5, nesterov: false, weight_decay: 0.0 });
///
/// let mut net = Sequential(Linear::new([[3.0]], [0.0]));
/// let gradient = Sequential(Linear::new([[1.0]], [0.0]));
/// let mut state = OptimizerState::ZERO;
/// optimizer.step(&mut net, &gradient, &mut state)?;
/// optimizer.step(&mut net, &gradient, &mut state)?;
/// assert_eq!(state.slots[0].0.weight(), [[1.5]]);
/// assert_eq!(net.0.weight(), [[3.0 - 0.5 * 1.0 - 0.5 * 1.5]]);
/// # Ok::<(), constnet::Error<f32>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
pub struct Momentum<T = f32> {
    /// The learning rate: positive and finite.
    pub lr: T,
    /// The part of the velocity that stays from step to step: finite and not negative, usually 0.9.
    pub momentum: T,
    /// Whether to use Nesterov's momentum.
    pub nesterov: bool,
    /// The factor of the parameter in its gradient (L2 regularisation): finite and not negative.
    pub weight_decay: T,
}

/// The rule of [`Momentum`], with or without Nesterov's: `p ← p + gradient_factor · g + velocity_factor · v`.
#[derive(Clone, Copy, Debug)]
pub struct MomentumRule<T> {
    momentum: T,
    weight_decay: T,
    gradient_factor: T,
    velocity_factor: T,
    /// The largest absolute value of `g` and `v`. Larger ones are set to it, so that `v` and `p` stay finite.
    largest: T,
}

impl<T: Element> UpdateRule<T> for MomentumRule<T> {
    type Slots = Keeps<1>;

    #[inline(always)]
    fn update<V: Real<T>>(self, p: V, dp: V, [v]: &mut [V; 1]) -> V {
        let g = p.scale_add(self.weight_decay, dp).clamp(-self.largest, self.largest);
        *v = flush(v.scale_add(self.momentum, g).clamp(-self.largest, self.largest));
        let p = g.scale_add(self.gradient_factor, p);
        v.scale_add(self.velocity_factor, p)
    }

    #[inline(always)]
    fn finite_check(self) -> FiniteCheck<T> {
        gradients_up_to(self.largest, check(self.momentum, self.weight_decay).is_ok())
    }

    #[inline(always)]
    fn without_limits(self) -> Self {
        Self { largest: T::infinity(), ..self }
    }
}

impl<T> OptimizerMemory for Momentum<T> {
    type Slots = Keeps<1>;
    type GradientStore = NotStored;
}

impl<T: Element> Optimizer<T> for Momentum<T> {
    type Rule = MomentumRule<T>;

    #[inline(always)]
    fn rule(&self, _: usize, _: T) -> MomentumRule<T> {
        let Self { lr, momentum, nesterov, weight_decay } = *self;
        let (gradient_factor, velocity_factor) =
            if nesterov { (-lr, -lr * momentum) } else { (T::ZERO, -lr) };
        // Neither the velocity may overflow nor the change of a parameter, which is a sum of two products.
        let largest_velocity = T::max_value() * T::from_f64(0.25) / Float::max(momentum, T::ONE);
        let largest_step =
            largest_change::<T>() * T::from_f64(0.5) / (lr.abs() * Float::max(momentum, T::ONE));
        let largest = smaller(largest_step, largest_velocity);
        MomentumRule { momentum, weight_decay, gradient_factor, velocity_factor, largest }
    }

    fn check(&self) -> Result<(), Error<T>> {
        check_lr(self.lr)?;
        if self.nesterov {
            check_positive("momentum", self.momentum)?;
        }
        check(self.momentum, self.weight_decay)
    }

    fn lr_mut(&mut self) -> &mut T {
        &mut self.lr
    }
}

fn check<T: Element>(momentum: T, weight_decay: T) -> Result<(), Error<T>> {
    check_not_negative("momentum", momentum)?;
    check_not_negative("weight_decay", weight_decay)
}

/// All fields. (`nesterov` is counted as a number.)
impl<T> OptimizerSize for Momentum<T> {
    type PerParameter = U1;
    type Own = U4;
}

#[cfg(test)]
mod tests {
    use crate::{Momentum, Optimizer as _};

    /// Compared with the formulas in `f64`: a quarter of the largest number, or less if the change of a parameter could
    /// overflow.
    #[test]
    fn the_largest_velocity_depends_on_learning_rate_and_momentum() {
        let max = f64::from(f32::MAX);
        let largest_change = max * f64::from(f32::EPSILON) / 4.0;
        for (lr, momentum, expected) in [
            (1e-3, 0.9, largest_change / 2.0 / 1e-3),
            (1e-3, 4.0, largest_change / 2.0 / 1e-3 / 4.0),
            (1e-20, 0.9, max / 4.0),
            (1e-20, 4.0, max / 4.0 / 4.0),
        ] {
            let optimizer =
                Momentum { lr: lr as f32, momentum: momentum as f32, nesterov: false, weight_decay: 0.0 };
            let found = f64::from(optimizer.rule(1, 0.0).largest);
            assert!((found / expected - 1.0).abs() < 1e-6, "{found:e}, expected {expected:e}");
        }
    }
}

//! Steps divided by the root of a running mean square.

use num_traits::Float;
use typenum::{U1, U4};

use super::{
    NotStored, Optimizer, OptimizerMemory, OptimizerSize, check_decay_rate, check_lr, check_positive,
    flush::mean_square,
    limits::{gradients_up_to, largest_gradient},
};
use crate::{
    error::{Error, check_not_negative},
    layers::{FiniteCheck, Keeps, UpdateRule},
    simd::{Element, Real},
};

/// Steps divided by the root mean square of recent gradients: PyTorch's `optim.RMSprop`, without momentum and
/// not centred.
///
/// - `g = dp + weight_decay · p`
/// - `s ← alpha · s + (1 − alpha) · g²`
/// - `p ← p − lr · g / (√s + eps)`
///
/// The defaults of [`new`](Self::new) are PyTorch's. Its state is the mean square `s`, a network of the same
/// type that starts as zeros.
///
/// After Tieleman and Hinton, "Lecture 6.5: RMSProp", Coursera, 2012.
///
/// # Examples
///
/// ```
/// use constnet::{RmsProp, Trainer, Zeroed, mlp};
///
/// let optimizer = RmsProp { alpha: 0.9, ..RmsProp::new(0.01) };
/// let mut trainer = Trainer::<mlp![1, 1], _, 1>::new(Zeroed::ZERO, optimizer);
/// let first = trainer.step(&[[1.0]], &[[1.0]]);
/// assert!(trainer.step(&[[1.0]], &[[1.0]]) < first);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
pub struct RmsProp<T = f32> {
    /// The learning rate: positive and finite.
    pub lr: T,
    /// The weight of the old mean square in the new one: at least 0 and less than 1.
    pub alpha: T,
    /// Added to the root, so that the quotient stays finite: positive.
    pub eps: T,
    /// The factor of the parameter in its gradient (L2 regularisation): finite and not negative.
    pub weight_decay: T,
}

impl<T: Element> RmsProp<T> {
    /// Checks all fields but the learning rate.
    #[inline(always)]
    fn check_rest(&self) -> Result<(), Error<T>> {
        check_decay_rate("alpha", self.alpha)?;
        check_positive("eps", self.eps)?;
        check_not_negative("weight_decay", self.weight_decay)
    }

    /// The largest absolute value of `g` for which `s` and the change of a parameter are finite.
    #[inline(always)]
    fn largest(self) -> T {
        let root = Float::sqrt(T::ONE - self.alpha);
        largest_gradient(self.lr, root.recip(), root, self.eps)
    }

    /// RMSprop with this learning rate and PyTorch's defaults: `alpha` 0.99, `eps` 1e-8, no weight decay.
    #[must_use]
    pub fn new(lr: T) -> Self {
        Self { lr, alpha: T::from_f64(0.99), eps: T::from_f64(1e-8), weight_decay: T::ZERO }
    }
}

/// PyTorch's defaults: [`new`](Self::new) with a learning rate of 1e-2.
impl<T: Element> Default for RmsProp<T> {
    fn default() -> Self {
        Self::new(T::from_f64(1e-2))
    }
}

/// The rule of [`RmsProp`].
#[derive(Clone, Copy, Debug)]
pub struct RmsPropRule<T> {
    optimizer: RmsProp<T>,
    /// The largest absolute value of `g`. Larger ones are set to it, so that `s` and `p` stay finite.
    largest: T,
}

impl<T: Element> UpdateRule<T> for RmsPropRule<T> {
    type Slots = Keeps<1>;

    #[inline(always)]
    fn update<V: Real<T>>(self, p: V, dp: V, [s]: &mut [V; 1]) -> V {
        let RmsProp { lr, alpha, eps, weight_decay } = self.optimizer;
        let g = p.scale_add(weight_decay, dp).clamp(-self.largest, self.largest);
        *s = mean_square(alpha, *s, g);
        let quotient = g / (s.sqrt() + eps);
        quotient.scale_add(-lr, p)
    }

    #[inline(always)]
    fn finite_check(self) -> FiniteCheck<T> {
        gradients_up_to(self.largest, self.optimizer.check_rest().is_ok())
    }

    #[inline(always)]
    fn without_limits(self) -> Self {
        Self { largest: T::infinity(), ..self }
    }
}

impl<T> OptimizerMemory for RmsProp<T> {
    type Slots = Keeps<1>;
    type GradientStore = NotStored;
}

impl<T: Element> Optimizer<T> for RmsProp<T> {
    type Rule = RmsPropRule<T>;

    #[inline(always)]
    fn rule(&self, _: usize, _: T) -> RmsPropRule<T> {
        RmsPropRule { optimizer: *self, largest: self.largest() }
    }

    fn check(&self) -> Result<(), Error<T>> {
        check_lr(self.lr)?;
        self.check_rest()
    }

    fn lr_mut(&mut self) -> &mut T {
        &mut self.lr
    }
}

/// All fields.
impl<T> OptimizerSize for RmsProp<T> {
    type PerParameter = U1;
    type Own = U4;
}

#[cfg(test)]
mod tests {
    use crate::RmsProp;

    /// Compared with the formula in `f64`, at learning rates just below and above the one at which the change of a
    /// parameter reaches its limit.
    #[test]
    fn the_largest_gradient_depends_on_the_largest_change() {
        let largest_change = f64::from(f32::MAX) * f64::from(f32::EPSILON) / 4.0;
        let largest_squared = f64::from(f32::MAX).sqrt() / 2.0;
        for (alpha, eps) in [(0.99, 1e-8), (0.99, 1e-20), (0.5, 1e-3)] {
            let quotient = (1.0 + f64::from(f32::MIN_POSITIVE).sqrt() / eps) / (1.0_f64 - alpha).sqrt();
            for (factor, expected) in [(0.98, largest_squared), (1.02, quotient * eps / 1.02)] {
                let lr = (factor * largest_change / quotient) as f32;
                let optimizer = RmsProp { lr, alpha: alpha as f32, eps: eps as f32, weight_decay: 0.0 };
                let found = f64::from(optimizer.largest());
                assert!((found / expected - 1.0).abs() < 1e-3, "{found:e}, expected {expected:e}");
            }
        }
    }
}

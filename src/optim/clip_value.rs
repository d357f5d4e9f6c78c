//! Gradients whose numbers are limited.

use core::ops::{Add, RangeInclusive};

use typenum::{Add1, B1, Unsigned};

use super::{Optimizer, OptimizerMemory, OptimizerSize, check_positive};
use crate::{
    error::Error,
    layers::{FiniteCheck, SlotsOf, TensorId, UpdateRule},
    simd::{Element, Real},
};

/// Limits each number of the gradient to the range from `-max_value` to `max_value`, then makes a step of another
/// optimiser: PyTorch's `clip_grad_value_` before `optimizer.step()`.
///
/// # Examples
///
/// ```
/// use constnet::{ClipValue, Linear, Optimizer, Sequential, Sgd, Zeroed, optim::OptimizerState};
///
/// let mut net = Sequential(Linear::new([[1.0, 2.0]], [3.0]));
/// let gradient = Sequential(Linear::new([[-8.0, 0.25]], [4.0]));
/// let optimizer = ClipValue { optimizer: Sgd { lr: 1.0 }, max_value: 0.5 };
/// optimizer.step(&mut net, &gradient, &mut OptimizerState::ZERO)?;
/// assert_eq!(net, Sequential(Linear::new([[1.5, 1.75]], [2.5])));
/// # Ok::<(), constnet::Error<f32>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
pub struct ClipValue<O, T = f32> {
    /// The optimiser that makes the step.
    pub optimizer: O,
    /// The largest absolute value of a number in the gradient: positive and finite.
    pub max_value: T,
}

/// The rule of [`ClipValue`]: limits the gradient, then applies another rule.
#[derive(Clone, Copy, Debug)]
pub struct ClipValueRule<R, T> {
    rule: R,
    max_value: T,
}

impl<T: Element, R: UpdateRule<T>> UpdateRule<T> for ClipValueRule<R, T> {
    type Slots = R::Slots;

    #[inline(always)]
    fn update<V: Real<T>>(self, p: V, dp: V, state: &mut SlotsOf<R, T, V>) -> V {
        self.rule.update(p, dp.clamp(-self.max_value, self.max_value), state)
    }

    #[inline(always)]
    fn for_tensor(self, tensor: TensorId) -> Self {
        Self { rule: self.rule.for_tensor(tensor), ..self }
    }

    #[inline(always)]
    fn finite_check(self) -> FiniteCheck<T> {
        match self.rule.finite_check() {
            // Limited to such numbers, the gradient passes, unless it is infinite or NaN.
            FiniteCheck::Gradient(factor) if (factor * self.max_value).is_finite() => {
                FiniteCheck::Gradient(T::ONE)
            }
            FiniteCheck::Gradient(factor) if self.max_value > T::ZERO => FiniteCheck::Gradient(factor),
            FiniteCheck::Gradient(_) => FiniteCheck::Gradient(T::nan()),
            check => check,
        }
    }

    #[inline(always)]
    fn without_limits(self) -> Self {
        Self { rule: self.rule.without_limits(), ..self }
    }
}

impl<O: OptimizerMemory, T> OptimizerMemory for ClipValue<O, T> {
    type Slots = O::Slots;
    type GradientStore = O::GradientStore;
}

impl<T: Element, O: Optimizer<T>> Optimizer<T> for ClipValue<O, T> {
    type Rule = ClipValueRule<O::Rule, T>;

    #[inline(always)]
    fn rule(&self, step: usize, gradient_norm: T) -> Self::Rule {
        ClipValueRule { rule: self.optimizer.rule(step, gradient_norm), max_value: self.max_value }
    }

    /// Around a [`ClipNorm`](super::ClipNorm), the norm is that of the limited gradient.
    #[inline(always)]
    fn limit<V: Real<T>>(&self, dp: V) -> V {
        self.optimizer.limit(dp.clamp(-self.max_value, self.max_value))
    }

    fn check(&self) -> Result<(), Error<T>> {
        self.optimizer.check()?;
        check_positive("max_value", self.max_value)
    }

    fn check_run(&self, steps: RangeInclusive<usize>) -> Result<(), Error<T>> {
        self.optimizer.check_run(steps)
    }

    fn lr_mut(&mut self) -> &mut T {
        self.optimizer.lr_mut()
    }
}

/// The limit, besides the numbers of the other optimiser.
impl<O: OptimizerSize<Own: Add<B1>>, T> OptimizerSize for ClipValue<O, T>
where
    Add1<O::Own>: Unsigned,
{
    type PerParameter = O::PerParameter;
    type Own = Add1<O::Own>;
}

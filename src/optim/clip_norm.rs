//! Gradients whose norm is limited.

use core::ops::{Add, RangeInclusive};

use typenum::{Add1, B1, Unsigned};

use super::{NotStored, Optimizer, OptimizerMemory, OptimizerSize, Stored, check_positive};
use crate::{
    error::Error,
    layers::{FiniteCheck, SlotsOf, TensorId, UpdateRule},
    simd::{Element, Real},
};

/// Scales a gradient whose norm is larger than `max_norm` down to that norm, then makes a step of another
/// optimiser: PyTorch's `clip_grad_norm_` before `optimizer.step()`.
///
/// `dp ← dp · min(1, max_norm / (‖dp‖ + 1e-6))`, where the norm is taken over all parameters together.
///
/// The norm is known only after the whole backward pass. So the whole gradient is stored, as part of the
/// [`OptimizerState`](super::OptimizerState): one more number for each parameter.
///
/// It cannot be wrapped around an optimiser that stores the gradient itself, such as another `ClipNorm`.
///
/// # Examples
///
/// ```
/// use constnet::{ClipNorm, Linear, Optimizer, Sequential, Sgd, Zeroed, optim::OptimizerState};
///
/// let mut net = Sequential(Linear::new([[1.0_f64, 2.0]], [3.0]));
/// let gradient = Sequential(Linear::new([[30.0, 0.0]], [-40.0]));
/// let optimizer = ClipNorm { optimizer: Sgd { lr: 1.0 }, max_norm: 0.5 };
/// optimizer.step(&mut net, &gradient, &mut OptimizerState::ZERO)?;
/// assert!((net.0.weight_at(0, 0) - 0.7).abs() < 1e-6);
/// assert!((net.0.bias()[0] - 3.4).abs() < 1e-6);
/// # Ok::<(), constnet::Error<f64>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
pub struct ClipNorm<O, T = f32> {
    /// The optimiser that makes the step.
    pub optimizer: O,
    /// The largest norm of the gradient: positive and finite.
    pub max_norm: T,
}

/// The rule of [`ClipNorm`]: scales the gradient by a factor, then applies another rule.
#[derive(Clone, Copy, Debug)]
pub struct ClipNormRule<R, T> {
    rule: R,
    factor: T,
}

impl<T: Element, R: UpdateRule<T>> UpdateRule<T> for ClipNormRule<R, T> {
    type Slots = R::Slots;

    #[inline(always)]
    fn update<V: Real<T>>(self, p: V, dp: V, state: &mut SlotsOf<R, T, V>) -> V {
        self.rule.update(p, dp * self.factor, state)
    }

    #[inline(always)]
    fn for_tensor(self, tensor: TensorId) -> Self {
        Self { rule: self.rule.for_tensor(tensor), ..self }
    }

    #[inline(always)]
    fn finite_check(self) -> FiniteCheck<T> {
        match self.rule.finite_check() {
            FiniteCheck::Gradient(factor) => FiniteCheck::Gradient(factor * self.factor),
            check => check,
        }
    }

    #[inline(always)]
    fn without_limits(self) -> Self {
        Self { rule: self.rule.without_limits(), ..self }
    }
}

impl<O: OptimizerMemory, T> OptimizerMemory for ClipNorm<O, T> {
    type Slots = O::Slots;
    type GradientStore = Stored;
}

impl<T: Element, O: Optimizer<T, GradientStore = NotStored>> Optimizer<T> for ClipNorm<O, T> {
    type Rule = ClipNormRule<O::Rule, T>;

    #[inline(always)]
    fn rule(&self, step: usize, gradient_norm: T) -> Self::Rule {
        let ratio = self.max_norm / (gradient_norm + T::from_f64(1e-6));
        // Not `min`, so that NaN stays NaN, the same as in PyTorch.
        let factor = if ratio > T::ONE { T::ONE } else { ratio };
        ClipNormRule { rule: self.optimizer.rule(step, T::ZERO), factor }
    }

    fn check(&self) -> Result<(), Error<T>> {
        self.optimizer.check()?;
        check_positive("max_norm", self.max_norm)
    }

    fn check_run(&self, steps: RangeInclusive<usize>) -> Result<(), Error<T>> {
        self.optimizer.check_run(steps)
    }

    fn lr_mut(&mut self) -> &mut T {
        self.optimizer.lr_mut()
    }
}

/// The largest norm and a gradient, besides the numbers of the other optimiser.
impl<O: OptimizerSize<PerParameter: Add<B1>, Own: Add<B1>>, T> OptimizerSize for ClipNorm<O, T>
where
    Add1<O::PerParameter>: Unsigned,
    Add1<O::Own>: Unsigned,
{
    type PerParameter = Add1<O::PerParameter>;
    type Own = Add1<O::Own>;
}

//! Steps without a check for finite numbers.

use core::ops::RangeInclusive;

use super::{Optimizer, OptimizerMemory, OptimizerSize};
use crate::{
    error::Error,
    layers::{FiniteCheck, SlotsOf, TensorId, UpdateRule},
    simd::{Element, Real},
};

/// Turns off an optimiser's check for infinite numbers and NaN: every update is made, as in PyTorch.
///
/// All other optimisers leave out an update that would make a parameter infinite or NaN, and report it. With this wrapper,
/// one NaN in the data makes all parameters NaN after a step or two. (After a loss that is not finite, the parallel
/// step and [`Trainer::step_rows`](crate::Trainer::step_rows) still update nothing, and
/// [`Trainer::gradient`](crate::Trainer::gradient) gives a gradient of 0.) [`Fit`](crate::training::Fit) still ends
/// with an error.
///
/// # Examples
///
/// ```
/// use constnet::{Sgd, Trainer, Unchecked, Zeroed, mlp};
///
/// let (x, y) = ([[f32::NAN]], [[1.0]]);
/// let mut checked: Trainer<mlp![1, 1], _, 1> = Trainer::new(Zeroed::ZERO, Sgd { lr: 0.1 });
/// assert!(checked.step(&x, &y).is_nan());
/// assert_eq!(checked.net, Zeroed::ZERO);
///
/// let optimizer = Unchecked { optimizer: Sgd { lr: 0.1 } };
/// let mut unchecked: Trainer<mlp![1, 1], _, 1> = Trainer::new(Zeroed::ZERO, optimizer);
/// assert!(unchecked.step(&x, &y).is_nan());
/// assert!(unchecked.net.0.weight_at(0, 0).is_nan());
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
pub struct Unchecked<O> {
    /// The optimiser that makes the step.
    pub optimizer: O,
}

/// The rule of [`Unchecked`]: another rule, without its check.
#[derive(Clone, Copy, Debug)]
pub struct UncheckedRule<R>(R);

impl<T: Element, R: UpdateRule<T>> UpdateRule<T> for UncheckedRule<R> {
    type Slots = R::Slots;

    #[inline(always)]
    fn update<V: Real<T>>(self, p: V, dp: V, state: &mut SlotsOf<R, T, V>) -> V {
        self.0.update(p, dp, state)
    }

    #[inline(always)]
    fn update_scaled<V: Real<T>>(self, p: V, sum: V, scale: T, state: &mut SlotsOf<R, T, V>) -> V {
        self.0.update_scaled(p, sum, scale, state)
    }

    #[inline(always)]
    fn for_tensor(self, tensor: TensorId) -> Self {
        Self(self.0.for_tensor(tensor))
    }

    #[inline(always)]
    fn finite_check(self) -> FiniteCheck<T> {
        FiniteCheck::Never
    }
}

impl<O: OptimizerMemory> OptimizerMemory for Unchecked<O> {
    type Slots = O::Slots;
    type GradientStore = O::GradientStore;
}

impl<T: Element, O: Optimizer<T>> Optimizer<T> for Unchecked<O> {
    type Rule = UncheckedRule<O::Rule>;

    #[inline(always)]
    fn rule(&self, step: usize, gradient_norm: T) -> Self::Rule {
        UncheckedRule(self.optimizer.rule(step, gradient_norm).without_limits())
    }

    #[inline(always)]
    fn limit<V: Real<T>>(&self, dp: V) -> V {
        self.optimizer.limit(dp)
    }

    fn check(&self) -> Result<(), Error<T>> {
        self.optimizer.check()
    }

    fn check_run(&self, steps: RangeInclusive<usize>) -> Result<(), Error<T>> {
        self.optimizer.check_run(steps)
    }

    fn lr_mut(&mut self) -> &mut T {
        self.optimizer.lr_mut()
    }
}

/// Those of the optimiser.
impl<O: OptimizerSize> OptimizerSize for Unchecked<O> {
    type PerParameter = O::PerParameter;
    type Own = O::Own;
}

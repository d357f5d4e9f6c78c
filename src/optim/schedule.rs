//! Learning rates that change from step to step.
//!
//! A step is a step of the optimiser: a batch, not an epoch. Schedules count steps from 0.
//!
//! | schedule | PyTorch | differences |
//! |---|---|---|
//! | [`Constant`] | `ConstantLR` with `factor=1` | |
//! | [`StepDecay`] | `StepLR` | |
//! | [`Cosine`] | `CosineAnnealingLR` | after `t_max` steps the rate stays at `eta_min`; PyTorch's rises again |
//! | [`Warmup`] before another | `LinearLR` in a `ChainedScheduler` with the other | `start_factor` may be 0 |
//! | any `Fn(usize) -> T` | `LambdaLR` | the function returns the rate itself, not a factor |
//!
//! PyTorch's schedules count calls of `scheduler.step()`, usually one for each epoch: for the same rates, multiply
//! `step_size`, `t_max` and `total_iters` by the number of batches in an epoch.

use core::ops::RangeInclusive;

use num_traits::Float;

use super::{Optimizer, OptimizerMemory, check_lr, check_positive};
use crate::{
    error::{Error, check_not_negative},
    simd::{Element, Real},
};

/// A learning rate for each step.
///
/// Implemented for functions from the number of the step to the rate: `|step| …`.
pub trait Schedule<T> {
    /// The learning rate of the step with this number, counted from 0.
    fn lr(&self, step: usize) -> T;

    /// Checks that the parameters of the schedule are valid.
    ///
    /// # Errors
    ///
    /// Names the parameter that is not.
    fn check(&self) -> Result<(), Error<T>>;

    /// Whether none of these steps has a positive rate: a run of these steps would not train the network, and
    /// [`Fit::run`](crate::training::Fit::run) refuses it. Only the first 2²⁰ steps are checked.
    fn has_ended(&self, steps: RangeInclusive<usize>) -> bool
    where
        T: Element,
    {
        steps.take(1 << 20).all(|step| self.lr(step) <= T::ZERO)
    }
}

/// Of the rates only the first is checked. If a later one is not finite, training stops as diverged.
impl<T: Element, F: Fn(usize) -> T> Schedule<T> for F {
    fn lr(&self, step: usize) -> T {
        self(step)
    }

    fn check(&self) -> Result<(), Error<T>> {
        check_not_negative("learning rate of the first step", self(0))
    }
}

/// The same rate in every step: `lr`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
pub struct Constant<T = f32> {
    /// The learning rate: positive and finite.
    pub lr: T,
}

impl<T: Element> Schedule<T> for Constant<T> {
    fn lr(&self, _: usize) -> T {
        self.lr
    }

    fn check(&self) -> Result<(), Error<T>> {
        check_lr(self.lr)
    }
}

/// A rate that is multiplied by `gamma` every `step_size` steps: `lr · gamma^⌊step / step_size⌋`. PyTorch's
/// `StepLR`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
pub struct StepDecay<T = f32> {
    /// The learning rate at the start: positive and finite.
    pub lr: T,
    /// The number of steps with the same rate: at least 1.
    pub step_size: usize,
    /// The factor between one rate and the next: positive and finite.
    pub gamma: T,
}

impl<T: Element> Schedule<T> for StepDecay<T> {
    fn lr(&self, step: usize) -> T {
        let decays = step.checked_div(self.step_size).unwrap_or(0);
        self.lr * num_traits::pow(self.gamma, decays)
    }

    fn check(&self) -> Result<(), Error<T>> {
        check_lr(self.lr)?;
        check_count("step_size", self.step_size)?;
        check_positive("gamma", self.gamma)
    }
}

/// A rate that falls along half a cosine, `eta_min + (lr − eta_min) (1 + cos(π · step / t_max)) / 2`: PyTorch's
/// `CosineAnnealingLR` for the first `t_max` steps.
///
/// From step `t_max` on the rate is `eta_min`. PyTorch's rises again.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
pub struct Cosine<T = f32> {
    /// The learning rate at the start: positive and finite.
    pub lr: T,
    /// The learning rate at the end: finite and not negative.
    pub eta_min: T,
    /// The number of steps from the start to the end, PyTorch's `T_max`: at least 1.
    pub t_max: usize,
}

impl<T: Element> Schedule<T> for Cosine<T> {
    fn lr(&self, step: usize) -> T {
        if step >= self.t_max {
            return self.eta_min;
        }
        let pi = T::from_f64(core::f64::consts::PI);
        let wave = Float::cos(pi * T::from_count(step) / T::from_count(self.t_max));
        self.eta_min + (self.lr - self.eta_min) * (T::ONE + wave) * T::from_f64(0.5)
    }

    fn check(&self) -> Result<(), Error<T>> {
        check_lr(self.lr)?;
        check_not_negative("eta_min", self.eta_min)?;
        check_count("t_max", self.t_max)
    }
}

/// Another schedule, whose first `total_iters` rates are multiplied by a factor that rises linearly from
/// `start_factor` to 1: PyTorch's `LinearLR` in a `ChainedScheduler` with the other schedule.
///
/// `(start_factor + (1 − start_factor) · step / total_iters) · then(step)`, and `then(step)` from step
/// `total_iters` on.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
pub struct Warmup<S, T = f32> {
    /// The factor of the first step: from 0 to 1.
    pub start_factor: T,
    /// The number of steps with a factor below 1.
    pub total_iters: usize,
    /// The other schedule. Its steps are counted from the start of the warm-up.
    pub then: S,
}

impl<T: Element, S: Schedule<T>> Schedule<T> for Warmup<S, T> {
    fn lr(&self, step: usize) -> T {
        let lr = self.then.lr(step);
        if step >= self.total_iters {
            return lr;
        }
        let progress = T::from_count(step) / T::from_count(self.total_iters);
        lr * (self.start_factor + (T::ONE - self.start_factor) * progress)
    }

    /// Whether the other schedule has ended: a warm-up may start with a rate of 0.
    fn has_ended(&self, steps: RangeInclusive<usize>) -> bool {
        self.then.has_ended(steps)
    }

    fn check(&self) -> Result<(), Error<T>> {
        self.then.check()?;
        let (name, value, expected) = ("start_factor", self.start_factor, "from 0 to 1");
        if value >= T::ZERO && value <= T::ONE {
            Ok(())
        } else {
            Err(Error::Hyperparameter { name, value, expected })
        }
    }
}

/// Checks that a number of steps is not 0.
fn check_count<T: Element>(name: &'static str, count: usize) -> Result<(), Error<T>> {
    let expected = "at least 1";
    if count > 0 { Ok(()) } else { Err(Error::Hyperparameter { name, value: T::ZERO, expected }) }
}

/// An optimiser with a schedule for its learning rate.
///
/// The optimiser's own `lr` is not used, and not checked. The number of the step is part of the
/// [`OptimizerState`](super::OptimizerState): a second run of a trainer continues with the rate of the next step, and
/// [`Trainer::reset`](crate::Trainer::reset) starts again with the first.
///
/// A schedule may end with a rate of 0 before a run ends; the remaining steps then change nothing. But a run whose
/// steps all have a rate of 0 is refused with [`Error::ScheduleEnded`], except in a [`Warmup`].
///
/// # Examples
///
/// ```
/// use constnet::{
///     Adam, Trainer, Zeroed, mlp,
///     optim::{
///         WithSchedule,
///         schedule::{Cosine, Warmup},
///     },
/// };
///
/// let cosine = Cosine { lr: 1e-2, eta_min: 0.0, t_max: 100 };
/// let schedule = Warmup { start_factor: 0.1, total_iters: 10, then: cosine };
/// let optimizer = WithSchedule { optimizer: Adam::default(), schedule };
/// let mut trainer: Trainer<mlp![1, 8, 1], _, 1> = Trainer::new(Zeroed::ZERO, optimizer);
/// trainer.step(&[[1.0]], &[[1.0]]);
/// ```
///
/// With a function as the schedule:
///
/// ```
/// use constnet::{
///     Linear, Optimizer, Sequential, Sgd, Zeroed,
///     optim::{OptimizerState, WithSchedule},
/// };
///
/// let schedule = |step: usize| 1.0 / (1 + step) as f32;
/// let optimizer = WithSchedule { optimizer: Sgd { lr: 1.0 }, schedule };
///
/// let mut net = Sequential(Linear::new([[3.0]], [0.0]));
/// let gradient = Sequential(Linear::new([[1.0]], [0.0]));
/// let mut state = OptimizerState::ZERO;
/// optimizer.step(&mut net, &gradient, &mut state)?;
/// optimizer.step(&mut net, &gradient, &mut state)?;
/// assert_eq!(net.0.weight(), [[3.0 - 1.0 - 0.5]]);
/// # Ok::<(), constnet::Error<f32>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
pub struct WithSchedule<O, S> {
    /// The optimiser that makes the step.
    pub optimizer: O,
    /// The learning rate of each step.
    pub schedule: S,
}

impl<O: OptimizerMemory, S> OptimizerMemory for WithSchedule<O, S> {
    type Slots = O::Slots;
    type GradientStore = O::GradientStore;
}

impl<T: Element, O: Optimizer<T> + Clone, S: Schedule<T>> Optimizer<T> for WithSchedule<O, S> {
    type Rule = O::Rule;

    /// The rule of the optimiser with the learning rate of this step. (The steps of an optimiser are counted from
    /// 1, those of a schedule from 0.)
    #[inline(always)]
    fn rule(&self, step: usize, gradient_norm: T) -> O::Rule {
        let mut optimizer = self.optimizer.clone();
        *optimizer.lr_mut() = self.schedule.lr(step.saturating_sub(1));
        optimizer.rule(step, gradient_norm)
    }

    #[inline(always)]
    fn limit<V: Real<T>>(&self, dp: V) -> V {
        self.optimizer.limit(dp)
    }

    fn check(&self) -> Result<(), Error<T>> {
        self.schedule.check()?;
        let mut optimizer = self.optimizer.clone();
        *optimizer.lr_mut() = T::ONE;
        optimizer.check()
    }

    fn check_run(&self, steps: RangeInclusive<usize>) -> Result<(), Error<T>> {
        if self.schedule.has_ended(steps.clone()) {
            return Err(Error::ScheduleEnded { step: *steps.start() });
        }
        self.optimizer.check_run(steps)
    }

    fn lr_mut(&mut self) -> &mut T {
        self.optimizer.lr_mut()
    }
}

//! Learning rates that change from step to step.
//!
//! A step is one of the optimiser's: a batch, not an epoch. Steps are counted from 0.
//!
//! | schedule | PyTorch's |
//! |---|---|
//! | [`Constant`] | `ConstantLR` with `factor=1` |
//! | [`StepDecay`] | `StepLR` |
//! | [`Cosine`] | `CosineAnnealingLR` |
//! | [`Warmup`] before another | `LinearLR` in a `ChainedScheduler` with the other |
//! | any `Fn(usize) -> T` | `LambdaLR`, but with the rate itself, not a factor |

use num_traits::Float;

use super::{Optimizer, Step, check_lr, check_not_negative, check_positive};
use crate::{Element, Error, Layer, Shape, Zeroed};

/// A learning rate for each step.
///
/// Implemented for functions from the number of the step to the rate: `|step| …`.
pub trait Schedule<T> {
    /// The learning rate of the step of this number, counted from 0.
    fn lr(&self, step: usize) -> T;

    /// Whether its numbers make sense.
    ///
    /// # Errors
    ///
    /// Names the number that does not.
    fn check(&self) -> Result<(), Error<T>>;
}

/// The rate of the first step is checked: that of a later one that is no number shows as divergence.
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

/// A rate that falls by a factor every so many steps: `lr · factor^⌊step / every⌋`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct StepDecay<T = f32> {
    /// The learning rate at the start: positive and finite.
    pub lr: T,
    /// How many steps keep the same rate: at least 1.
    pub every: usize,
    /// What the rate is multiplied with, PyTorch's `gamma`: positive and finite.
    pub factor: T,
}

impl<T: Element> Schedule<T> for StepDecay<T> {
    fn lr(&self, step: usize) -> T {
        let times = step.checked_div(self.every).unwrap_or(0);
        self.lr * num_traits::pow(self.factor, times)
    }

    fn check(&self) -> Result<(), Error<T>> {
        check_lr(self.lr)?;
        if self.every == 0 {
            let (name, expected) = ("number of steps of one learning rate", "at least 1");
            return Err(Error::Hyperparameter { name, value: T::ZERO, expected });
        }
        check_positive("factor", self.factor)
    }
}

/// A rate that falls along half a cosine: `min + (lr − min) (1 + cos(π · step / steps)) / 2`.
///
/// From `steps` on it is `min`, where PyTorch's goes up again.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Cosine<T = f32> {
    /// The learning rate at the start: positive and finite.
    pub lr: T,
    /// The learning rate at the end, PyTorch's `eta_min`: finite and not negative.
    pub min: T,
    /// How many steps there are from start to end, PyTorch's `T_max`: at least 1.
    pub steps: usize,
}

impl<T: Element> Schedule<T> for Cosine<T> {
    fn lr(&self, step: usize) -> T {
        if step >= self.steps {
            return self.min;
        }
        let pi = T::from_f64(core::f64::consts::PI);
        let wave = Float::cos(pi * T::from_count(step) / T::from_count(self.steps));
        self.min + (self.lr - self.min) * (T::ONE + wave) * T::from_f64(0.5)
    }

    fn check(&self) -> Result<(), Error<T>> {
        check_lr(self.lr)?;
        check_not_negative("minimal learning rate", self.min)?;
        if self.steps == 0 {
            let (name, expected) = ("number of steps of the cosine", "at least 1");
            return Err(Error::Hyperparameter { name, value: T::ZERO, expected });
        }
        Ok(())
    }
}

/// Another schedule whose first rates are multiplied with a factor that rises from `start` to 1:
/// `(start + (1 − start) · step / steps) · then(step)`, from `steps` on `then(step)`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Warmup<S, T = f32> {
    /// The factor of the first step: from 0 to 1.
    pub start: T,
    /// How many steps have a factor below 1.
    pub steps: usize,
    /// The schedule, which counts the steps of the warm-up too.
    pub then: S,
}

impl<T: Element, S: Schedule<T>> Schedule<T> for Warmup<S, T> {
    fn lr(&self, step: usize) -> T {
        let lr = self.then.lr(step);
        if step >= self.steps {
            return lr;
        }
        let risen = T::from_count(step) / T::from_count(self.steps);
        lr * (self.start + (T::ONE - self.start) * risen)
    }

    fn check(&self) -> Result<(), Error<T>> {
        self.then.check()?;
        let (name, value, expected) = ("first factor of the warm-up", self.start, "from 0 to 1");
        if value >= T::ZERO && value <= T::ONE {
            Ok(())
        } else {
            Err(Error::Hyperparameter { name, value, expected })
        }
    }
}

/// An optimiser whose learning rate is set anew in each step.
///
/// The optimiser's own `lr` is not used, though [`check`](Optimizer::check) wants it positive and finite
/// as ever. The steps are counted in the state: see [`Counted`].
///
/// # Examples
///
/// ```
/// use constnet::{Adam, Scheduled, Trainer, Zeroed, mlp, schedule::{Cosine, Warmup}};
///
/// let schedule = Warmup { start: 0.1, steps: 10, then: Cosine { lr: 1e-2, min: 0.0, steps: 100 } };
/// let optimizer = Scheduled { optimizer: Adam::default(), schedule };
/// let mut trainer: Trainer<mlp![1, 8, 1], _, 1> = Trainer::new(Zeroed::ZERO, optimizer);
/// trainer.step(&[[1.0]], &[[1.0]]);
/// ```
///
/// By a function:
///
/// ```
/// use constnet::{Optimizer, Scheduled, Linear, Sequential, Sgd, Zeroed};
///
/// let schedule = |step: usize| 1.0 / (1 + step) as f32;
/// let mut sgd = Scheduled { optimizer: Sgd { lr: 1.0 }, schedule };
///
/// let mut net = Sequential(Linear::new([[3.0]], [0.0]));
/// let gradient = Sequential(Linear::new([[1.0]], [0.0]));
/// let mut state = Zeroed::ZERO;
/// sgd.step(&mut net, &gradient, &mut state);
/// sgd.step(&mut net, &gradient, &mut state);
/// assert_eq!(net.0.weight(), [[3.0 - 1.0 - 0.5]]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Scheduled<O, S> {
    /// What makes the step.
    pub optimizer: O,
    /// Its learning rates.
    pub schedule: S,
}

/// What [`Scheduled`] keeps: the number of the step, and the optimiser's state.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Counted<S> {
    /// How many steps were made.
    pub steps: usize,
    /// The state of the optimiser inside.
    pub state: S,
}

impl<S: Zeroed> Zeroed for Counted<S> {
    const ZERO: Self = Self { steps: 0, state: S::ZERO };
}

impl<T: Element, O: Optimizer<T>, S: Schedule<T>> Optimizer<T> for Scheduled<O, S> {
    type State<L: Zeroed> = Counted<O::State<L>>;

    fn check(&self) -> Result<(), Error<T>> {
        self.schedule.check()?;
        self.optimizer.check()
    }

    fn lr_mut(&mut self) -> &mut T {
        self.optimizer.lr_mut()
    }

    #[inline(always)]
    fn apply<L: Layer<In: Shape<Elem = T>>>(&mut self, step: impl Step<L>, counted: &mut Self::State<L>) {
        let Counted { steps, state } = counted;
        let own = core::mem::replace(self.optimizer.lr_mut(), self.schedule.lr(*steps));
        *steps = steps.saturating_add(1);
        self.optimizer.apply(step, state);
        *self.optimizer.lr_mut() = own;
    }
}

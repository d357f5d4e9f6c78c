//! Optimisers: how a network is updated, given its gradient.
//!
//! | optimiser | PyTorch | values kept per parameter |
//! |---|---|---|
//! | [`Sgd`] | `SGD` | none |
//! | [`Momentum`] | `SGD` with momentum, also Nesterov's | 1 |
//! | [`RmsProp`] | `RMSprop` | 1 |
//! | [`Adam`], [`AdamW`] | `Adam`, `AdamW` | 2 |
//! | [`ClipValue`] around another | `clip_grad_value_` | none more |
//! | [`ClipNorm`] around another | `clip_grad_norm_` | 1 more: the gradient |
//! | [`ParameterGroup`] of two others | parameter groups: a weight decay or learning rate for some parameters | none more |
//! | [`Unchecked`] around another | no check for infinite numbers and NaN | none more |
//! | [`WithSchedule`] around another | `lr_scheduler`: see [`schedule`] | none more |
//!
//! A [`Trainer`](crate::Trainer) updates each parameter as soon as its gradient is computed, in one pass over
//! parameters, state and products. To update from a gradient that you computed yourself, call
//! [`Optimizer::step`].
//!
//! # Numbers that are not finite
//!
//! A step with an optimiser of this crate makes no finite parameter or state value infinite or NaN, whatever the data.
//! It leaves out an update that would do so, and reports it: [`Trainer::step`](crate::Trainer::step) returns NaN (or
//! the loss, if that is not finite), and all other steps return an error. The table lists the parts that are not
//! updated:
//!
//! | step | if a number in the gradient is infinite, NaN or too large, this is not updated |
//! |---|---|
//! | a step from a whole gradient: [`Optimizer::step`], [`Trainer::update`](crate::Trainer::update), [`Trainer::step_rows`](crate::Trainer::step_rows), the parallel step, [`ClipNorm`] | everything; for a number that is only too large, its parameter |
//! | every other step of a [`Trainer`](crate::Trainer), which updates each layer during the backward pass | the parameters whose gradients are computed together with that number, and all layers nearer to the input |
//!
//! A number in the gradient is too large if its square (Adam, RMSprop) or its product with the learning rate (the
//! others) could make a parameter or its state overflow: for `f32`, above 9e18 and `5e30 / lr`. A velocity, or a
//! gradient with weight decay, that would exceed this limit is set to the limit. A step that updates only some layers
//! counts as a step. For PyTorch's behaviour, wrap the optimiser in [`Unchecked`].
//!
//! # Small numbers
//!
//! On SIMD targets, a velocity or first moment that has decayed below 1e-31 (`f64`: 1e-292) is set to 0, and so
//! is a mean of squares that would be subnormal. PyTorch does this only after `set_flush_denormal`.
//!
//! # An optimiser of your own
//!
//! Write its formula as an [`UpdateRule`](crate::layers::UpdateRule), and implement [`Optimizer`] to return the rule of each step:
//!
//! ```
//! use constnet::{
//!     Error, Linear, Optimizer, Sequential, Zeroed,
//!     layers::{Keeps, UpdateRule},
//!     optim::{NotStored, OptimizerMemory, OptimizerState},
//!     simd::{Element, Real},
//! };
//!
//! /// Only the sign of the gradient is used: `p ← p − lr · sign(dp)`.
//! #[derive(Clone, Copy)]
//! struct SignSgd<T> {
//!     lr: T,
//! }
//!
//! impl<T: Element> UpdateRule<T> for SignSgd<T> {
//!     type Slots = Keeps<0>;
//!
//!     #[inline(always)]
//!     fn update<V: Real<T>>(self, p: V, dp: V, _: &mut [V; 0]) -> V {
//!         let decreased = dp.select_gt(T::ZERO, p - self.lr, p);
//!         dp.select_lt(T::ZERO, p + self.lr, decreased)
//!     }
//! }
//!
//! impl<T> OptimizerMemory for SignSgd<T> {
//!     type Slots = Keeps<0>;
//!     type GradientStore = NotStored;
//! }
//!
//! impl<T: Element> Optimizer<T> for SignSgd<T> {
//!     type Rule = Self;
//!
//!     fn rule(&self, _: usize, _: T) -> Self {
//!         *self
//!     }
//!
//!     fn check(&self) -> Result<(), Error<T>> {
//!         if self.lr > T::ZERO { Ok(()) } else { Err(Error::LearningRate(self.lr)) }
//!     }
//!
//!     fn lr_mut(&mut self) -> &mut T {
//!         &mut self.lr
//!     }
//! }
//!
//! let mut net = Sequential(Linear::new([[1.0, 2.0]], [3.0]));
//! let gradient = Sequential(Linear::new([[4.0, 0.0]], [-5.0]));
//! SignSgd { lr: 0.5 }.step(&mut net, &gradient, &mut { OptimizerState::ZERO })?;
//! assert_eq!(net, Sequential(Linear::new([[0.5, 2.0]], [3.5])));
//! # Ok::<(), constnet::Error<f32>>(())
//! ```

mod adam;
mod clip_norm;
mod clip_value;
mod flush;
mod limits;
mod momentum;
mod optimizer;
mod parameter_group;
mod rms_prop;
pub mod schedule;
mod sgd;
mod unchecked;

pub(crate) use self::optimizer::norm;
use self::optimizer::{check_decay_rate, check_lr, check_positive};
pub use self::{
    adam::{Adam, AdamRule, AdamW, AdamWRule},
    clip_norm::{ClipNorm, ClipNormRule},
    clip_value::{ClipValue, ClipValueRule},
    momentum::{Momentum, MomentumRule},
    optimizer::{
        GradientStore, NotStored, Optimizer, OptimizerMemory, OptimizerSize, OptimizerState, Stored,
        StoredGradient, StoredSlots,
    },
    parameter_group::{
        BiasesAndNorms, LayersFrom, OneLayer, ParameterGroup, ParameterGroupRule, ParameterSet,
    },
    rms_prop::{RmsProp, RmsPropRule},
    schedule::WithSchedule,
    sgd::Sgd,
    unchecked::{Unchecked, UncheckedRule},
};

/// The names that the crate root re-exports.
pub(crate) mod root {
    pub use super::{
        Adam, AdamW, ClipNorm, ClipValue, Momentum, Optimizer, RmsProp, Sgd, Unchecked, WithSchedule,
        schedule,
    };
}

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
//! | [`WithSchedule`] around another | `lr_scheduler`: see [`schedule`] | none more |
//!
//! A [`Trainer`](crate::Trainer) updates each parameter as soon as its gradient is computed, in one pass over
//! parameters, state and products. To update from a gradient that you computed yourself, call
//! [`Optimizer::step`].
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
//! SignSgd { lr: 0.5 }.step(&mut net, &gradient, &mut { OptimizerState::ZERO });
//! assert_eq!(net, Sequential(Linear::new([[0.5, 2.0]], [3.5])));
//! ```

mod adam;
mod clip_norm;
mod clip_value;
mod flush;
mod momentum;
mod optimizer;
mod rms_prop;
pub mod schedule;
mod sgd;

use self::optimizer::{check_decay_rate, check_lr, check_not_negative, check_positive};
pub use self::{
    adam::{Adam, AdamRule, AdamW},
    clip_norm::{ClipNorm, ClipNormRule},
    clip_value::{ClipValue, ClipValueRule},
    momentum::{Momentum, MomentumRule},
    optimizer::{
        GradientStore, NotStored, Optimizer, OptimizerMemory, OptimizerSize, OptimizerState, Stored,
        StoredGradient, StoredSlots,
    },
    rms_prop::RmsProp,
    schedule::WithSchedule,
    sgd::Sgd,
};

/// The names that the crate root re-exports.
pub(crate) mod root {
    pub use super::{
        Adam, AdamW, ClipNorm, ClipValue, Momentum, Optimizer, RmsProp, Sgd, WithSchedule, schedule,
    };
}

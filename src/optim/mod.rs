//! Optimisers: how a gradient changes a network.
//!
//! | optimiser | PyTorch's | numbers of state for each parameter |
//! |---|---|---|
//! | [`Sgd`] | `SGD` | none |
//! | [`Momentum`] | `SGD` with momentum, Nesterov's too | 1 |
//! | [`RmsProp`] | `RMSprop` | 1 |
//! | [`Adam`], [`AdamW`] | `Adam`, `AdamW` | 2 |
//! | [`ClipValue`] around another | `clip_grad_value_` | none more |
//! | [`ClipNorm`] around another | `clip_grad_norm_` | 1 more: the gradient |
//! | [`Scheduled`] around another | `lr_scheduler`: see [`schedule`] | none more |
//!
//! A [`Trainer`](crate::Trainer) updates each parameter as soon as its gradient is known, in one pass
//! over parameters, state and products. Who goes step by step calls [`Optimizer::step`].
//!
//! On vector units a velocity or a first moment that has decayed below 1e-31 (`f64`: 1e-292) is set to 0,
//! and a mean of squares where it would be subnormal. PyTorch does so after `set_flush_denormal` alone.
//!
//! # An optimiser of your own
//!
//! Say the [`Rule`] for a vector of parameters, and hand it over with its state:
//!
//! ```
//! use constnet::{
//!     Elem, Element, Error, Layer, Linear, Optimizer, Sequential, Shape, Zeroed,
//!     kernel::Isa,
//!     optim::{Rule, Step},
//! };
//!
//! /// The sign of the gradient says where to go: `p ← p − lr · sign(dp)`.
//! #[derive(Clone, Copy)]
//! struct SignSgd<T> {
//!     lr: T,
//! }
//!
//! impl<T: Element> Rule<T, 0> for SignSgd<T> {
//!     #[inline(always)]
//!     fn update<I: Isa<T>>(self, isa: I, p: I::V, dp: I::V, _: &mut [I::V; 0]) -> I::V {
//!         let (zero, lr) = (isa.splat(T::ZERO), isa.splat(self.lr));
//!         let down = isa.select(isa.lt(zero, dp), isa.sub(p, lr), p);
//!         isa.select(isa.lt(dp, zero), isa.add(p, lr), down)
//!     }
//! }
//!
//! impl<T: Element> Optimizer<T> for SignSgd<T> {
//!     type State<L: Zeroed> = ();
//!
//!     fn lr_mut(&mut self) -> &mut T {
//!         &mut self.lr
//!     }
//!
//!     fn check(&self) -> Result<(), Error<T>> {
//!         if self.lr > T::ZERO { Ok(()) } else { Err(Error::LearningRate(self.lr)) }
//!     }
//!
//!     #[inline(always)]
//!     fn apply<L: Layer<In: Shape<Elem = T>>>(&mut self, step: impl Step<L>, (): &mut ()) {
//!         step.by(*self, []);
//!     }
//! }
//!
//! let mut net = Sequential(Linear::new([[1.0, 2.0]], [3.0]));
//! let gradient = Sequential(Linear::new([[4.0, 0.0]], [-5.0]));
//! SignSgd { lr: 0.5 }.step(&mut net, &gradient, &mut ());
//! assert_eq!(net, Sequential(Linear::new([[0.5, 2.0]], [3.5])));
//! ```

mod adam;
mod clip;
mod momentum;
mod rms_prop;
mod rule;
pub mod schedule;
mod sgd;
mod step;

pub use adam::{Adam, AdamW, Moments};
pub use clip::{ClipNorm, ClipValue, Clipped};
pub use momentum::Momentum;
pub use rms_prop::RmsProp;
pub use rule::Rule;
pub(crate) use rule::{update_all, update_vector};
pub use schedule::{Counted, Scheduled};
pub use sgd::Sgd;
pub use step::Step;

use crate::{
    Activation, Element, Error, Layer, Row, Shape, Zeroed,
    kernel::{Isa, Kernel},
};
use step::{Fused, Known};

/// An optimiser: what a [`Trainer`](crate::Trainer) does with a gradient.
///
/// Implemented by saying, in [`apply`](Self::apply), by what [`Rule`] a step is made; the [module](self)
/// shows how.
pub trait Optimizer<T: Element> {
    /// What it keeps about a network: as many further networks as its rule has numbers of state.
    type State<L: Zeroed>: Zeroed;

    /// Whether its numbers make sense.
    ///
    /// # Errors
    ///
    /// Names the number that does not.
    fn check(&self) -> Result<(), Error<T>>;

    /// The learning rate, to be changed.
    fn lr_mut(&mut self) -> &mut T;

    /// Gives a step its rule. `#[inline(always)]`, as it runs in the midst of a kernel.
    fn apply<L: Layer<In: Shape<Elem = T>>>(&mut self, step: impl Step<L>, state: &mut Self::State<L>);

    /// Updates a network, given its gradient.
    ///
    /// The numbers of the optimiser are not checked here, but by [`check`](Self::check).
    fn step<L: Layer<In: Shape<Elem = T>>>(&mut self, net: &mut L, gradient: &L, state: &mut Self::State<L>) {
        T::dispatch(Whole { optimizer: self, net, gradient, state });
    }

    /// The same in the midst of a kernel.
    #[inline(always)]
    fn update<I: Isa<T>, L: Layer<In: Shape<Elem = T>>>(
        &mut self,
        isa: I,
        net: &mut L,
        gradient: &L,
        state: &mut Self::State<L>,
    ) {
        self.apply(Known { isa, net, gradient }, state);
    }

    /// The backward pass and the step in one.
    #[inline(always)]
    fn backward_step<I: Isa<T>, L: Layer<In: Shape<Elem = T>>, const B: usize>(
        &mut self,
        isa: I,
        net: &mut L,
        tape: &mut L::Tape<B>,
        scratch: &mut L::Scratch,
        dy: &mut [Row<L::Out>; B],
        before: impl Activation<T>,
        state: &mut Self::State<L>,
    ) {
        self.apply(Fused { isa, net, tape, scratch, dy, before }, state);
    }
}

/// A whole update, of a network whose gradient is known.
struct Whole<'a, T: Element, O: Optimizer<T> + ?Sized, L: Zeroed> {
    optimizer: &'a mut O,
    net: &'a mut L,
    gradient: &'a L,
    state: &'a mut O::State<L>,
}

impl<T: Element, O: Optimizer<T> + ?Sized, L: Layer<In: Shape<Elem = T>>> Kernel<T> for Whole<'_, T, O, L> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa<T>>(self, isa: I) {
        self.optimizer.update(isa, self.net, self.gradient, self.state);
    }
}

/// That a learning rate is positive and finite.
fn check_lr<T: Element>(lr: T) -> Result<(), Error<T>> {
    if lr.is_finite() && lr > T::ZERO { Ok(()) } else { Err(Error::LearningRate(lr)) }
}

/// That a number is positive and finite.
fn check_positive<T: Element>(name: &'static str, value: T) -> Result<(), Error<T>> {
    let expected = "a positive, finite number";
    if value.is_finite() && value > T::ZERO {
        Ok(())
    } else {
        Err(Error::Hyperparameter { name, value, expected })
    }
}

/// That a number is finite and not negative.
fn check_not_negative<T: Element>(name: &'static str, value: T) -> Result<(), Error<T>> {
    let expected = "a finite number of at least 0";
    if value.is_finite() && value >= T::ZERO {
        Ok(())
    } else {
        Err(Error::Hyperparameter { name, value, expected })
    }
}

/// That a number can be the share of the old in a running average.
fn check_share<T: Element>(name: &'static str, value: T) -> Result<(), Error<T>> {
    let expected = "at least 0 and less than 1";
    if value >= T::ZERO && value < T::ONE {
        Ok(())
    } else {
        Err(Error::Hyperparameter { name, value, expected })
    }
}

//! What the runs of all second-order methods have in common.

use super::cores::{Cores, OneCore};
use crate::{
    error::Error,
    layers::{Elem, Layer, LayerTypes, Row, Shape},
    loss::Loss,
    network::Buffers,
    simd::Element,
    training::{check_network, check_run},
};

/// A run of a second-order method on a data set: `fit` of [`LevenbergMarquardt`](super::LevenbergMarquardt) or
/// [`Lbfgs`](super::Lbfgs) makes it, `run` or `run_with` starts it. `P` is [`OneCore`], or `AllCores` after a call of
/// `parallel`.
#[derive(Debug)]
#[must_use = "a run does nothing before `run`"]
pub struct Run<'a, Method, N: LayerTypes, C: Loss<N::Out>, P = OneCore> {
    pub(super) method: Method,
    pub(super) net: &'a mut N,
    pub(super) loss: &'a C,
    pub(super) training: (&'a [Row<N::In>], &'a [C::Target]),
    pub(super) validation: Option<(&'a [Row<N::In>], &'a [C::Target])>,
    pub(super) cores: P,
}

impl<'a, Method, N: Layer, C: Loss<N::Out>, P> Run<'a, Method, N, C, P> {
    /// Computes the loss of these data after each iteration. They are not used for training.
    pub fn validate(self, x: &'a [Row<N::In>], y: &'a [C::Target]) -> Self {
        Self { validation: Some((x, y)), ..self }
    }

    /// Checks data and network.
    pub(super) fn check(&self) -> Result<(), Error<Elem<N>>> {
        let (x, y) = self.training;
        check_run::<N, C>(self.loss, x, y).map_err(|error| error.about(Error::Training))?;
        if let Some((x, y)) = self.validation {
            check_run::<N, C>(self.loss, x, y).map_err(|error| error.about(Error::Validation))?;
        }
        check_network(self.net)
    }
}

/// The state of a run after an iteration.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Report<T = f32> {
    /// The number of iterations: for [`LevenbergMarquardt`](super::LevenbergMarquardt), that of Jacobian matrices.
    pub iterations: usize,
    /// The number of evaluations of the loss, for [`Lbfgs`](super::Lbfgs) also of its gradient.
    pub evaluations: usize,
    /// The loss, without weight decay.
    pub loss: T,
    /// The loss of the validation data, if there are any.
    pub validation_loss: Option<T>,
    /// Why the run ended; during a run `None`.
    pub stop: Option<Stop>,
}

impl<T: Element> Report<T> {
    /// The report before the first iteration.
    pub(super) fn start(loss: T, goal: T) -> Self {
        let stop = (loss <= goal).then_some(Stop::Goal);
        Self { iterations: 0, evaluations: 1, loss, validation_loss: None, stop }
    }

    /// Computes the loss of the validation data, which has to be finite.
    pub(super) fn validate<N: Layer, C: Loss<N::Out>, const B: usize>(
        &mut self,
        cores: &mut impl Cores<N, C, B>,
        net: &N,
        loss: &C,
        buffers: &mut Buffers<N, B>,
        data: Option<(&[Row<N::In>], &[C::Target])>,
    ) -> Result<(), Error<T>>
    where
        N::In: Shape<Elem = T>,
    {
        self.validation_loss = data.map(|(x, y)| cores.mean_loss(net, loss, buffers, x, y));
        match self.validation_loss {
            Some(loss) if !loss.is_finite() => Err(Error::ValidationLoss { epoch: self.iterations, loss }),
            _ => Ok(()),
        }
    }
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Stop {
    /// The loss has reached the goal.
    Goal,
    /// The gradient is as small as the gradient tolerance.
    Gradient,
    /// The step is as small as the step tolerance, an iteration decreased the loss by no more than the loss tolerance,
    /// or no step decreases the loss by more than rounding errors.
    Step,
    /// The largest number of iterations was reached.
    Limit,
    /// The callback returned [`ControlFlow::Break`](core::ops::ControlFlow::Break).
    Callback,
}

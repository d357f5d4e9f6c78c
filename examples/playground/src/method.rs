//! The methods of training.

use core::ops::ControlFlow;

use constnet::{
    Adam, LevenbergMarquardt, Momentum, Optimizer, Sequential, Sgd, Zeroed,
    layers::{Features, Layer},
    optim::OptimizerState,
    second_order::LeastSquares,
};

use crate::data::Data;

/// A method of training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Plain gradient descent.
    Sgd,
    /// Gradient descent with a momentum of 0.9.
    Momentum,
    /// Adam with the default decay rates.
    Adam,
    /// The method of Levenberg and Marquardt, on the whole data set.
    LevenbergMarquardt,
}

impl Method {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sgd => "sgd",
            Self::Momentum => "momentum",
            Self::Adam => "adam",
            Self::LevenbergMarquardt => "levenberg-marquardt",
        }
    }
}

/// All methods, in the order of the page.
pub static METHODS: [Method; 4] = [Method::Sgd, Method::Momentum, Method::Adam, Method::LevenbergMarquardt];

/// The largest number of iterations of the method of Levenberg and Marquardt.
pub const MAX_ITERATIONS: usize = 128;

/// The second half of a step of an optimiser, on a network of type `N`.
pub(crate) trait Update<N> {
    /// Updates the network. Returns whether all numbers are finite.
    fn update(&mut self, net: &mut N, gradient: &N) -> bool;

    /// Forgets all steps.
    fn reset(&mut self);
}

/// An optimiser with its state.
struct WithState<L: Layer, Opt: Optimizer<f32>> {
    optimizer: Opt,
    state: OptimizerState<Sequential<L>, Opt>,
}

impl<L, Opt, const I: usize> Update<Sequential<L>> for WithState<L, Opt>
where
    L: Layer<In = Features<I>>,
    Opt: Optimizer<f32>,
{
    fn update(&mut self, net: &mut Sequential<L>, gradient: &Sequential<L>) -> bool {
        self.optimizer.step(net, gradient, &mut self.state).is_ok()
    }

    fn reset(&mut self) {
        self.state = Zeroed::ZERO;
    }
}

/// The optimiser of a method, unless that is the method of Levenberg and Marquardt.
pub(crate) fn optimizer<L, const I: usize>(method: Method, lr: f32) -> Option<Box<dyn Update<Sequential<L>>>>
where
    L: Layer<In = Features<I>> + 'static,
{
    fn with_state<L, Opt, const I: usize>(optimizer: Opt) -> Option<Box<dyn Update<Sequential<L>>>>
    where
        L: Layer<In = Features<I>> + 'static,
        Opt: Optimizer<f32> + 'static,
    {
        Some(Box::new(WithState { optimizer, state: Zeroed::ZERO }))
    }
    match method {
        Method::Sgd => with_state(Sgd { lr }),
        Method::Momentum => with_state(Momentum { lr, momentum: 0.9, nesterov: false, weight_decay: 0.0 }),
        Method::Adam => with_state(Adam::new(lr)),
        Method::LevenbergMarquardt => None,
    }
}

/// Trains a network by the method of Levenberg and Marquardt. Returns the network as it was, and after each iteration.
pub(crate) fn levenberg_marquardt<L, C, const I: usize, const O: usize>(
    mut net: Sequential<L>,
    loss: &C,
    data: &Data,
    max_iterations: usize,
) -> Vec<Sequential<L>>
where
    L: Layer<In = Features<I>, Out = Features<O>> + Clone,
    C: LeastSquares<Features<O>, Target = [f32; O]>,
{
    let method = LevenbergMarquardt { max_iterations, ..LevenbergMarquardt::new() };
    let mut workspace = vec![0.0; LevenbergMarquardt::workspace_len::<Sequential<L>>()];
    let (x, y) = data.rows();
    let mut networks = vec![net.clone()];
    // An error leaves the networks of the iterations before it.
    let _ = method.fit(&mut net, loss, x, y).run_with(&mut workspace, |_, net| {
        networks.push(net.clone());
        ControlFlow::Continue(())
    });
    networks
}

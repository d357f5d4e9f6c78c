//! Whole training steps in place.

use core::fmt;

use num_traits::Float;

use crate::{
    Activation, Elem, Element, Error, Fit, Layer, Loss, Mse, Optimizer, Row, Shape, Tape, Unwanted, Zeroed,
    activation::backward_all,
    fit::check,
    kernel::{Dispatch, Isa, Kernel},
    sequential::Forward,
};

/// A network in training: with its optimiser, the optimiser's state and the workspace of a step.
///
/// All of it is one value of known size, and a step changes it where it lies: nothing is moved,
/// nothing is allocated. `B` is the size of a batch.
///
/// # Examples
///
/// ```
/// use constnet::{Sequential, Sgd, Trainer, Zeroed, mlp};
/// use rand::{SeedableRng, rngs::StdRng};
///
/// let mut rng = StdRng::seed_from_u64(0);
/// let mut trainer: Trainer<mlp![2, 16, 1], Sgd, 4> = Trainer::new(Zeroed::ZERO, Sgd { lr: 0.1 });
/// trainer.net.init(&mut rng);
///
/// let x = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
/// let y = [[0.0], [1.0], [1.0], [0.0]];
/// let loss = trainer.fit(&x, &y).epochs(2000).run(&mut rng, |_, _| {})?.loss;
/// assert!(loss < 1e-3);
/// # Ok::<(), constnet::Error<f32>>(())
/// ```
///
/// A large network in training, off the stack:
///
/// ```
/// use constnet::{Sgd, Trainer, Zeroed, mlp};
/// use std::sync::Mutex;
///
/// static TRAINER: Mutex<Trainer<mlp![784, 512, 512, 10], Sgd, 32>> =
///     Mutex::new(Trainer::new(Zeroed::ZERO, Sgd { lr: 0.0 }));
///
/// TRAINER.lock().unwrap().optimizer.lr = 0.1;
/// ```
///
/// It is all zeros, learning rate included, and so takes no room in the program's file, nor in flash.
///
/// With the feature `serde` a trainer can be saved and trains on as if it had never stopped: what is
/// saved are its network, its optimiser with its state, its criterion, and the count of passes by which
/// [`Dropout`](crate::Dropout) draws. The generator of random numbers is yours to save beside it.
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(bound(
        serialize = "N: serde::Serialize, Opt: serde::Serialize, C: serde::Serialize, Opt::State<N>: serde::Serialize",
        deserialize = "N: serde::Deserialize<'de>, Opt: serde::Deserialize<'de>, C: serde::Deserialize<'de>, \
                       Opt::State<N>: serde::Deserialize<'de>",
    ))
)]
pub struct Trainer<N: Layer, Opt: Optimizer<Elem<N>>, const B: usize, C = Mse> {
    /// The network.
    pub net: N,
    /// The optimiser.
    pub optimizer: Opt,
    /// What is minimised.
    pub criterion: C,
    state: Opt::State<N>,
    /// Of which only the count of its passes is to be saved.
    #[cfg_attr(feature = "serde", serde(rename = "passes", with = "crate::serde::passes"))]
    pub(crate) tape: Tape<N, B>,
}

impl<N: Layer, Opt: Optimizer<Elem<N>>, const B: usize> Trainer<N, Opt, B> {
    /// A trainer that minimises the mean squared error.
    #[must_use]
    pub const fn new(net: N, optimizer: Opt) -> Self {
        Self::with_criterion(net, optimizer, Mse)
    }
}

impl<N: Layer, Opt: Optimizer<Elem<N>>, const B: usize, C: Loss<N::Out>> Trainer<N, Opt, B, C> {
    /// A trainer that minimises what you say.
    #[must_use]
    pub const fn with_criterion(net: N, optimizer: Opt, criterion: C) -> Self {
        const { assert!(B > 0, "a batch has at least one sample") };
        Self { net, optimizer, criterion, state: Zeroed::ZERO, tape: Zeroed::ZERO }
    }

    /// One step on one batch: forward, loss, backward, update. Gives the loss before the update.
    ///
    /// A loss that is not finite leaves the network as it is, and so does a target that the loss cannot
    /// be computed for. The optimiser's numbers are not checked here; [`Fit::run`] does so.
    #[inline]
    pub fn step(&mut self, x: &[Row<N::In>; B], y: &[C::Target; B]) -> Elem<N> {
        *self.tape.input_mut() = *x;
        self.step_on(y)
    }

    /// A step on the inputs that the tape already holds, the first `y.len()` of them.
    #[inline]
    pub(crate) fn step_on(&mut self, y: &[C::Target]) -> Elem<N> {
        Elem::<N>::dispatch(Step { trainer: self, y })
    }

    /// A training run over a data set of any length: one epoch of mini-batches in random order,
    /// unless [`Fit`] is told more. It starts by [`run`](Fit::run).
    pub const fn fit<'a>(&'a mut self, x: &'a [Row<N::In>], y: &'a [C::Target]) -> Fit<'a, N, Opt, B, C> {
        Fit::new(self, x, y)
    }

    /// The loss over a data set of any length; nothing is changed but the workspace.
    ///
    /// # Errors
    ///
    /// If there are no samples, inputs and targets are not of one length, or the loss refuses a target.
    pub fn evaluate(&mut self, x: &[Row<N::In>], y: &[C::Target]) -> Result<Elem<N>, Error<Elem<N>>> {
        check(&self.criterion, x, y)?;
        let mut sum = Elem::<N>::ZERO;
        for (x, y) in x.chunks(B).zip(y.chunks(B)) {
            for (input, x) in self.tape.input_mut().iter_mut().zip(x) {
                *input = *x;
            }
            let loss = Elem::<N>::dispatch(Evaluate { trainer: self, y });
            sum = sum + loss * Elem::<N>::from_count(y.len());
        }
        Ok(sum / Elem::<N>::from_count(x.len()))
    }
}

impl<N: Layer + fmt::Debug, Opt: Optimizer<Elem<N>> + fmt::Debug, const B: usize, C: fmt::Debug> fmt::Debug
    for Trainer<N, Opt, B, C>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trainer")
            .field("net", &self.net)
            .field("optimizer", &self.optimizer)
            .field("criterion", &self.criterion)
            .finish_non_exhaustive()
    }
}

/// A whole step on the first `y.len()` inputs that the tape holds.
struct Step<'a, N: Layer, Opt: Optimizer<Elem<N>>, const B: usize, C: Loss<N::Out>> {
    trainer: &'a mut Trainer<N, Opt, B, C>,
    y: &'a [C::Target],
}

impl<N: Layer, Opt: Optimizer<Elem<N>>, const B: usize, C: Loss<N::Out>> Kernel<Elem<N>>
    for Step<'_, N, Opt, B, C>
{
    type Output = Elem<N>;

    #[inline(always)]
    fn run<I: Isa<Elem<N>>>(self, isa: I) -> Elem<N> {
        let Trainer { net, optimizer, criterion, state, tape } = self.trainer;
        tape.training(true);
        Forward { net: &*net, layers: &mut tape.layers, output: &mut tape.output }.run(isa);
        let Tape { layers, output, scratch } = tape;
        let mut a = *output;
        let counted = self.y.len().min(B);
        let (y_hat, filled_up) = output.split_at_mut(counted);
        let loss = criterion.value_and_gradient(isa, y_hat, self.y);
        if !loss.is_finite() {
            return loss;
        }
        if counted < B {
            // The layers average over `B` samples, of which only these are to count.
            let scale = Elem::<N>::from_count(B) / Elem::<N>::from_count(counted);
            for dy in N::Out::flatten_mut(y_hat) {
                *dy = *dy * scale;
            }
            N::Out::flatten_mut(filled_up).fill(Elem::<N>::ZERO);
        }
        through_trail::<N, I, B>(isa, N::Trail::default(), &mut a, output);
        optimizer.backward_step(isa, net, layers, scratch, output, Unwanted, state);
        loss
    }
}

/// Turns the gradient with respect to the output into that before the last activation, if there
/// is one.
#[inline(always)]
fn through_trail<N: Layer, I: Isa<Elem<N>>, const B: usize>(
    isa: I,
    trail: impl Activation<Elem<N>>,
    a: &mut [Row<N::Out>; B],
    dy: &mut [Row<N::Out>; B],
) {
    if !is_identity::<Elem<N>, _>(&trail) {
        backward_all(isa, trail, N::Out::flatten_mut(a), N::Out::flatten(dy));
        *dy = *a;
    }
}

#[inline(always)]
const fn is_identity<T, A: Activation<T>>(_: &A) -> bool {
    A::IDENTITY
}

/// The loss of the first `y.len()` inputs that the tape holds.
struct Evaluate<'a, N: Layer, Opt: Optimizer<Elem<N>>, const B: usize, C: Loss<N::Out>> {
    trainer: &'a mut Trainer<N, Opt, B, C>,
    y: &'a [C::Target],
}

impl<N: Layer, Opt: Optimizer<Elem<N>>, const B: usize, C: Loss<N::Out>> Kernel<Elem<N>>
    for Evaluate<'_, N, Opt, B, C>
{
    type Output = Elem<N>;

    #[inline(always)]
    fn run<I: Isa<Elem<N>>>(self, isa: I) -> Elem<N> {
        let Trainer { net, criterion, tape, .. } = self.trainer;
        tape.training(false);
        Forward { net: &*net, layers: &mut tape.layers, output: &mut tape.output }.run(isa);
        let (y_hat, _) = tape.output.split_at(self.y.len().min(B));
        criterion.value(isa, y_hat, self.y)
    }
}

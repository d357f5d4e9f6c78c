//! One training step, in place.

#[cfg(feature = "alloc")]
use alloc::boxed::Box;
use core::fmt;

use super::{
    data::{check, finite_loss},
    step::{Gradient, Step, mean_loss},
    targets::{Targets, are_copied, one_by_one},
};
use crate::{
    error::Error,
    layers::{Elem, Layer, LayerTypes, Mode, Row, dispatch, seed_of, zero},
    loss::{Loss, Mse},
    network::Buffers,
    optim::{Optimizer, OptimizerMemory, OptimizerState},
    simd::Zeroed,
};

/// A network in training, with its optimiser, its loss and all the memory that a step needs.
///
/// `N` is the network, `Opt` the optimiser, `B` the batch size, `C` the loss: [`Mse`] if left out. A trainer is one value
/// of known size. A step changes it in place and allocates nothing; the batch is copied into it.
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
/// let loss = trainer.fit(&x, &y).epochs(2000).run(&mut rng)?.loss;
/// assert!(loss < 1e-3);
/// # Ok::<(), constnet::Error<f32>>(())
/// ```
///
/// A large network on the heap is made by `boxed`, with the feature `alloc`. In a `static`, without a heap:
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
/// All values of this `static` are zero, also the learning rate, which is set later. So the compiler reserves RAM only,
/// and nothing is stored in the program file or in flash.
///
/// With the feature `serde` a trainer can be saved, and training continues from there as if it had never stopped.
/// The network, the optimiser with its state, the loss, and the seed of [`Dropout`](crate::Dropout)'s masks are saved.
/// The random number generator that you pass to [`Fit::run`](super::Fit::run) is not: save it too. To save between
/// epochs, save in the callback of [`Fit::run_with`](super::Fit::run_with), or use `Fit::checkpoint`, which saves the state
/// of the run too. Load a large trainer with `formats::load_in_place` or `formats::load_boxed`.
#[cfg_attr(
    feature = "alloc",
    derive(bytemuck::Zeroable),
    zeroable(bound = "N: bytemuck::Zeroable, Opt: bytemuck::Zeroable, \
                      C: bytemuck::Zeroable, N::Cache<B>: bytemuck::Zeroable, N::Scratch: bytemuck::Zeroable, \
                      Row<N::Out>: bytemuck::Zeroable, OptimizerState<N, Opt>: bytemuck::Zeroable")
)]
pub struct Trainer<N: LayerTypes, Opt: OptimizerMemory, const B: usize, C = Mse> {
    /// The network.
    pub net: N,
    /// The optimiser.
    pub optimizer: Opt,
    /// The loss that is minimised.
    pub loss: C,
    pub(crate) state: OptimizerState<N, Opt>,
    /// The seed of [`Dropout`](crate::Dropout)'s masks; other networks do not use it.
    ///
    /// It is 0 in a new trainer. The first training pass replaces 0 by a hash of the network's parameters, so that
    /// networks that were initialised from different seeds have different masks. To train one network with different
    /// masks, set it. [`fit`](Self::fit) draws a new seed for each epoch.
    pub seed: u32,
    pub(crate) buffers: Buffers<N, B>,
}

impl<N: LayerTypes, Opt: OptimizerMemory, const B: usize> Trainer<N, Opt, B> {
    /// A trainer that minimises the mean squared error.
    ///
    /// The returned value is moved. A debug build copies it, and uses three times its size on the stack: build a
    /// trainer of more than 500 kB (`size_of::<Trainer<…>>()`) with `boxed`, or in a `static`. A main thread usually
    /// has 8 MB of stack, any other thread 2 MB.
    #[must_use]
    pub const fn new(net: N, optimizer: Opt) -> Self {
        Self::with_loss(net, optimizer, Mse)
    }

    /// A trainer on the heap that minimises the mean squared error. All parameters of its network are 0: then call
    /// [`init`](crate::Sequential::init), or load weights.
    ///
    /// It is built on the heap, so that it may be larger than the stack, in debug builds too.
    ///
    /// ```
    /// use constnet::{Adam, Trainer, mlp};
    /// use rand::{SeedableRng, rngs::StdRng};
    ///
    /// let mut rng = StdRng::seed_from_u64(0);
    /// let mut trainer = Trainer::<mlp![784, 512, 512, 10], _, 32>::boxed(Adam::new(1e-3));
    /// trainer.net.init(&mut rng);
    ///
    /// let (x, y) = (vec![[0.5; 784]; 64], vec![[1.0; 10]; 64]);
    /// trainer.fit(&x, &y).run(&mut rng)?;
    /// # Ok::<(), constnet::Error<f32>>(())
    /// ```
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn boxed(optimizer: Opt) -> Box<Self>
    where
        Self: bytemuck::Zeroable,
    {
        Self::boxed_with_loss(optimizer, Mse)
    }
}

/// The network, the optimiser with its state, the loss and the seed are copied: both trainers go on with the same steps.
///
/// ```
/// use constnet::{Adam, Trainer, Zeroed, mlp};
///
/// let mut trainer: Trainer<mlp![1, 1], Adam, 1> = Trainer::new(Zeroed::ZERO, Adam::new(0.1));
/// trainer.step(&[[1.0]], &[[2.0]]);
/// let mut other = trainer.clone();
/// assert_eq!(other.step(&[[1.0]], &[[2.0]]), trainer.step(&[[1.0]], &[[2.0]]));
/// assert_eq!(other.net, trainer.net);
/// ```
impl<N, Opt, const B: usize, C> Clone for Trainer<N, Opt, B, C>
where
    N: LayerTypes + Clone,
    Opt: OptimizerMemory + Clone,
    C: Clone,
    OptimizerState<N, Opt>: Clone,
{
    fn clone(&self) -> Self {
        let Self { net, optimizer, loss, state, seed, buffers: _ } = self;
        Self {
            net: net.clone(),
            optimizer: optimizer.clone(),
            loss: loss.clone(),
            state: state.clone(),
            seed: *seed,
            buffers: Zeroed::ZERO,
        }
    }
}

// The bounds are on each method, not on the type, so that an optimiser or a loss that does not fit the network, or
// layers that do not fit together, are one error where the trainer is used.
impl<N: LayerTypes, Opt: OptimizerMemory, const B: usize, C> Trainer<N, Opt, B, C> {
    /// A trainer with the given loss.
    #[must_use]
    pub const fn with_loss(net: N, optimizer: Opt, loss: C) -> Self {
        const { assert!(B > 0, "a batch has at least one sample") };
        Self { net, optimizer, loss, state: Zeroed::ZERO, seed: 0, buffers: Zeroed::ZERO }
    }

    /// A trainer on the heap with the given loss, and a network of zeros: see [`boxed`](Self::boxed).
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn boxed_with_loss(optimizer: Opt, loss: C) -> Box<Self>
    where
        Self: bytemuck::Zeroable,
    {
        const { assert!(B > 0, "a batch has at least one sample") };
        let mut trainer: Box<Self> = bytemuck::zeroed_box();
        trainer.optimizer = optimizer;
        trainer.loss = loss;
        trainer
    }

    /// What the optimiser keeps between the steps: PyTorch's `optimizer.state`.
    #[must_use]
    pub const fn optimizer_state(&self) -> &OptimizerState<N, Opt> {
        &self.state
    }

    /// One step on one batch: forward, loss, backward, update. Returns the loss before the update.
    ///
    /// If the loss is NaN or infinite, nothing is updated. If the loss is finite, but a number in the gradient is infinite,
    /// NaN or too large, the step returns NaN, and the parameters concerned keep their values: see
    /// [`optim`](crate::optim#numbers-that-are-not-finite).
    ///
    /// Inputs, targets, and the parameters of optimiser and loss are not checked here, because that would take time in each
    /// step. [`Fit::run`](super::Fit::run) checks them once before a run. Before steps of your own, call [`Loss::check`]
    /// with the targets and [`Optimizer::check`]: a target that is not valid can give a finite loss, and train the network
    /// wrongly.
    #[inline]
    pub fn step(&mut self, x: &[Row<N::In>; B], y: &[C::Target; B]) -> Elem<N>
    where
        N: Layer,
        Opt: Optimizer<Elem<N>>,
        C: Loss<N::Out>,
    {
        self.buffers.input_mut().copy_from_slice(x);
        if const { are_copied::<C::Target, B>() } {
            self.step_on(y.as_slice())
        } else {
            self.step_on(one_by_one(y))
        }
    }

    /// The first half of a [`step`](Self::step): the loss, and its gradient, which overwrites `gradient`. The
    /// network stays as it is. If the loss is not finite, the gradient is 0.
    ///
    /// Between the two halves you can change the gradient, or add up the gradients of several machines. The masks of
    /// [`Dropout`](crate::Dropout) depend on the [`seed`](Self::seed) and on the number of updates: give each machine a
    /// different seed, not 0. If you compute several gradients before an update, change the seed for each of them.
    ///
    /// ```
    /// use constnet::{Sgd, Trainer, Zeroed, mlp};
    ///
    /// type Net = mlp![1, 1];
    /// let (x, y) = ([[1.0], [2.0]], [[1.0], [4.0]]);
    ///
    /// let mut whole = Trainer::<Net, _, 2>::new(Zeroed::ZERO, Sgd { lr: 0.1 });
    /// whole.step(&x, &y);
    ///
    /// let mut halves = Trainer::<Net, _, 2>::new(Zeroed::ZERO, Sgd { lr: 0.1 });
    /// let mut gradient = Net::ZERO;
    /// halves.gradient(&x, &y, &mut gradient);
    /// halves.update(&gradient)?;
    /// assert_eq!(halves.net, whole.net);
    /// # Ok::<(), constnet::Error<f32>>(())
    /// ```
    pub fn gradient(&mut self, x: &[Row<N::In>; B], y: &[C::Target; B], gradient: &mut N) -> Elem<N>
    where
        N: Layer,
        C: Loss<N::Out>,
    {
        self.buffers.input_mut().copy_from_slice(x);
        zero(gradient);
        let mode = self.training_mode();
        let Self { net, loss, buffers, .. } = self;
        if const { are_copied::<C::Target, B>() } {
            dispatch::<N, _>(Gradient { net, loss, buffers, mode, y: y.as_slice(), samples: B, gradient })
        } else {
            dispatch::<N, _>(Gradient { net, loss, buffers, mode, y: one_by_one(y), samples: B, gradient })
        }
    }

    /// The number of updates so far, by [`step`](Self::step), [`fit`](Self::fit) and [`update`](Self::update). It is saved with
    /// the trainer: a loop of your own can continue from there.
    #[must_use]
    pub const fn steps(&self) -> usize {
        self.state.steps
    }

    /// Starts training again: sets the optimiser's state to zero and its number of steps to 0, in place. So the next
    /// step is that of a new trainer: no moment or velocity is left, and a [schedule](crate::optim::schedule) starts
    /// with its first learning rate.
    ///
    /// The public fields stay as they are: the network, the optimiser with its parameters, the loss, and the
    /// [`seed`](Self::seed) of the dropout masks; set it to 0 for those of a new trainer. For a new network call
    /// [`init`](crate::Sequential::init).
    ///
    /// ```
    /// use constnet::{Adam, Trainer, Zeroed, mlp};
    /// use rand::{SeedableRng, rngs::StdRng};
    ///
    /// # let samples = |from: u8| [(); 8].map(|()| [f32::from(from)]);
    /// # let folds = [(samples(0), samples(1)), (samples(2), samples(3))];
    /// let mut rng = StdRng::seed_from_u64(0);
    /// let mut trainer: Trainer<mlp![1, 8, 1], Adam, 4> = Trainer::new(Zeroed::ZERO, Adam::default());
    /// for (x, y) in &folds {
    ///     trainer.net.init(&mut rng);
    ///     trainer.reset();
    ///     trainer.fit(x, y).epochs(10).run(&mut rng)?;
    /// }
    /// # Ok::<(), constnet::Error<f32>>(())
    /// ```
    pub fn reset(&mut self)
    where
        N: Layer,
    {
        self.state.reset();
    }

    /// The second half of a [`step`](Self::step): updates the network, given a gradient.
    ///
    /// # Errors
    ///
    /// Those of [`Optimizer::step`]: if the gradient is not finite, nothing is updated.
    pub fn update(&mut self, gradient: &N) -> Result<(), Error<Elem<N>>>
    where
        N: Layer,
        Opt: Optimizer<Elem<N>>,
    {
        self.optimizer.step(&mut self.net, gradient, &mut self.state)
    }

    /// The mode of the next training pass.
    #[inline(always)]
    pub(crate) fn training_mode(&mut self) -> Mode
    where
        N: Layer,
    {
        if N::IS_RANDOM && self.seed == 0 {
            self.seed = seed_of(&self.net);
        }
        Mode::Train { seed: self.seed, pass: self.state.steps as u32 }
    }

    /// A step on the first `y.len()` inputs, which are already in the buffers.
    #[inline]
    pub(crate) fn step_on(&mut self, y: impl Targets<C::Target>) -> Elem<N>
    where
        N: Layer,
        Opt: Optimizer<Elem<N>>,
        C: Loss<N::Out>,
    {
        dispatch::<N, _>(Step { trainer: self, y })
    }

    /// The mean loss over a data set of any length, in inference mode. Network and optimiser stay as they are.
    ///
    /// # Errors
    ///
    /// If there are no samples, the numbers of inputs and targets differ, an input is not finite, or the loss refuses a
    /// target. A loss that is not finite is never returned: the error is [`Error::Parameter`] if a parameter of the
    /// network is not finite, else [`Error::Loss`].
    pub fn evaluate(&mut self, x: &[Row<N::In>], y: &[C::Target]) -> Result<Elem<N>, Error<Elem<N>>>
    where
        N: Layer,
        C: Loss<N::Out>,
    {
        check::<N, C>(&self.loss, x, y)?;
        finite_loss(self.mean_loss(x, y), &self.net)
    }

    /// The mean loss over a data set that has been checked.
    pub(super) fn mean_loss(&mut self, x: &[Row<N::In>], y: &[C::Target]) -> Elem<N>
    where
        N: Layer,
        C: Loss<N::Out>,
    {
        let Self { net, loss, buffers, .. } = self;
        mean_loss(net, loss, buffers, x, y)
    }
}

impl<N: LayerTypes + fmt::Debug, Opt: OptimizerMemory + fmt::Debug, const B: usize, C: fmt::Debug> fmt::Debug
    for Trainer<N, Opt, B, C>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trainer")
            .field("net", &self.net)
            .field("optimizer", &self.optimizer)
            .field("loss", &self.loss)
            .finish_non_exhaustive()
    }
}

//! Training on all cores of a computer: large batches, or many networks at once.
//!
//! In both cases the result does not depend on the number of threads, bit for bit. Both use rayon's threads: one per
//! core, or those of the pool in which the call is made (`ThreadPool::install`).
//!
//! # Large batches
//!
//! [`Fit::parallel`](crate::training::Fit::parallel) and [`Trainer::step_parallel`] divide a batch into shards of
//! `B` samples. The gradients of the shards are computed in parallel and added in an order that depends on the length
//! of the batch only; then the optimiser updates the network once. So the result is, to rounding, that of a
//! [`Trainer`] with a batch as long.
//!
//! It pays off for batches that take some dozen microseconds on each thread. Each shard has a fixed cost, mainly that
//! of adding to a gradient, so choose the largest `B` with which there is still a shard for each thread: on 256
//! samples and two threads, a step of 5→64→64→3 is 1.4 times as fast with shards of 32 as one [`Trainer`], and 1.6
//! times with shards of 128 (`benches/parallel.rs`). The [`Workers`] hold, on the heap, a gradient for each partial
//! sum that has not yet been added to another, 64 at most, and a cache for each thread. They are allocated when a
//! batch first needs them.
//!
//! ```
//! use constnet::{He, Sgd, Trainer, mlp};
//! use rand::{RngExt, SeedableRng, rngs::StdRng};
//!
//! let x: Vec<[f32; 1]> = (0..1000).map(|i| [i as f32 / 1000.0]).collect();
//! let y: Vec<[f32; 1]> = x.iter().map(|[x]| [x * x]).collect();
//!
//! let mut rng = StdRng::seed_from_u64(0);
//! let mut trainer: Trainer<mlp![1, 16, 1], Sgd, 32> = Trainer::new(rng.sample(He), Sgd { lr: 0.1 });
//! trainer.fit(&x, &y).epochs(50).parallel(100).run(&mut rng)?;
//! assert!(trainer.evaluate(&x, &y)? < 0.01);
//! # Ok::<(), constnet::Error<f32>>(())
//! ```

use std::vec::Vec;

use bytemuck::Zeroable;
use num_traits::Float;
use rayon::iter::{IndexedParallelIterator, IntoParallelRefMutIterator, ParallelIterator};

pub use super::workers::Workers;
use super::{
    data::{check, finite_loss},
    fit::mean_over_batches,
    shuffle::Permutation,
    trainer::Trainer,
};
use crate::{
    error::Error,
    layers::{Elem, Layer, LayerTypes, Mode, Row},
    loss::Loss,
    network::Cache,
    optim::{Optimizer, OptimizerMemory},
};

/// Trains each of many networks, and returns the results of `train` in their order.
///
/// `train` receives the index of the network, counted from 0, and the network: a [`Trainer`], or whatever else a run
/// starts from. Each network is trained on one thread from start to end. Networks that start with different parameters have
/// different masks of [`Dropout`](crate::Dropout); for copies of one network, give each trainer another
/// [`seed`](Trainer::seed).
///
/// # Examples
///
/// The same network from eight seeds, and the mean of their predictions:
///
/// ```
/// use constnet::{He, Sgd, Trainer, mlp, parallel::train_each};
/// use rand::{RngExt, SeedableRng, rngs::StdRng};
///
/// let x: [[f32; 1]; 4] = [[0.0], [0.25], [0.5], [0.75]];
/// let y = x.map(|[x]| [x * x]);
///
/// let mut trainers: Vec<Trainer<mlp![1, 8, 1], Sgd, 4>> = (0..8)
///     .map(|seed| Trainer::new(StdRng::seed_from_u64(seed).sample(He), Sgd { lr: 0.1 }))
///     .collect();
/// let losses = train_each(&mut trainers, |_, trainer| {
///     (0..1000).map(|_| trainer.step(&x, &y)).last()
/// });
/// assert_eq!(losses.len(), 8);
///
/// let mean = trainers.iter().map(|t| t.net.predict::<[f32; 1]>(&[0.5])[0]).sum::<f32>() / 8.0;
/// assert!((mean - 0.25).abs() < 0.05);
/// ```
pub fn train_each<T: Send, R: Send>(
    networks: &mut [T],
    train: impl Fn(usize, &mut T) -> R + Send + Sync,
) -> Vec<R> {
    networks.par_iter_mut().enumerate().map(|(index, network)| train(index, network)).collect()
}

impl<N: LayerTypes, Opt: OptimizerMemory, const B: usize, C> Trainer<N, Opt, B, C> {
    /// One step on one batch of any length, on all cores: forward, loss, backward, update. Returns the loss before
    /// the update. See [`parallel`](crate::parallel). On one core: [`step_rows`](Self::step_rows).
    ///
    /// The optimiser's parameters are not checked here; [`fit`](Trainer::fit) checks them.
    ///
    /// ```
    /// use constnet::{Sgd, Trainer, Zeroed, mlp, parallel::Workers};
    ///
    /// let (x, y) = (vec![[1.0]; 1000], vec![[2.0]; 1000]);
    /// let mut trainer: Trainer<mlp![1, 1], Sgd, 128> = Trainer::new(Zeroed::ZERO, Sgd { lr: 0.1 });
    /// let mut workers = Workers::new();
    /// assert_eq!(trainer.step_parallel(&x, &y, &mut workers)?, 4.0);
    /// assert!((trainer.net.predict::<[f32; 1]>(&[0.0])[0] - 0.4).abs() < 1e-6);
    /// # Ok::<(), constnet::Error<f32>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If there are no samples, the numbers of inputs and targets differ, an input is not finite, the loss refuses a
    /// target, or the loss is not finite; and those of [`update`](Self::update). Nothing is then updated, except after
    /// [`Error::Overflow`]: see [`Optimizer::step`].
    pub fn step_parallel(
        &mut self,
        x: &[Row<N::In>],
        y: &[C::Target],
        workers: &mut Workers<N, B>,
    ) -> Result<Elem<N>, Error<Elem<N>>>
    where
        N: Layer + Zeroable + Send + Sync,
        Cache<N, B>: Zeroable + Send,
        Opt: Optimizer<Elem<N>>,
        C: Loss<N::Out, Target: Sync> + Sync,
    {
        check::<N, C>(&self.loss, x, y)?;
        self.step_on_samples(workers, x, y, &mut (0..x.len()))
    }

    /// A step on the samples with these indices, after the check of the data.
    fn step_on_samples(
        &mut self,
        workers: &mut Workers<N, B>,
        x: &[Row<N::In>],
        y: &[C::Target],
        indices: &mut dyn Iterator<Item = usize>,
    ) -> Result<Elem<N>, Error<Elem<N>>>
    where
        N: Layer + Zeroable + Send + Sync,
        Cache<N, B>: Zeroable + Send,
        Opt: Optimizer<Elem<N>>,
        C: Loss<N::Out, Target: Sync> + Sync,
    {
        let mode = self.training_mode();
        let loss = workers.pass(&self.net, &self.loss, x, y, indices, 1, mode, true);
        let loss = finite_loss(loss, &self.net)?;
        if let Some(gradient) = workers.sum() {
            self.update(gradient)?;
        }
        Ok(loss)
    }
}

/// How a training run computes on all cores: the batch size, and the functions, whose bounds only
/// [`Fit::parallel`](super::Fit::parallel) has.
pub(super) struct Passes<N: LayerTypes, Opt: OptimizerMemory, const B: usize, C: Loss<N::Out>> {
    batch: usize,
    step: StepFn<N, Opt, B, C>,
    evaluate: EvaluateFn<N, B, C>,
}

/// A training run on all cores.
pub(super) struct ParallelRun<N: Layer, Opt: Optimizer<Elem<N>>, const B: usize, C: Loss<N::Out>> {
    passes: Passes<N, Opt, B, C>,
    workers: Workers<N, B>,
}

type StepFn<N, Opt, const B: usize, C> = fn(
    &mut Trainer<N, Opt, B, C>,
    &mut Workers<N, B>,
    &[Row<<N as LayerTypes>::In>],
    &[<C as Loss<<N as LayerTypes>::Out>>::Target],
    &mut dyn Iterator<Item = usize>,
) -> Elem<N>;

type EvaluateFn<N, const B: usize, C> = fn(
    &mut Workers<N, B>,
    &N,
    &C,
    &[Row<<N as LayerTypes>::In>],
    &[<C as Loss<<N as LayerTypes>::Out>>::Target],
) -> Elem<N>;

impl<N: LayerTypes, Opt: OptimizerMemory, const B: usize, C: Loss<N::Out>> Passes<N, Opt, B, C> {
    /// The batch size.
    pub(super) const fn batch(&self) -> usize {
        self.batch
    }
}

impl<N: Layer, Opt: Optimizer<Elem<N>>, const B: usize, C: Loss<N::Out>> Passes<N, Opt, B, C> {
    pub(super) fn new(batch: usize) -> Self
    where
        N: Zeroable + Send + Sync,
        Cache<N, B>: Zeroable + Send,
        C: Sync,
        C::Target: Sync,
    {
        Self {
            batch,
            step: |trainer, workers, x, y, indices| {
                trainer.step_on_samples(workers, x, y, indices).unwrap_or_else(|_| Elem::<N>::nan())
            },
            evaluate: |workers, net, loss, x, y| {
                workers.pass(net, loss, x, y, 0..x.len(), 1, Mode::Eval, false)
            },
        }
    }

    /// Starts a run.
    pub(super) const fn start(self) -> ParallelRun<N, Opt, B, C> {
        ParallelRun { passes: self, workers: Workers::new() }
    }
}

impl<N: Layer, Opt: Optimizer<Elem<N>>, const B: usize, C: Loss<N::Out>> ParallelRun<N, Opt, B, C> {
    /// Uses every sample once, in this order. Returns the mean loss, or nothing as soon as a batch has a loss that
    /// is not finite.
    pub(super) fn epoch(
        &mut self,
        trainer: &mut Trainer<N, Opt, B, C>,
        x: &[Row<N::In>],
        y: &[C::Target],
        mut order: Permutation,
        last_loss: &mut Option<Elem<N>>,
    ) -> Option<Elem<N>> {
        mean_over_batches(x.len(), self.passes.batch, last_loss, |size| {
            (self.passes.step)(trainer, &mut self.workers, x, y, &mut order.by_ref().take(size))
        })
    }

    /// The mean loss over a data set.
    pub(super) fn evaluate(
        &mut self,
        trainer: &Trainer<N, Opt, B, C>,
        x: &[Row<N::In>],
        y: &[C::Target],
    ) -> Elem<N> {
        (self.passes.evaluate)(&mut self.workers, &trainer.net, &trainer.loss, x, y)
    }
}

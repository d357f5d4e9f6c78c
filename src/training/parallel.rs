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
//! It pays off for batches of several shards that take some dozen microseconds each. The [`Workers`] hold a gradient
//! and a cache for each shard that is computed at the same time, 64 at most, on the heap. They are allocated when a
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

use core::fmt;
use std::{boxed::Box, vec::Vec};

use bytemuck::Zeroable;
use num_traits::Float;
use rayon::iter::{IndexedParallelIterator, IntoParallelRefMutIterator, ParallelIterator};

use super::{
    data::{check, finite_loss, gather},
    fit::mean_over_batches,
    rows::mode_of_shard,
    shuffle::Permutation,
    sum::CompensatedSum,
    targets::{Targets, are_copied, gather_inputs},
    trainer::{Evaluate, Gradient, Trainer},
};
use crate::{
    error::Error,
    layers::{Elem, FiniteCheck, Keeps, Layer, LayerTypes, Mode, Row, UpdateRule, dispatch, update, zero},
    loss::Loss,
    network::{Buffers, Cache},
    optim::{Optimizer, OptimizerMemory},
    simd::{Element, Kernel, Real, Simd, Zeroed},
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

/// The number of work units of a batch; each takes its shards one after the other.
///
/// It depends on the length of the batch, not on the number of threads, so that the result does not depend on the machine.
/// 64 units are enough for many cores, and do not fill the memory. Adding the gradients of two units takes about as long as
/// computing that of 15 samples: so a unit has at least 128 samples, if there are eight units with as many.
const fn units_of(samples: usize) -> usize {
    match samples / 128 {
        0..8 => 8,
        units @ 8..64 => units,
        _ => 64,
    }
}

/// The memory for computing the gradient of a batch of any length on all cores, in shards of `B` samples.
///
/// Its gradients can be used without a [`Trainer`], for example to sum those of several machines. They are then computed
/// in inference mode: use them for networks without [`Dropout`](crate::Dropout).
///
/// # Examples
///
/// ```
/// use constnet::{Mse, Zeroed, mlp, parallel::Workers};
///
/// let net = <mlp![1, 1]>::ZERO;
/// let (x, y) = (vec![[1.0]; 100], vec![[2.0]; 100]);
/// let mut workers = Workers::<_, 32>::new();
/// let loss = workers.gradient(&net, &Mse, &x, &y)?;
/// assert_eq!(loss, 4.0);
/// let bias = workers.sum().unwrap().get_parameter("0.bias").unwrap().values[0];
/// assert!((bias + 4.0).abs() < 1e-5);
/// # Ok::<(), constnet::Error<f32>>(())
/// ```
pub struct Workers<N: LayerTypes, const B: usize> {
    units: Vec<Unit<N, B>>,
    order: Vec<usize>,
}

/// A unit of work: the memory that one thread uses at a time.
struct Unit<N: LayerTypes, const B: usize> {
    gradient: Box<N>,
    cache: Box<Cache<N, B>>,
    /// The sum of the losses of all samples.
    loss: CompensatedSum<Elem<N>>,
}

impl<N: LayerTypes + Zeroable, const B: usize> Unit<N, B>
where
    Cache<N, B>: Zeroable,
{
    fn new() -> Self {
        Self { gradient: N::boxed(), cache: Cache::boxed(), loss: Zeroed::ZERO }
    }
}

impl<N: LayerTypes, const B: usize> Workers<N, B> {
    /// Workers that have allocated nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(B > 0, "a shard has at least one sample") };
        Self { units: Vec::new(), order: Vec::new() }
    }

    /// The gradient that was computed last, averaged over its batch.
    #[must_use]
    pub fn sum(&self) -> Option<&N> {
        self.units.first().map(|unit| &*unit.gradient)
    }
}

impl<N: LayerTypes, const B: usize> Default for Workers<N, B> {
    fn default() -> Self {
        Self::new()
    }
}

impl<N: LayerTypes, const B: usize> fmt::Debug for Workers<N, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workers").field("units", &self.units.len()).finish_non_exhaustive()
    }
}

impl<N: Layer + Zeroable + Send + Sync, const B: usize> Workers<N, B>
where
    Cache<N, B>: Zeroable + Send,
{
    /// The mean loss of a batch of any length. Its gradient is then [`sum`](Self::sum). The pass is one of
    /// inference: [`Dropout`](crate::Dropout) drops nothing.
    ///
    /// # Errors
    ///
    /// If there are no samples, the numbers of inputs and targets differ, an input is not finite, or the loss refuses a
    /// target. A loss that is not finite is never returned: the error is [`Error::Parameter`] if a parameter of the
    /// network is not finite, else [`Error::Loss`]; [`sum`](Self::sum) is then no gradient.
    pub fn gradient<C: Loss<N::Out, Target: Sync> + Sync>(
        &mut self,
        net: &N,
        loss: &C,
        x: &[Row<N::In>],
        y: &[C::Target],
    ) -> Result<Elem<N>, Error<Elem<N>>> {
        check::<N, C>(loss, x, y)?;
        finite_loss(self.gradient_in_units(net, loss, x, y, 1), net)
    }

    /// The mean loss over a data set of any length, in inference mode.
    ///
    /// # Errors
    ///
    /// As [`gradient`](Self::gradient).
    pub fn evaluate<C: Loss<N::Out, Target: Sync> + Sync>(
        &mut self,
        net: &N,
        loss: &C,
        x: &[Row<N::In>],
        y: &[C::Target],
    ) -> Result<Elem<N>, Error<Elem<N>>> {
        check::<N, C>(loss, x, y)?;
        finite_loss(self.pass(net, loss, x, y, 0..x.len(), 1, Mode::Eval, false), net)
    }

    /// The mean loss of data that have been checked, in inference mode. Its gradient is then [`sum`](Self::sum). A unit takes at
    /// least this number of shards.
    pub(crate) fn gradient_in_units<C: Loss<N::Out, Target: Sync> + Sync>(
        &mut self,
        net: &N,
        loss: &C,
        x: &[Row<N::In>],
        y: &[C::Target],
        least: usize,
    ) -> Elem<N> {
        self.pass(net, loss, x, y, 0..x.len(), least, Mode::Eval, true)
    }

    /// The mean loss of the samples with these indices. If `with_gradient`, their gradient is left in the first unit.
    fn pass<C: Loss<N::Out, Target: Sync> + Sync>(
        &mut self,
        net: &N,
        loss: &C,
        x: &[Row<N::In>],
        y: &[C::Target],
        indices: impl Iterator<Item = usize>,
        least: usize,
        mode: Mode,
        with_gradient: bool,
    ) -> Elem<N> {
        let Self { units, order } = self;
        order.clear();
        order.extend(indices);
        // Every unit gets the same number of shards; the last may get fewer.
        let per_unit = order.len().div_ceil(B).div_ceil(units_of(order.len())).max(least) * B;
        let count = order.len().div_ceil(per_unit);
        if units.len() < count {
            units.resize_with(count, Unit::new);
        }
        let units = &mut units[..count];
        Batch { net, loss, x, y, per_unit, with_gradient, mode, samples: order.len() }.run(0, order, units);
        let sum = units.first().map_or(Elem::<N>::ZERO, |unit| unit.loss.total());
        sum / Elem::<N>::from_count(order.len())
    }
}

impl<N: LayerTypes, Opt: OptimizerMemory, const B: usize, C> Trainer<N, Opt, B, C> {
    /// One step on one batch of any length, on all cores: forward, loss, backward, update. Returns the loss before
    /// the update. See [`parallel`](crate::parallel).
    ///
    /// If the loss is not finite, the network stays as it is. The optimiser's parameters are not checked here;
    /// [`fit`](Trainer::fit) checks them.
    ///
    /// # Errors
    ///
    /// If there are no samples, the numbers of inputs and targets differ, an input is not finite, or the loss refuses a
    /// target; and those of [`update`](Self::update), if the gradient is not finite.
    pub fn step_parallel(
        &mut self,
        workers: &mut Workers<N, B>,
        x: &[Row<N::In>],
        y: &[C::Target],
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

    /// A step on the samples with these indices.
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
        if let Some(gradient) = workers.sum()
            && loss.is_finite()
        {
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

/// A batch, shared by all units.
struct Batch<'a, N: Layer, C: Loss<N::Out>> {
    net: &'a N,
    loss: &'a C,
    x: &'a [Row<N::In>],
    y: &'a [C::Target],
    /// The number of samples of a unit.
    per_unit: usize,
    with_gradient: bool,
    mode: Mode,
    /// The number of samples of the batch.
    samples: usize,
}

impl<N: Layer + Send + Sync, C: Loss<N::Out, Target: Sync> + Sync> Batch<'_, N, C> {
    /// The sums over all units, left in the first: the sums of a tree whose shape depends on the number of units only.
    /// `first` is the index of the first sample of these units in the batch.
    fn run<const B: usize>(&self, first: usize, order: &[usize], units: &mut [Unit<N, B>])
    where
        Cache<N, B>: Send,
    {
        match units {
            [] => return,
            [unit] => return self.shards(first, order, unit),
            _ => {}
        }
        let (left, right) = units.split_at_mut(units.len().div_ceil(2));
        let split = order.len().min(left.len() * self.per_unit);
        let (start, rest) = order.split_at(split);
        rayon::join(|| self.run(first, start, left), || self.run(first + split, rest, right));
        if let ([left, ..], [right, ..]) = (left, right) {
            left.loss.add_sum(right.loss);
            if self.with_gradient {
                dispatch::<N, _>(Sum { to: &mut *left.gradient, from: &*right.gradient });
            }
        }
    }

    /// The shards of one unit, one after the other.
    fn shards<const B: usize>(&self, first: usize, order: &[usize], unit: &mut Unit<N, B>) {
        let Self { x, y, .. } = *self;
        let Unit { gradient, cache, loss: sum } = unit;
        let (gradient, buffers) = (&mut **gradient, &mut cache.buffers);
        *sum = CompensatedSum::ZERO;
        if self.with_gradient {
            zero(gradient);
        }
        for (number, shard) in order.chunks(B).enumerate() {
            let mode = mode_of_shard(self.mode, first / B + number);
            let mean = if const { are_copied::<C::Target, B>() } {
                let [index, ..] = *shard else { continue };
                let Some(&target) = y.get(index) else { continue };
                let mut targets = [target; B];
                gather(buffers.input_mut(), &mut targets, x, y, &mut shard.iter().copied());
                let (targets, _) = targets.split_at(shard.len().min(B));
                self.shard(buffers, targets, mode, gradient)
            } else {
                let mut indices = shard.iter().copied();
                let targets = gather_inputs(buffers.input_mut(), x, y, &mut indices, shard.len());
                self.shard(buffers, targets, mode, gradient)
            };
            sum.add(mean * Elem::<N>::from_count(shard.len()));
        }
    }

    /// The mean loss of the inputs in the buffers. If `with_gradient`, their gradient is added to `gradient`.
    fn shard<Y: Targets<C::Target>, const B: usize>(
        &self,
        buffers: &mut Buffers<N, B>,
        y: Y,
        mode: Mode,
        gradient: &mut N,
    ) -> Elem<N> {
        let Self { net, loss, samples, .. } = *self;
        if self.with_gradient {
            dispatch::<N, _>(Gradient { net, loss, buffers, mode, y, samples, gradient })
        } else {
            dispatch::<N, _>(Evaluate { net, loss, buffers, y })
        }
    }
}

/// One gradient added to another.
struct Sum<'a, N> {
    to: &'a mut N,
    from: &'a N,
}

impl<N: Layer> Kernel<Elem<N>> for Sum<'_, N> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<Elem<N>>>(self, token: S) {
        update(token, Add, self.to, 0, self.from, [], FiniteCheck::Never);
    }
}

/// The rule that adds the gradient to the parameters: the sum of two gradients.
#[derive(Clone, Copy)]
struct Add;

impl<T: Element> UpdateRule<T> for Add {
    type Slots = Keeps<0>;

    #[inline(always)]
    fn update<V: Real<T>>(self, p: V, dp: V, _: &mut [V; 0]) -> V {
        p + dp
    }
}

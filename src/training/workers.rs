//! The loss and the gradient of a batch of any length, on all cores.
//!
//! A batch is a tree of units of work, whose shape depends on its length only. A thread that takes a unit computes its
//! shards of `B` samples one after the other; two sums that are finished are added where the tree joins them.

use core::fmt;
use std::{
    boxed::Box,
    sync::{Mutex, MutexGuard, PoisonError},
    vec::Vec,
};

use bytemuck::Zeroable;

use super::{
    data::{check, finite_loss, gather},
    rows::mode_of_shard,
    step::{Evaluate, Gradient},
    sum::CompensatedSum,
    targets::{Targets, are_copied, gather_inputs},
};
use crate::{
    error::Error,
    layers::{Elem, Layer, LayerTypes, Mode, Row, dispatch, zero},
    loss::Loss,
    network::{Buffers, Cache, add_scaled},
    simd::{Element, Zeroed},
};

/// The number of work units of a batch; each takes its shards one after the other.
///
/// It depends on the length of the batch, not on the number of threads, so that the result does not depend on the machine.
/// 64 units are enough for many cores, and do not fill the memory. Adding the gradients of two units takes about as
/// long as computing that of 15 samples: so a unit has at least 128 samples, except in batches of fewer than 8 · 128
/// samples, which have at most 8 smaller units.
const fn units_of(samples: usize) -> usize {
    match samples / 128 {
        0..8 => 8,
        units @ 8..64 => units,
        _ => 64,
    }
}

/// The memory for computing the gradient of a batch of any length on all cores, in shards of `B` samples.
///
/// Its gradients can be used without a [`Trainer`](crate::Trainer), for example to sum those of several machines. They are then computed
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
    pool: Pool<N, B>,
    order: Vec<usize>,
    /// The gradient of the last batch.
    sum: Option<Box<N>>,
}

/// Memory that is free for the next units of work. A thread takes the piece that was returned last, which is most
/// likely still in the processor's cache.
struct Pool<N: LayerTypes, const B: usize> {
    gradients: Mutex<Vec<Box<N>>>,
    caches: Mutex<Vec<Box<Cache<N, B>>>>,
}

/// Takes memory from one list of a pool, or new memory on the heap.
fn take<M: Zeroed + Zeroable>(list: &Mutex<Vec<Box<M>>>) -> Box<M> {
    // Nothing is allocated while the list is locked.
    let free = locked(list).pop();
    free.unwrap_or_else(M::boxed)
}

/// A list of a pool. No thread panics while it holds the lock.
fn locked<M>(list: &Mutex<Vec<M>>) -> MutexGuard<'_, Vec<M>> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The sums over some units of a batch.
struct Sums<N: LayerTypes> {
    /// The sum of the losses of all samples.
    loss: CompensatedSum<Elem<N>>,
    /// The gradient, if it was asked for.
    gradient: Option<Box<N>>,
}

impl<N: LayerTypes, const B: usize> Workers<N, B> {
    /// Workers that have allocated nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(B > 0, "a shard has at least one sample") };
        let pool = Pool { gradients: Mutex::new(Vec::new()), caches: Mutex::new(Vec::new()) };
        Self { pool, order: Vec::new(), sum: None }
    }

    /// The gradient that was computed last, averaged over its batch.
    #[must_use]
    pub fn sum(&self) -> Option<&N> {
        self.sum.as_deref()
    }
}

impl<N: LayerTypes, const B: usize> Default for Workers<N, B> {
    fn default() -> Self {
        Self::new()
    }
}

impl<N: LayerTypes, const B: usize> fmt::Debug for Workers<N, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workers").field("has_gradient", &self.sum.is_some()).finish_non_exhaustive()
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

    /// The mean loss of the samples with these indices. If `with_gradient`, its gradient is written to
    /// [`sum`](Self::sum). A unit takes at least `least` shards.
    pub(super) fn pass<C: Loss<N::Out, Target: Sync> + Sync>(
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
        let Self { pool, order, sum } = self;
        order.clear();
        order.extend(indices);
        // Every unit gets the same number of shards; the last may get fewer.
        let per_unit = order.len().div_ceil(B).div_ceil(units_of(order.len())).max(least) * B;
        if with_gradient && let Some(last) = sum.take() {
            locked(&pool.gradients).push(last);
        }
        let batch = Batch { net, loss, x, y, per_unit, with_gradient, mode, samples: order.len(), pool };
        let sums = batch.run(0, order);
        if with_gradient {
            *sum = sums.gradient;
        }
        sums.loss.total() / Elem::<N>::from_count(order.len())
    }
}

/// A batch, shared by all units.
struct Batch<'a, N: Layer, C: Loss<N::Out>, const B: usize> {
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
    pool: &'a Pool<N, B>,
}

impl<N: Layer + Zeroable + Send + Sync, C: Loss<N::Out, Target: Sync> + Sync, const B: usize>
    Batch<'_, N, C, B>
where
    Cache<N, B>: Zeroable + Send,
{
    /// The sums over these samples: those of a tree whose shape depends on the number of units only. `first` is the index
    /// of the first of the samples in the batch.
    fn run(&self, first: usize, order: &[usize]) -> Sums<N> {
        let units = order.len().div_ceil(self.per_unit);
        if units <= 1 {
            return self.unit(first, order);
        }
        let split = order.len().min(units.div_ceil(2) * self.per_unit);
        let (start, rest) = order.split_at(split);
        let (mut sums, right) = rayon::join(|| self.run(first, start), || self.run(first + split, rest));
        sums.loss.add_sum(right.loss);
        if let (Some(to), Some(from)) = (&mut sums.gradient, right.gradient) {
            add_scaled(&mut **to, Elem::<N>::from_count(1), &*from);
            locked(&self.pool.gradients).push(from);
        }
        sums
    }

    /// The sums over one unit, whose shards are computed one after the other.
    fn unit(&self, first: usize, order: &[usize]) -> Sums<N> {
        let Self { x, y, .. } = *self;
        let mut gradient = self.with_gradient.then(|| {
            let mut gradient = take(&self.pool.gradients);
            zero(&mut *gradient);
            gradient
        });
        let mut cache = take(&self.pool.caches);
        let buffers = &mut cache.buffers;
        let mut loss = CompensatedSum::ZERO;
        for (number, shard) in order.chunks(B).enumerate() {
            let mode = mode_of_shard(self.mode, first / B + number);
            let mean = if const { are_copied::<C::Target, B>() } {
                let [index, ..] = *shard else { continue };
                let Some(&target) = y.get(index) else { continue };
                let mut targets = [target; B];
                gather(buffers.input_mut(), &mut targets, x, y, &mut shard.iter().copied());
                let (targets, _) = targets.split_at(shard.len().min(B));
                self.shard(buffers, targets, mode, gradient.as_deref_mut())
            } else {
                let mut indices = shard.iter().copied();
                let targets = gather_inputs(buffers.input_mut(), x, y, &mut indices, shard.len());
                self.shard(buffers, targets, mode, gradient.as_deref_mut())
            };
            loss.add(mean * Elem::<N>::from_count(shard.len()));
        }
        locked(&self.pool.caches).push(cache);
        Sums { loss, gradient }
    }

    /// The mean loss of the inputs in the buffers. Their gradient is added to `gradient`, if there is one.
    fn shard<Y: Targets<C::Target>>(
        &self,
        buffers: &mut Buffers<N, B>,
        y: Y,
        mode: Mode,
        gradient: Option<&mut N>,
    ) -> Elem<N> {
        let Self { net, loss, samples, .. } = *self;
        match gradient {
            Some(gradient) => dispatch::<N, _>(Gradient { net, loss, buffers, mode, y, samples, gradient }),
            None => dispatch::<N, _>(Evaluate { net, loss, buffers, y }),
        }
    }
}

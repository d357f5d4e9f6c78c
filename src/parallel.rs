//! Training on all cores of a host: one network on large batches, or many networks side by side.
//!
//! Neither way does a result depend on how many threads there are, bit for bit. Both use rayon's
//! threads: as many as there are cores, or those of the pool that the call is made in
//! (`ThreadPool::install`).

use core::fmt;
use std::vec::Vec;

use num_traits::Float;
use rand::Rng;
use rayon::iter::{IndexedParallelIterator, IntoParallelRefMutIterator, ParallelIterator};

use crate::{
    Elem, Element, Error, Layer, Loss, Mse, Optimizer, Row, Rule, Shape, Tape, Unwanted, Zeroed,
    fit::{check, gather, is_finite},
    kernel::{Dispatch, Isa, Kernel},
    layer::zero,
    sequential::{Backward, Forward},
    shuffle::Permutation,
};

/// Trains each of many networks, and gives what `train` gives of each, in their order.
///
/// `train` is told the number of the network, counted from 0, and what is in its place: a
/// [`Trainer`](crate::Trainer), a network, whatever a run starts from. One network is trained on one
/// thread, from first to last.
///
/// # Examples
///
/// The same network from eight seeds, and the mean of their predictions:
///
/// ```
/// use constnet::{He, Sgd, Trainer, mlp, parallel::side_by_side};
/// use rand::{RngExt, SeedableRng, rngs::StdRng};
///
/// let x: [[f32; 1]; 4] = [[0.0], [0.25], [0.5], [0.75]];
/// let y = x.map(|[x]| [x * x]);
///
/// let mut trainers: Vec<Trainer<mlp![1, 8, 1], Sgd, 4>> = (0..8)
///     .map(|seed| Trainer::new(StdRng::seed_from_u64(seed).sample(He), Sgd { lr: 0.1 }))
///     .collect();
/// let losses = side_by_side(&mut trainers, |_, trainer| {
///     (0..1000).map(|_| trainer.step(&x, &y)).last()
/// });
/// assert_eq!(losses.len(), 8);
///
/// let mean = trainers.iter().map(|t| t.net.predict::<[f32; 1]>(&[0.5])[0]).sum::<f32>() / 8.0;
/// assert!((mean - 0.25).abs() < 0.05);
/// ```
pub fn side_by_side<T: Send, R: Send>(
    networks: &mut [T],
    train: impl Fn(usize, &mut T) -> R + Send + Sync,
) -> Vec<R> {
    networks.par_iter_mut().enumerate().map(|(index, network)| train(index, network)).collect()
}

/// A network in training on batches of any length, with all cores at work on each.
///
/// A batch is cut into shards of `B` samples. Their gradients are computed in parallel and added in
/// an order that the length of the batch alone decides; one step of the optimiser follows. So the
/// result is the same bit for bit for any number of threads, and to rounding that of a
/// [`Trainer`](crate::Trainer) whose batch is as long.
///
/// It pays where a batch has several shards of some dozen microseconds each. It keeps a gradient and
/// the workspace of a shard for each shard at a time, 64 at most, on the heap, and makes them when a
/// batch first needs them: in a debug build by way of the stack, which a large network overflows.
///
/// # Examples
///
/// ```
/// use constnet::{He, ParallelTrainer, Sgd, mlp};
/// use rand::{RngExt, SeedableRng, rngs::StdRng};
///
/// let x: Vec<[f32; 1]> = (0..1000).map(|i| [i as f32 / 1000.0]).collect();
/// let y: Vec<[f32; 1]> = x.iter().map(|[x]| [x * x]).collect();
///
/// let mut rng = StdRng::seed_from_u64(0);
/// let mut trainer: ParallelTrainer<mlp![1, 16, 1], Sgd, 32> =
///     ParallelTrainer::new(rng.sample(He), Sgd { lr: 0.1 });
/// for _ in 0..50 {
///     trainer.epoch(&x, &y, 100, &mut rng)?;
/// }
/// assert!(trainer.evaluate(&x, &y)? < 0.01);
/// # Ok::<(), constnet::Error<f32>>(())
/// ```
pub struct ParallelTrainer<N: Layer, Opt: Optimizer<Elem<N>>, const B: usize, C = Mse> {
    /// The network.
    pub net: N,
    /// The optimiser.
    pub optimizer: Opt,
    /// What is minimised.
    pub criterion: C,
    state: Opt::State<N>,
    lanes: Vec<Lane<N, B>>,
    order: Vec<usize>,
}

/// Into how many lanes a batch is cut at most, each of which takes its shards one after the other.
///
/// No number of threads, of which the result is to know nothing. Enough for many cores, and not so
/// many that the lanes of a large batch would fill the memory.
const LANES: usize = 64;

/// What one thread works on at a time.
struct Lane<N: Layer, const B: usize> {
    gradient: N,
    tape: Tape<N, B>,
    /// The sum of the losses of all samples.
    loss: Elem<N>,
}

impl<N: Layer, const B: usize> Zeroed for Lane<N, B> {
    const ZERO: Self = Self { gradient: Zeroed::ZERO, tape: Zeroed::ZERO, loss: Zeroed::ZERO };
}

impl<N: Layer, Opt: Optimizer<Elem<N>>, const B: usize> ParallelTrainer<N, Opt, B> {
    /// A trainer that minimises the mean squared error.
    #[must_use]
    pub const fn new(net: N, optimizer: Opt) -> Self {
        Self::with_criterion(net, optimizer, Mse)
    }
}

impl<N: Layer, Opt: Optimizer<Elem<N>>, const B: usize, C> ParallelTrainer<N, Opt, B, C> {
    /// A trainer that minimises what you say.
    #[must_use]
    pub const fn with_criterion(net: N, optimizer: Opt, criterion: C) -> Self {
        const { assert!(B > 0, "a shard has at least one sample") };
        Self { net, optimizer, criterion, state: Zeroed::ZERO, lanes: Vec::new(), order: Vec::new() }
    }
}

impl<N, Opt, const B: usize, C> ParallelTrainer<N, Opt, B, C>
where
    N: Layer + Send + Sync,
    Tape<N, B>: Send,
    Opt: Optimizer<Elem<N>>,
    C: Loss<N::Out, Target: Sync> + Sync,
{
    /// One step on one batch of any length: forward, loss, backward, update. Gives the loss before the
    /// update.
    ///
    /// A loss that is not finite leaves the network as it is. The optimiser's numbers are not checked
    /// here; [`epoch`](Self::epoch) does so.
    ///
    /// # Errors
    ///
    /// If there are no samples, inputs and targets are not of one length, or the loss refuses a target.
    pub fn step(&mut self, x: &[Row<N::In>], y: &[C::Target]) -> Result<Elem<N>, Error<Elem<N>>> {
        check(&self.criterion, x, y)?;
        Ok(self.step_on(x, y, 0..x.len()))
    }

    /// Takes every sample once, in a new random order, in batches of `batch` samples and a last one of
    /// what remains. Gives the mean loss over all samples, each at the time of its step.
    ///
    /// # Errors
    ///
    /// Before anything is changed, if the optimiser's numbers make no sense, there are no samples or
    /// none in a batch, inputs and targets are not of one length, or the loss refuses a target.
    /// [`Error::Diverged`] as soon as a loss is not finite, the network then being as it was before that
    /// batch, and if the network is not finite in the end. Which of your epochs it was is not known here:
    /// the error always says 0.
    pub fn epoch<R: Rng + ?Sized>(
        &mut self,
        x: &[Row<N::In>],
        y: &[C::Target],
        batch: usize,
        rng: &mut R,
    ) -> Result<Elem<N>, Error<Elem<N>>> {
        self.optimizer.check()?;
        check(&self.criterion, x, y)?;
        if batch == 0 {
            let (name, expected) = ("batch size", "at least 1");
            return Err(Error::Hyperparameter { name, value: Zeroed::ZERO, expected });
        }
        let mut order = Permutation::new(x.len(), rng);
        let mut last_loss = None;
        let mut sum = Elem::<N>::ZERO;
        let mut left = x.len();
        while left > 0 {
            let size = left.min(batch);
            left -= size;
            let loss = self.step_on(x, y, order.by_ref().take(size));
            if !loss.is_finite() {
                return Err(Error::Diverged { epoch: 0, last_loss });
            }
            last_loss = Some(loss);
            sum = sum + loss * Elem::<N>::from_count(size);
        }
        if is_finite(&self.net) {
            Ok(sum / Elem::<N>::from_count(x.len()))
        } else {
            Err(Error::Diverged { epoch: 0, last_loss })
        }
    }

    /// The loss over a data set of any length; nothing is changed but the workspace.
    ///
    /// # Errors
    ///
    /// If there are no samples, inputs and targets are not of one length, or the loss refuses a target.
    pub fn evaluate(&mut self, x: &[Row<N::In>], y: &[C::Target]) -> Result<Elem<N>, Error<Elem<N>>> {
        check(&self.criterion, x, y)?;
        Ok(self.pass(x, y, 0..x.len(), false))
    }

    /// A step on the samples of these numbers.
    fn step_on(
        &mut self,
        x: &[Row<N::In>],
        y: &[C::Target],
        numbers: impl Iterator<Item = usize>,
    ) -> Elem<N> {
        let loss = self.pass(x, y, numbers, true);
        if let [Lane { gradient, .. }, ..] = &self.lanes[..]
            && loss.is_finite()
        {
            self.optimizer.step(&mut self.net, gradient, &mut self.state);
        }
        loss
    }

    /// The mean loss of the samples of these numbers. Their gradient, if it is wanted, is left in the
    /// first lane.
    fn pass(
        &mut self,
        x: &[Row<N::In>],
        y: &[C::Target],
        numbers: impl Iterator<Item = usize>,
        wanted: bool,
    ) -> Elem<N> {
        let Self { net, criterion, lanes, order, .. } = self;
        order.clear();
        order.extend(numbers);
        // As many shards for each lane, but for the last.
        let share = order.len().div_ceil(B).div_ceil(LANES).max(1) * B;
        let count = order.len().div_ceil(share);
        if lanes.len() < count {
            lanes.resize_with(count, || Lane::ZERO);
        }
        let lanes = &mut lanes[..count];
        for (number, lane) in lanes.iter_mut().enumerate() {
            // A stream of noise for each layer of each lane.
            N::noise(&mut lane.tape.layers, wanted.then_some((number as u32) << 16));
        }
        let scale = Elem::<N>::from_count(B) / Elem::<N>::from_count(order.len());
        Batch { net, criterion, x, y, share, wanted, scale }.run(order, lanes);
        let sum = lanes.first().map_or(Elem::<N>::ZERO, |lane| lane.loss);
        sum / Elem::<N>::from_count(order.len())
    }
}

impl<N: Layer + fmt::Debug, Opt: Optimizer<Elem<N>> + fmt::Debug, const B: usize, C: fmt::Debug> fmt::Debug
    for ParallelTrainer<N, Opt, B, C>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParallelTrainer")
            .field("net", &self.net)
            .field("optimizer", &self.optimizer)
            .field("criterion", &self.criterion)
            .finish_non_exhaustive()
    }
}

/// What all lanes share.
struct Batch<'a, N: Layer, C: Loss<N::Out>> {
    net: &'a N,
    criterion: &'a C,
    x: &'a [Row<N::In>],
    y: &'a [C::Target],
    /// How many samples a lane takes.
    share: usize,
    /// Whether a gradient is wanted.
    wanted: bool,
    /// The layers average over the `B` samples of a shard, where all of the batch count alike.
    scale: Elem<N>,
}

impl<N: Layer + Send + Sync, C: Loss<N::Out, Target: Sync> + Sync> Batch<'_, N, C> {
    /// The sums over all lanes, left in the first: of a tree whose shape the number of lanes decides.
    fn run<const B: usize>(&self, order: &[usize], lanes: &mut [Lane<N, B>])
    where
        Tape<N, B>: Send,
    {
        match lanes {
            [] => return,
            [lane] => return self.shards(order, lane),
            _ => {}
        }
        let (left, right) = lanes.split_at_mut(lanes.len().div_ceil(2));
        let (first, rest) = order.split_at(order.len().min(left.len() * self.share));
        rayon::join(|| self.run(first, left), || self.run(rest, right));
        if let ([left, ..], [right, ..]) = (left, right) {
            left.loss = left.loss + right.loss;
            if self.wanted {
                Elem::<N>::dispatch(Sum { to: &mut left.gradient, from: &right.gradient });
            }
        }
    }

    /// The shards of one lane, one after the other.
    fn shards<const B: usize>(&self, order: &[usize], lane: &mut Lane<N, B>) {
        lane.loss = Elem::<N>::ZERO;
        if self.wanted {
            zero(&mut lane.gradient);
        }
        for shard in order.chunks(B) {
            Elem::<N>::dispatch(Shard { batch: self, shard, lane });
        }
    }
}

/// The pass of one shard: its loss and its gradient are added to the lane's.
struct Shard<'a, 'b, N: Layer, C: Loss<N::Out>, const B: usize> {
    batch: &'a Batch<'b, N, C>,
    shard: &'a [usize],
    lane: &'a mut Lane<N, B>,
}

impl<N: Layer, C: Loss<N::Out>, const B: usize> Kernel<Elem<N>> for Shard<'_, '_, N, C, B> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa<Elem<N>>>(self, isa: I) {
        let Self { batch: &Batch { net, criterion, x, y, wanted, scale, .. }, shard, lane } = self;
        let Lane { gradient, tape, loss } = lane;
        let [first, ..] = *shard else { return };
        let Some(&target) = y.get(first) else { return };
        let mut targets = [target; B];
        gather(tape.input_mut(), &mut targets, x, y, &mut shard.iter().copied());
        Forward { net, layers: &mut tape.layers, output: &mut tape.output }.run(isa);
        let counted = shard.len().min(B);
        let (targets, _) = targets.split_at(counted);
        let mut dy = tape.output;
        let (y_hat, filled_up) = dy.split_at_mut(counted);
        let mean = if wanted {
            criterion.value_and_gradient(isa, y_hat, targets)
        } else {
            criterion.value(isa, y_hat, targets)
        };
        *loss = *loss + mean * Elem::<N>::from_count(counted);
        if !wanted {
            return;
        }
        for dy in N::Out::flatten_mut(y_hat) {
            *dy = *dy * scale;
        }
        N::Out::flatten_mut(filled_up).fill(Elem::<N>::ZERO);
        Backward { net, tape, dy: &dy, before: Unwanted, gradient }.run(isa);
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
    fn run<I: Isa<Elem<N>>>(self, isa: I) {
        self.to.update(isa, Added, self.from, []);
    }
}

/// The parameters and the gradient added up.
#[derive(Clone, Copy)]
struct Added;

impl<T> Rule<T, 0> for Added {
    #[inline(always)]
    fn update<I: Isa<T>>(self, isa: I, parameters: I::V, gradient: I::V, _: &mut [I::V; 0]) -> I::V {
        isa.add(parameters, gradient)
    }
}

//! Training runs over a data set.

use core::{
    fmt,
    ops::ControlFlow,
    slice::{from_mut, from_ref},
};

#[cfg(feature = "rayon")]
use bytemuck::Zeroable;
use num_traits::Float;
use rand::Rng;

use super::{
    data::{check_network, check_run, gather, is_finite},
    epoch::{Best, EpochReport, Progress},
    shuffle::Permutation,
    sum::CompensatedSum,
    targets::{are_copied, gather_inputs},
    trainer::Trainer,
};
use crate::{
    error::Error,
    layers::{Elem, If, Layer, LayerTypes, Row},
    loss::Loss,
    optim::{Optimizer, OptimizerMemory},
    simd::{Element, Zeroed},
};

/// A training run, made by [`Trainer::fit`] and started by [`run`](Self::run).
///
/// Each epoch uses every sample once, in a new random order, in batches of the trainer's batch size; the last
/// batch holds the samples that remain, and is averaged over its own size. The order takes no memory, for a
/// data set of any length.
///
/// With the features `safetensors` and `std`, `checkpoint` saves the run to a file, from which it continues after a
/// crash.
///
/// # Examples
///
/// Fits `y = x²` to 50 samples. Training stops when the loss on 20 validation samples has not improved for 40
/// epochs, and the best network is kept.
///
/// ```
/// use core::ops::ControlFlow;
///
/// use constnet::{He, Sgd, Trainer, mlp, training::Best};
/// use rand::{RngExt, SeedableRng, rngs::StdRng};
///
/// let x: [[f32; 1]; 70] = core::array::from_fn(|i| [(i * 29 % 70) as f32 / 35.0 - 1.0]);
/// let y = x.map(|[x]| [x * x]);
/// let ((x, x_val), (y, y_val)) = (x.split_at(50), y.split_at(50));
///
/// let mut rng = StdRng::seed_from_u64(0);
/// let net: mlp![1, 16, 1] = rng.sample(He);
/// let mut best = Best::new(net);
/// let mut trainer: Trainer<_, _, 8> = Trainer::new(net, Sgd { lr: 0.1 });
/// let last = trainer
///     .fit(x, y)
///     .epochs(1000)
///     .validate(x_val, y_val)
///     .keep_best(&mut best)
///     .run_with(&mut rng, |report, _| match report.since_best() {
///         ..40 => ControlFlow::Continue(()),
///         40.. => ControlFlow::Break(()),
///     })?;
/// assert!(last.best_loss < 1e-3);
/// trainer.net = best.net;
/// assert_eq!(trainer.evaluate(x_val, y_val)?, last.best_loss);
/// # Ok::<(), constnet::Error<f32>>(())
/// ```
#[must_use = "a training run does nothing before `run`"]
pub struct Fit<'a, N: LayerTypes, Opt: OptimizerMemory, const B: usize, C: Loss<N::Out>> {
    pub(crate) trainer: &'a mut Trainer<N, Opt, B, C>,
    pub(crate) training: (&'a [Row<N::In>], &'a [C::Target]),
    pub(crate) validation: Option<(&'a [Row<N::In>], &'a [C::Target])>,
    pub(crate) epochs: usize,
    pub(crate) in_order: bool,
    pub(crate) best: Option<KeepBest<'a, N>>,
    #[cfg(feature = "rayon")]
    parallel: Option<super::parallel::Passes<N, Opt, B, C>>,
}

/// Where the best network is copied to, and the function that copies it: only [`Fit::keep_best`] has the bound
/// that the network is [`Copy`].
type KeepBest<'a, N> = (&'a mut Best<N>, fn(&mut N, &N));

impl<'a, N: LayerTypes, Opt: OptimizerMemory, const B: usize, C: Loss<N::Out>> Fit<'a, N, Opt, B, C> {
    pub(crate) const fn new(
        trainer: &'a mut Trainer<N, Opt, B, C>,
        x: &'a [Row<N::In>],
        y: &'a [C::Target],
    ) -> Self {
        Self {
            trainer,
            training: (x, y),
            validation: None,
            epochs: 1,
            in_order: false,
            best: None,
            #[cfg(feature = "rayon")]
            parallel: None,
        }
    }

    /// The number of epochs: 1, unless it is set here.
    pub const fn epochs(self, epochs: usize) -> Self {
        Self { epochs, ..self }
    }

    /// Uses the samples of each epoch in the order in which they are given, not in a random one: PyTorch's
    /// `DataLoader(shuffle=False)`.
    ///
    /// ```
    /// use constnet::{Sgd, Trainer, Zeroed, mlp};
    /// use rand::{SeedableRng, rngs::StdRng};
    ///
    /// let (x, y) = ([[1.0], [2.0], [3.0], [4.0]], [[2.0], [4.0], [6.0], [8.0]]);
    /// let mut trainer: Trainer<mlp![1, 1], Sgd, 2> = Trainer::new(Zeroed::ZERO, Sgd { lr: 0.1 });
    /// let mut same = Trainer::new(Zeroed::ZERO, Sgd { lr: 0.1 });
    /// trainer.fit(&x, &y).in_order().run(&mut StdRng::seed_from_u64(0))?;
    /// same.step(&[x[0], x[1]], &[y[0], y[1]]);
    /// same.step(&[x[2], x[3]], &[y[2], y[3]]);
    /// assert_eq!(trainer.net, same.net);
    /// # Ok::<(), constnet::Error<f32>>(())
    /// ```
    pub const fn in_order(self) -> Self {
        Self { in_order: true, ..self }
    }

    /// Computes the loss over these data after each epoch. They are not used for training.
    pub const fn validate(self, x: &'a [Row<N::In>], y: &'a [C::Target]) -> Self {
        Self { validation: Some((x, y)), ..self }
    }

    /// Copies the network to `best` after each epoch whose loss is smaller than that of `best`: the validation loss, or
    /// without validation data the training loss.
    ///
    /// If several runs keep the same [`Best`], it is the best network of all of them: a later run replaces it only by a
    /// better one. All parameters of a network that is kept are finite, even if training diverges later. If no epoch is
    /// better, `best` stays as it is.
    pub fn keep_best(self, best: &'a mut Best<N>) -> Self
    where
        N: Copy,
    {
        // Not `*best = *net`, which is copied by way of the stack in a debug build.
        Self { best: Some((best, |best, net| from_mut(best).copy_from_slice(from_ref(net)))), ..self }
    }

    /// Computes the gradients on all cores, in batches of `batch` samples, each of which is divided into shards of
    /// `B`. See [`parallel`](crate::parallel).
    #[cfg(feature = "rayon")]
    pub fn parallel(self, batch: usize) -> Self
    where
        N: Layer + Zeroable + Send + Sync,
        Opt: Optimizer<Elem<N>>,
        crate::Cache<N, B>: Zeroable + Send,
        C: Sync,
        C::Target: Sync,
    {
        Self { parallel: Some(super::parallel::Passes::new(batch)), ..self }
    }

    /// Trains for all epochs. Returns the report of the last one.
    ///
    /// # Errors
    ///
    /// As [`run_with`](Self::run_with).
    pub fn run<R: Rng + ?Sized>(self, rng: &mut R) -> Result<EpochReport<Elem<N>>, Error<Elem<N>>>
    where
        N: Layer,
        Opt: Optimizer<Elem<N>>,
    {
        self.run_with(rng, |_, _| ControlFlow::Continue(()))
    }

    /// Trains, and calls `each_epoch` after each epoch with a report and the trainer: to look at the network, to
    /// evaluate it on other data, to change the learning rate. Training stops early if it returns
    /// [`ControlFlow::Break`]. Returns the report of the last epoch.
    ///
    /// # Errors
    ///
    /// Before anything is changed:
    ///
    /// - if a parameter of the optimiser or the loss is not valid, or the number of epochs or the batch size is 0;
    /// - if there are no samples or none has a weight, or the numbers of inputs and targets differ;
    /// - if an input or a parameter of the network is not finite, or the loss refuses a target;
    /// - [`Error::ScheduleEnded`] if no step of the run has a positive learning rate.
    ///
    /// [`Error::Diverged`] as soon as a step does not return a finite loss. If the loss itself is not finite, the
    /// network is as it was before that batch; if only the gradient is not, the layers near the output may be updated
    /// (see [`optim`](crate::optim#numbers-that-are-not-finite)). All parameters are finite in both cases. With
    /// [`Unchecked`](crate::Unchecked), parameters may become infinite or NaN: if one is at the end of the run, that
    /// is [`Error::Diverged`] too.
    /// [`Error::ValidationLoss`] if only the validation loss is not finite; the network is then as it was after the epoch.
    /// To have a good network in any case, use [`keep_best`](Self::keep_best).
    pub fn run_with<R: Rng + ?Sized>(
        self,
        rng: &mut R,
        mut each_epoch: impl FnMut(EpochReport<Elem<N>>, &mut Trainer<N, Opt, B, C>) -> ControlFlow<()>,
    ) -> Result<EpochReport<Elem<N>>, Error<Elem<N>>>
    where
        N: Layer,
        Opt: Optimizer<Elem<N>>,
    {
        self.check(self.trainer.state.steps, 0)?;
        let progress = Progress { epoch: 0, last_loss: None, best: None };
        let draw = |_, samples| {
            let seed = if N::IS_RANDOM { Some(rng.next_u32()) } else { None };
            (seed, Permutation::new(samples, rng))
        };
        self.run_from(progress, draw, |report, trainer, _, _| Ok(each_epoch(report, trainer)))
    }

    /// Trains the epochs that are left, after [`check`](Self::check).
    ///
    /// `draw` returns the random numbers of the epoch with this number: the seed of random layers, if the network has
    /// any, and the order of the samples. `each_epoch` is called after each epoch, also with the state of the run.
    pub(crate) fn run_from<E: From<Error<Elem<N>>>>(
        self,
        mut progress: Progress<Elem<N>>,
        mut draw: impl FnMut(usize, usize) -> (Option<u32>, Permutation),
        mut each_epoch: impl FnMut(
            EpochReport<Elem<N>>,
            &mut Trainer<N, Opt, B, C>,
            &Progress<Elem<N>>,
            Option<&Best<N>>,
        ) -> Result<ControlFlow<()>, E>,
    ) -> Result<EpochReport<Elem<N>>, E>
    where
        N: Layer,
        Opt: Optimizer<Elem<N>>,
    {
        let Self { trainer, training: (x, y), validation, epochs, in_order, mut best, .. } = self;
        #[cfg(feature = "rayon")]
        let mut parallel = self.parallel.map(super::parallel::Passes::start);
        loop {
            let (seed, drawn) = draw(progress.epoch, x.len());
            let order = if in_order { Permutation::in_order(x.len()) } else { drawn };
            trainer.seed = seed.unwrap_or(trainer.seed);
            let last_loss = &mut progress.last_loss;
            #[cfg(feature = "rayon")]
            let mean = match &mut parallel {
                Some(parallel) => parallel.epoch(trainer, x, y, order, last_loss),
                None => trainer.epoch(x, y, order, last_loss),
            };
            #[cfg(not(feature = "rayon"))]
            let mean = trainer.epoch(x, y, order, last_loss);
            let Some(loss) = mean.filter(|mean| mean.is_finite()) else {
                return Err(progress.diverged().into());
            };
            let validation_loss = validation.map(|(x, y)| {
                #[cfg(feature = "rayon")]
                if let Some(parallel) = &mut parallel {
                    return parallel.evaluate(trainer, x, y);
                }
                trainer.mean_loss(x, y)
            });
            if let Some(loss) = validation_loss.filter(|loss| !loss.is_finite()) {
                return Err(if is_finite(&trainer.net) {
                    Error::ValidationLoss { epoch: progress.epoch, loss }
                } else {
                    progress.diverged()
                }
                .into());
            }
            let report = progress.report(loss, validation_loss);
            if let Some((best, copy)) = &mut best {
                let watched = validation_loss.unwrap_or(loss);
                if best.loss().is_none_or(|least| watched < least || least.is_nan()) {
                    if !is_finite(&trainer.net) {
                        return Err(progress.diverged().into());
                    }
                    copy(&mut best.net, &trainer.net);
                    best.set_loss(Some(watched));
                }
            }
            let kept = best.as_ref().map(|(best, _)| &**best);
            if each_epoch(report, trainer, &progress, kept)?.is_break() || progress.epoch + 1 >= epochs {
                return if is_finite(&trainer.net) { Ok(report) } else { Err(progress.diverged().into()) };
            }
            progress.epoch += 1;
        }
    }

    /// The number of samples of each step, if it is computed on all cores.
    pub(crate) fn parallel_batch(&self) -> Option<usize> {
        #[cfg(feature = "rayon")]
        let batch = self.parallel.as_ref().map(super::parallel::Passes::batch);
        #[cfg(not(feature = "rayon"))]
        let batch = None;
        batch
    }

    /// Checks optimiser, data and network before a run that continues after `steps` steps and `done` epochs.
    pub(crate) fn check(&self, steps: usize, done: usize) -> Result<(), Error<Elem<N>>>
    where
        N: Layer,
        Opt: Optimizer<Elem<N>>,
    {
        let Self { trainer, training: (x, y), validation, epochs, .. } = self;
        trainer.optimizer.check()?;
        if *epochs == 0 {
            return Err(Error::NoEpochs);
        }
        let batch = self.parallel_batch().unwrap_or(B);
        if batch == 0 {
            let (name, expected) = ("batch size", "at least 1");
            return Err(Error::Hyperparameter { name, value: Zeroed::ZERO, expected });
        }
        check_run::<N, C>(&trainer.loss, x, y).map_err(|error| error.about(Error::Training))?;
        if let Some((x, y)) = validation {
            check_run::<N, C>(&trainer.loss, x, y).map_err(|error| error.about(Error::Validation))?;
        }
        check_network(&trainer.net)?;
        let left = x.len().div_ceil(batch).saturating_mul(epochs.saturating_sub(done));
        if let Some(last) = left.checked_sub(1) {
            trainer.optimizer.check_run(steps..=steps.saturating_add(last))?;
        }
        Ok(())
    }
}

impl<N: LayerTypes, Opt: OptimizerMemory, const B: usize, C> Trainer<N, Opt, B, C> {
    /// A training run over a data set of any length: one epoch of mini-batches in random order, unless you
    /// configure the [`Fit`] otherwise. [`Fit::run`] starts it.
    ///
    /// A second run of the same trainer continues with the network, the optimiser's state and the number of steps, and so
    /// with the next learning rate of a [schedule](crate::optim::schedule). Two runs are the same as one run of all their
    /// epochs, with these exceptions: each run counts its epochs from 0, and its reports name the best epoch of that run.
    /// To start again instead, call [`reset`](Self::reset); to keep the best network of several runs, give each the same
    /// [`Best`].
    pub const fn fit<'a, Y>(
        &'a mut self,
        x: &'a [Row<N::In>],
        y: &'a [C::Target],
    ) -> Fit<'a, N, Opt, B, If<Y, C>>
    where
        C: Loss<N::Out, Target = Y>,
    {
        Fit::new(self, x, y)
    }

    /// Uses every sample once, in this order. Returns the mean loss, or nothing as soon as a batch has a loss that
    /// is not finite.
    fn epoch(
        &mut self,
        x: &[Row<N::In>],
        y: &[C::Target],
        mut order: Permutation,
        last_loss: &mut Option<Elem<N>>,
    ) -> Option<Elem<N>>
    where
        N: Layer,
        Opt: Optimizer<Elem<N>>,
        C: Loss<N::Out>,
    {
        if const { !are_copied::<C::Target, B>() } {
            return mean_over_batches(x.len(), B, last_loss, |size| {
                let targets = gather_inputs(self.buffers.input_mut(), x, y, &mut order, size);
                self.step_on(targets)
            });
        }
        let mut targets = [*y.first()?; B];
        mean_over_batches(x.len(), B, last_loss, |size| {
            gather(self.buffers.input_mut(), &mut targets, x, y, &mut order);
            let (targets, _) = targets.split_at(size);
            self.step_on(targets)
        })
    }
}

/// Calls `step` for each batch of an epoch with the number of its samples, at most `batch`. Returns the mean loss over
/// all samples, or `None` after the first batch whose loss is not finite. `last_loss` is the loss of the last batch
/// before that.
#[inline]
pub(super) fn mean_over_batches<T: Element>(
    samples: usize,
    batch: usize,
    last_loss: &mut Option<T>,
    mut step: impl FnMut(usize) -> T,
) -> Option<T> {
    let mut sum = CompensatedSum::<T>::ZERO;
    let mut left = samples;
    while left > 0 {
        let size = left.min(batch);
        left -= size;
        let loss = step(size);
        if !loss.is_finite() {
            return None;
        }
        *last_loss = Some(loss);
        sum.add(loss * T::from_count(size));
    }
    Some(sum.total() / T::from_count(samples))
}

impl<N: LayerTypes, Opt: OptimizerMemory, const B: usize, C: Loss<N::Out>> fmt::Debug
    for Fit<'_, N, Opt, B, C>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fit")
            .field("samples", &self.training.0.len())
            .field("epochs", &self.epochs)
            .field("validation", &self.validation.map(|(x, _)| x.len()))
            .field("keep_best", &self.best.is_some())
            .finish_non_exhaustive()
    }
}

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
    data::{check, gather, is_finite},
    shuffle::Permutation,
    targets::{are_copied, gather_inputs},
    trainer::Trainer,
};
use crate::{
    error::Error,
    layers::{Elem, If, Layer, LayerTypes, Row},
    loss::Loss,
    optim::{Optimizer, OptimizerMemory},
    simd::Element,
};

/// A training run, made by [`Trainer::fit`] and started by [`run`](Self::run).
///
/// Each epoch uses every sample once, in a new random order, in batches of the trainer's batch size; the last
/// batch holds the samples that remain, and is averaged over its own size. The order takes no memory, for a
/// data set of any length.
///
/// # Examples
///
/// Fits `y = x²` to 50 samples. Training stops when the loss on 20 validation samples has not improved for 40
/// epochs, and the best network is kept.
///
/// ```
/// use core::ops::ControlFlow;
///
/// use constnet::{He, Sgd, Trainer, mlp};
/// use rand::{RngExt, SeedableRng, rngs::StdRng};
///
/// let x: [[f32; 1]; 70] = core::array::from_fn(|i| [(i * 29 % 70) as f32 / 35.0 - 1.0]);
/// let y = x.map(|[x]| [x * x]);
/// let ((x, x_val), (y, y_val)) = (x.split_at(50), y.split_at(50));
///
/// let mut rng = StdRng::seed_from_u64(0);
/// let net: mlp![1, 16, 1] = rng.sample(He);
/// let mut best = net;
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
/// trainer.net = best;
/// assert_eq!(trainer.evaluate(x_val, y_val)?, last.best_loss);
/// # Ok::<(), constnet::Error<f32>>(())
/// ```
#[must_use = "a training run does nothing before `run`"]
pub struct Fit<'a, N: LayerTypes, Opt: OptimizerMemory, const B: usize, C: Loss<N::Out>> {
    trainer: &'a mut Trainer<N, Opt, B, C>,
    training: (&'a [Row<N::In>], &'a [C::Target]),
    validation: Option<(&'a [Row<N::In>], &'a [C::Target])>,
    epochs: usize,
    best: Option<Best<'a, N>>,
    #[cfg(feature = "rayon")]
    parallel: Option<super::parallel::Passes<N, Opt, B, C>>,
}

/// Where the best network is copied to, and the function that copies it: only [`Fit::keep_best`] has the bound
/// that the network is [`Copy`].
type Best<'a, N> = (&'a mut N, fn(&mut N, &N));

/// The state of training after an epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct EpochReport<T = f32> {
    /// The number of the epoch, counted from 0.
    pub epoch: usize,
    /// The mean loss over all training samples, each at the time of its step. (The notebook prints the loss of the
    /// epoch's last batch.)
    pub loss: T,
    /// The mean loss over the validation data after the epoch, if there are any.
    pub validation_loss: Option<T>,
    /// The best epoch so far: the one with the smallest validation loss, or without validation data the
    /// smallest training loss. Of equal ones it is the first.
    pub best_epoch: usize,
    /// The loss of the best epoch.
    pub best_loss: T,
}

impl<T> EpochReport<T> {
    /// The number of epochs since the best one.
    #[must_use]
    pub const fn since_best(&self) -> usize {
        self.epoch - self.best_epoch
    }
}

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
            best: None,
            #[cfg(feature = "rayon")]
            parallel: None,
        }
    }

    /// The number of epochs: 1, unless it is set here.
    pub const fn epochs(self, epochs: usize) -> Self {
        Self { epochs, ..self }
    }

    /// Computes the loss over these data after each epoch. They are not used for training.
    pub const fn validate(self, x: &'a [Row<N::In>], y: &'a [C::Target]) -> Self {
        Self { validation: Some((x, y)), ..self }
    }

    /// Copies the network to `best` after each epoch that is better than all before it: by its validation loss,
    /// or without validation data by its training loss.
    ///
    /// All its parameters are finite, even if training diverges later. If the first epoch diverges, `best` stays
    /// as it is.
    pub fn keep_best(self, best: &'a mut N) -> Self
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
    /// Before anything is changed: if a parameter of the optimiser or the loss is not valid, the number of epochs
    /// is 0, there are no samples, the numbers of inputs and targets differ, or the loss refuses a target.
    ///
    /// [`Error::Diverged`] as soon as a loss is not finite. If it is the loss of a batch, the network is then as it was
    /// before that batch; if it is the validation loss, as it was after the epoch. The
    /// step before may already have made parameters infinite; if that was the last step of the run, no loss
    /// shows it. Therefore all parameters are checked at the end, and a network that is not finite is this error
    /// too, never `Ok`. To have a good network in any case, use [`keep_best`](Self::keep_best).
    pub fn run_with<R: Rng + ?Sized>(
        self,
        rng: &mut R,
        mut each_epoch: impl FnMut(EpochReport<Elem<N>>, &mut Trainer<N, Opt, B, C>) -> ControlFlow<()>,
    ) -> Result<EpochReport<Elem<N>>, Error<Elem<N>>>
    where
        N: Layer,
        Opt: Optimizer<Elem<N>>,
    {
        let Self { trainer, training: (x, y), validation, epochs, mut best, .. } = self;
        trainer.optimizer.check()?;
        let Some(last_epoch) = epochs.checked_sub(1) else { return Err(Error::NoEpochs) };
        check(&trainer.loss, x, y)?;
        if let Some((x, y)) = validation {
            check(&trainer.loss, x, y).map_err(Error::into_validation)?;
        }
        #[cfg(feature = "rayon")]
        let mut parallel = self.parallel.map(super::parallel::Passes::start).transpose()?;

        let mut last_loss = None;
        let mut so_far: Option<(usize, Elem<N>)> = None;
        let mut epoch = 0;
        loop {
            let diverged = |last_loss| Error::Diverged { epoch, last_loss };
            if N::IS_RANDOM {
                trainer.seed = rng.next_u32();
            }
            let order = Permutation::new(x.len(), rng);
            #[cfg(feature = "rayon")]
            let mean = match &mut parallel {
                Some(parallel) => parallel.epoch(trainer, x, y, order, &mut last_loss),
                None => trainer.epoch(x, y, order, &mut last_loss),
            };
            #[cfg(not(feature = "rayon"))]
            let mean = trainer.epoch(x, y, order, &mut last_loss);
            let loss = mean.ok_or(diverged(last_loss))?;
            let validation_loss = match validation {
                #[cfg(feature = "rayon")]
                Some((x, y)) if let Some(parallel) = &mut parallel => Some(parallel.evaluate(trainer, x, y)),
                Some((x, y)) => Some(trainer.evaluate(x, y)?),
                None => None,
            };
            let watched = validation_loss.unwrap_or(loss);
            if !watched.is_finite() {
                return Err(diverged(last_loss));
            }
            if so_far.is_none_or(|(_, least)| watched < least) {
                so_far = Some((epoch, watched));
                if let Some((best, copy)) = &mut best {
                    if !is_finite(&trainer.net) {
                        return Err(diverged(last_loss));
                    }
                    copy(best, &trainer.net);
                }
            }
            let (best_epoch, best_loss) = so_far.unwrap_or((epoch, watched));
            let report = EpochReport { epoch, loss, validation_loss, best_epoch, best_loss };
            if each_epoch(report, trainer).is_break() || epoch == last_epoch {
                return if is_finite(&trainer.net) { Ok(report) } else { Err(diverged(last_loss)) };
            }
            epoch += 1;
        }
    }
}

impl<N: LayerTypes, Opt: OptimizerMemory, const B: usize, C> Trainer<N, Opt, B, C> {
    /// A training run over a data set of any length: one epoch of mini-batches in random order, unless you
    /// configure the [`Fit`] otherwise. [`Fit::run`] starts it.
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
    let mut sum = T::ZERO;
    let mut left = samples;
    while left > 0 {
        let size = left.min(batch);
        left -= size;
        let loss = step(size);
        if !loss.is_finite() {
            return None;
        }
        *last_loss = Some(loss);
        sum = sum + loss * T::from_count(size);
    }
    Some(sum / T::from_count(samples))
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

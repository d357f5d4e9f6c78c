//! Training runs over a data set.

use core::{fmt, ops::ControlFlow};

use num_traits::Float;
use rand::Rng;

use crate::{
    DataError, Elem, Element, Error, Layer, Loss, Optimizer, Row, Shape, Trainer, Zeroed,
    shuffle::Permutation,
};

/// A training run, to be started by [`run`](Self::run). [`Trainer::fit`] gives one.
///
/// In each epoch every sample is taken once, in a new random order, in batches of the trainer's
/// size and a last one of what remains, each averaged over its own size. No memory is needed for
/// the order, however long the data set is.
///
/// # Examples
///
/// The curve `y = x²`, learnt from 50 samples until 20 others have not been told better for 40
/// epochs; the network that told them best is kept.
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
///     .run(&mut rng, |epoch, _| match epoch.since_best() {
///         ..40 => ControlFlow::Continue(()),
///         40.. => ControlFlow::Break(()),
///     })?;
/// assert!(last.best_loss < 1e-3);
/// trainer.net = best;
/// assert_eq!(trainer.evaluate(x_val, y_val)?, last.best_loss);
/// # Ok::<(), constnet::Error<f32>>(())
/// ```
#[must_use = "a training run does nothing before `run`"]
pub struct Fit<'a, N: Layer, Opt: Optimizer<Elem<N>>, const B: usize, C: Loss<N::Out>> {
    trainer: &'a mut Trainer<N, Opt, B, C>,
    training: (&'a [Row<N::In>], &'a [C::Target]),
    validation: Option<(&'a [Row<N::In>], &'a [C::Target])>,
    epochs: usize,
    best: Option<Best<'a, N>>,
}

/// Where the best network goes, and how to copy it there: only [`Fit::keep_best`] knows that it is
/// [`Copy`].
type Best<'a, N> = (&'a mut N, fn(&mut N, &N));

/// How training stands after an epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Epoch<T = f32> {
    /// The epoch, counted from 0.
    pub number: usize,
    /// The mean loss over all training samples, each at the time of its step.
    pub loss: T,
    /// The mean loss over the validation data after the epoch, if there are any.
    pub validation_loss: Option<T>,
    /// The best epoch up to here: that of the least validation loss, or without validation data of the
    /// least training loss. Of equals it is the first.
    pub best: usize,
    /// Its loss.
    pub best_loss: T,
}

impl<T> Epoch<T> {
    /// How many epochs ago the best one was.
    #[must_use]
    pub const fn since_best(&self) -> usize {
        self.number - self.best
    }
}

/// What a callback says after an epoch: `()` to go on, or a [`ControlFlow`].
#[diagnostic::on_unimplemented(
    message = "after an epoch a callback gives `()` or a `ControlFlow<()>`, not `{Self}`",
    label = "this is neither `()` nor a `ControlFlow<()>`"
)]
pub trait Verdict {
    /// Whether training is to stop here.
    fn stops(self) -> bool;
}

impl Verdict for () {
    fn stops(self) -> bool {
        false
    }
}

impl Verdict for ControlFlow<()> {
    fn stops(self) -> bool {
        self.is_break()
    }
}

impl<'a, N: Layer, Opt: Optimizer<Elem<N>>, const B: usize, C: Loss<N::Out>> Fit<'a, N, Opt, B, C> {
    pub(crate) const fn new(
        trainer: &'a mut Trainer<N, Opt, B, C>,
        x: &'a [Row<N::In>],
        y: &'a [C::Target],
    ) -> Self {
        Self { trainer, training: (x, y), validation: None, epochs: 1, best: None }
    }

    /// How often all samples are gone through: once, unless you say otherwise.
    pub const fn epochs(self, epochs: usize) -> Self {
        Self { epochs, ..self }
    }

    /// Tells after each epoch the loss over these data too, from which nothing is learnt.
    pub const fn validate(self, x: &'a [Row<N::In>], y: &'a [C::Target]) -> Self {
        Self { validation: Some((x, y)), ..self }
    }

    /// Copies the network to `best` after each epoch that is better than all before it: whose
    /// validation loss is less, or without validation data whose training loss is.
    ///
    /// All its parameters are finite, also when training diverges later on. If the first epoch
    /// diverges, `best` is left as it was.
    pub fn keep_best(self, best: &'a mut N) -> Self
    where
        N: Copy,
    {
        Self { best: Some((best, |best, net| *best = *net)), ..self }
    }

    /// Trains. After each epoch, `each_epoch` is told how training stands; it has the trainer at
    /// hand, to look at the network, to evaluate it on other data, to change the learning rate. It
    /// gives nothing, or [`ControlFlow::Break`] to stop. How the last epoch went is returned.
    ///
    /// # Errors
    ///
    /// Before anything is changed, if the optimiser's numbers make no sense, there is nothing to
    /// do, inputs and targets are not of one length, or the loss refuses a target.
    ///
    /// [`Error::Diverged`] as soon as a loss is not finite: the network is then as it was before
    /// that batch. The step before may have made parameters infinite already; of those that do, the
    /// very last one shows in no loss. So in the end all parameters are looked at, and a network
    /// that is not finite is this error too, never `Ok`. To be left with a good network in any
    /// case, [`keep_best`](Self::keep_best).
    pub fn run<R: Rng + ?Sized, V: Verdict>(
        self,
        rng: &mut R,
        mut each_epoch: impl FnMut(Epoch<Elem<N>>, &mut Trainer<N, Opt, B, C>) -> V,
    ) -> Result<Epoch<Elem<N>>, Error<Elem<N>>> {
        let Self { trainer, training: (x, y), validation, epochs, mut best } = self;
        trainer.optimizer.check()?;
        let Some(end) = epochs.checked_sub(1) else { return Err(Error::NoEpochs) };
        let spare = check(&trainer.criterion, x, y)?;
        if let Some((x, y)) = validation {
            check(&trainer.criterion, x, y).map_err(Error::of_validation)?;
        }

        let mut batch = [*spare; B];
        let mut last_loss = None;
        let mut so_far: Option<(usize, Elem<N>)> = None;
        let mut number = 0;
        loop {
            let diverged = |last_loss| Error::Diverged { epoch: number, last_loss };
            let loss = trainer.epoch(x, y, rng, &mut batch, &mut last_loss).ok_or(diverged(last_loss))?;
            let validation_loss = match validation {
                Some((x, y)) => Some(trainer.evaluate(x, y)?),
                None => None,
            };
            let watched = validation_loss.unwrap_or(loss);
            if !watched.is_finite() {
                return Err(diverged(last_loss));
            }
            if so_far.is_none_or(|(_, least)| watched < least) {
                so_far = Some((number, watched));
                if let Some((best, copy)) = &mut best {
                    if !is_finite(&trainer.net) {
                        return Err(diverged(last_loss));
                    }
                    copy(best, &trainer.net);
                }
            }
            let (best, best_loss) = so_far.unwrap_or((number, watched));
            let epoch = Epoch { number, loss, validation_loss, best, best_loss };
            if each_epoch(epoch, trainer).stops() || number == end {
                return if is_finite(&trainer.net) { Ok(epoch) } else { Err(diverged(last_loss)) };
            }
            number += 1;
        }
    }
}

impl<N: Layer, Opt: Optimizer<Elem<N>>, const B: usize, C: Loss<N::Out>> Trainer<N, Opt, B, C> {
    /// Takes every sample once, in a random order. Gives the mean loss; nothing if a batch's is not
    /// finite.
    fn epoch<R: Rng + ?Sized>(
        &mut self,
        x: &[Row<N::In>],
        y: &[C::Target],
        rng: &mut R,
        targets: &mut [C::Target; B],
        last_loss: &mut Option<Elem<N>>,
    ) -> Option<Elem<N>> {
        let mut sum = Elem::<N>::ZERO;
        let mut order = Permutation::new(x.len(), rng);
        let mut left = x.len();
        while left > 0 {
            let size = left.min(B);
            left -= size;
            gather(self.tape.input_mut(), targets, x, y, &mut order);
            let (counted, _) = targets.split_at(size);
            let loss = self.step_on(counted);
            if !loss.is_finite() {
                return None;
            }
            *last_loss = Some(loss);
            sum = sum + loss * Elem::<N>::from_count(size);
        }
        Some(sum / Elem::<N>::from_count(x.len()))
    }
}

/// Copies the samples that the iterator numbers into a batch. One that is not full is filled up with its
/// last sample, which counts for nothing more.
#[inline(always)]
pub(crate) fn gather<X: Copy, Y: Copy, const B: usize>(
    inputs: &mut [X; B],
    targets: &mut [Y; B],
    x: &[X],
    y: &[Y],
    numbers: &mut impl Iterator<Item = usize>,
) {
    let mut number = 0;
    for (input, target) in inputs.iter_mut().zip(targets) {
        number = numbers.next().unwrap_or(number);
        if let (Some(x), Some(y)) = (x.get(number), y.get(number)) {
            (*input, *target) = (*x, *y);
        }
    }
}

/// That there are samples, as many inputs as targets, and targets that the loss can compare with.
/// Gives the first target.
pub(crate) fn check<'y, S: Shape, C: Loss<S>, X>(
    criterion: &C,
    x: &[X],
    y: &'y [C::Target],
) -> Result<&'y C::Target, Error<S::Elem>> {
    if x.len() != y.len() {
        return Err(DataError::Lengths { inputs: x.len(), targets: y.len() }.into());
    }
    let first = y.first().ok_or(DataError::NoSamples)?;
    criterion.check(y)?;
    Ok(first)
}

/// Whether every parameter is. A loss does not tell: behind a ReLU a bias of minus infinity is 0.
pub(crate) fn is_finite<N: Layer>(net: &N) -> bool {
    (0..net.tensors())
        .filter_map(|index| net.parameter(index))
        .all(|parameter| parameter.values.iter().all(|p| p.is_finite()))
}

impl<N: Layer, Opt: Optimizer<Elem<N>>, const B: usize, C: Loss<N::Out>> fmt::Debug
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

//! What a training run keeps between two epochs: its report, its state, and the best network.

use crate::{
    error::Error,
    layers::{Elem, LayerTypes},
    simd::{Element, Zeroed},
};

/// The best network of one run or of several, with its loss: kept by [`Fit::keep_best`](super::Fit::keep_best).
///
/// # Examples
///
/// Two runs, the second with a smaller learning rate. `best` is then the best network of both:
///
/// ```
/// use constnet::{He, Sgd, Trainer, mlp, training::Best};
/// use rand::{RngExt, SeedableRng, rngs::StdRng};
///
/// # let x: [[f32; 1]; 20] = core::array::from_fn(|i| [i as f32 / 10.0 - 1.0]);
/// # let y = x.map(|[x]| [x * x]);
/// let mut rng = StdRng::seed_from_u64(0);
/// let mut trainer: Trainer<mlp![1, 16, 1], Sgd, 4> = Trainer::new(rng.sample(He), Sgd { lr: 0.1 });
/// let mut best = Best::new(trainer.net);
/// let first = trainer.fit(&x, &y).epochs(20).keep_best(&mut best).run(&mut rng)?;
/// trainer.optimizer.lr = 0.01;
/// let second = trainer.fit(&x, &y).epochs(20).keep_best(&mut best).run(&mut rng)?;
/// assert_eq!(best.loss(), Some(first.best_loss.min(second.best_loss)));
/// # Ok::<(), constnet::Error<f32>>(())
/// ```
///
/// A large one is built on the heap by `Zeroed::boxed`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(
    feature = "alloc",
    derive(bytemuck::Zeroable),
    zeroable(bound = "N: bytemuck::Zeroable, Elem<N>: bytemuck::Zeroable")
)]
pub struct Best<N: LayerTypes> {
    /// The network.
    pub net: N,
    loss: Elem<N>,
    is_kept: bool,
}

impl<N: LayerTypes> Best<N> {
    /// A network without a loss: the first epoch replaces it.
    #[must_use]
    pub const fn new(net: N) -> Self {
        Self { net, loss: Zeroed::ZERO, is_kept: false }
    }

    /// The loss of the network: the validation loss, or without validation data the training loss of its epoch. `None` if
    /// no network was kept yet.
    #[must_use]
    pub const fn loss(&self) -> Option<Elem<N>> {
        if self.is_kept { Some(self.loss) } else { None }
    }

    /// Removes the loss, so that the next epoch replaces the network. Call it before a run on other data: their losses
    /// cannot be compared.
    pub const fn reset(&mut self) {
        self.is_kept = false;
    }

    pub(crate) fn set_loss(&mut self, loss: Option<Elem<N>>) {
        self.is_kept = loss.is_some();
        self.loss = loss.unwrap_or(Zeroed::ZERO);
    }
}

/// All parameters are 0, and there is no loss: the first epoch replaces it.
impl<N: LayerTypes> Zeroed for Best<N> {
    const ZERO: Self = Self::new(N::ZERO);
}

/// The state of training after an epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct EpochReport<T = f32> {
    /// The number of the epoch, counted from 0.
    pub epoch: usize,
    /// The mean loss over all training samples, each at the time of its step. (The notebook prints the loss of the
    /// epoch's last batch.)
    pub loss: T,
    /// The mean loss over the validation data after the epoch, if there are any.
    pub validation_loss: Option<T>,
    /// The best epoch of this run so far: the one with the smallest validation loss, or without validation data the
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

/// The state of a run between two epochs, besides that of the trainer and the generator.
#[derive(Clone, Copy)]
pub(crate) struct Progress<T> {
    /// The number of epochs that were trained, and the index of the current one.
    pub(crate) epoch: usize,
    /// The loss of the last batch.
    pub(crate) last_loss: Option<T>,
    /// The best epoch so far, and its loss.
    pub(crate) best: Option<(usize, T)>,
}

impl<T: Element> Progress<T> {
    /// Updates the best epoch, and returns the report of the current one.
    pub(super) fn report(&mut self, loss: T, validation_loss: Option<T>) -> EpochReport<T> {
        let Self { epoch, .. } = *self;
        let watched = validation_loss.unwrap_or(loss);
        let (best_epoch, best_loss) =
            self.best.filter(|(_, least)| *least <= watched).unwrap_or((epoch, watched));
        self.best = Some((best_epoch, best_loss));
        EpochReport { epoch, loss, validation_loss, best_epoch, best_loss }
    }

    /// The error of the current epoch, if a loss or the network is not finite.
    pub(crate) const fn diverged(&self) -> Error<T> {
        Error::Diverged { epoch: self.epoch, last_loss: self.last_loss }
    }
}

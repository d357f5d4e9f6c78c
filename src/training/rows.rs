//! Predictions and gradients for any number of rows.

#[cfg(feature = "alloc")]
use alloc::vec::Vec;

#[cfg(feature = "rayon")]
use {alloc::vec, rayon::prelude::*};

use super::{
    data::{check, finite_loss},
    step::Gradient,
    sum::CompensatedSum,
    trainer::Trainer,
};
use crate::{
    error::{Error, check_length},
    layers::{Elem, Layer, LayerTypes, Mode, Row, dispatch, zero},
    loss::Loss,
    network::{Buffers, Cache, Forward, Sequential},
    optim::{Optimizer, OptimizerMemory},
    simd::{Element, Zeroed},
};

/// Any number of rows, in batches of `B`.
impl<L: Layer> Sequential<L> {
    /// The prediction for each row, in inference mode. On all cores: `predict_into_parallel`, with the feature `rayon`.
    ///
    /// ```
    /// use constnet::{Cache, Linear, Zeroed, sequential};
    ///
    /// let net = sequential![Linear::new([[2.0]], [1.0])];
    /// let mut y = [[0.0]; 3];
    /// net.predict_into(&[[1.0], [2.0], [3.0]], &mut y, &mut { Cache::<_, 2>::ZERO })?;
    /// assert_eq!(y, [[3.0], [5.0], [7.0]]);
    /// # Ok::<(), constnet::Error<f32>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Length`], if there are not as many results as rows.
    pub fn predict_into<const B: usize>(
        &self,
        x: &[Row<L::In>],
        y: &mut [Row<L::Out>],
        cache: &mut Cache<Self, B>,
    ) -> Result<(), Error<Elem<L>>> {
        const { assert!(B > 0, "a batch has at least one sample") };
        check_length("outputs", y.len(), x.len())?;
        predict_slice(self, x, y, &mut cache.buffers);
        Ok(())
    }

    /// The mean loss of any number of rows. **Adds** the gradient of that mean to `gradient`. The pass is one of inference:
    /// [`Dropout`](crate::Dropout) drops nothing.
    ///
    /// On all cores: `parallel::Workers::gradient`, with the feature `rayon`.
    ///
    /// ```
    /// use constnet::{Cache, Linear, Mse, Sequential, Zeroed, sequential};
    ///
    /// let net = sequential![Linear::new([[2.0]], [0.0])];
    /// let mut gradient = Sequential::ZERO;
    /// let (x, y) = ([[1.0], [2.0], [3.0]], [[0.0]; 3]);
    /// let loss = net.gradient(&Mse, &x, &y, &mut gradient, &mut { Cache::<_, 2>::ZERO })?;
    /// assert_eq!(loss, (4.0 + 16.0 + 36.0) / 3.0);
    /// assert_eq!(gradient.layer::<0>().bias(), &[8.0]);
    /// # Ok::<(), constnet::Error<f32>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If there are no samples, the numbers of inputs and targets differ, an input is not finite, or the loss refuses a
    /// target: nothing is added. [`Error::Parameter`] or [`Error::Loss`] if the loss is not finite: a part of the gradient
    /// may have been added.
    pub fn gradient<C: Loss<L::Out>, const B: usize>(
        &self,
        loss: &C,
        x: &[Row<L::In>],
        y: &[C::Target],
        gradient: &mut Self,
        cache: &mut Cache<Self, B>,
    ) -> Result<Elem<L>, Error<Elem<L>>> {
        const { assert!(B > 0, "a batch has at least one sample") };
        check::<Self, C>(loss, x, y)?;
        finite_loss(add_gradient(self, loss, &mut cache.buffers, Mode::Eval, x, y, gradient), self)
    }
}

#[cfg(feature = "alloc")]
impl<L: Layer + Sync> Sequential<L>
where
    Cache<Self, ROWS>: bytemuck::Zeroable,
{
    /// The prediction for each row, in inference mode; on all cores with the feature `rayon`.
    ///
    /// ```
    /// use constnet::{Linear, sequential};
    ///
    /// let net = sequential![Linear::new([[2.0]], [1.0])];
    /// assert_eq!(net.predict_all(&[[1.0], [2.0], [3.0]]), [[3.0], [5.0], [7.0]]);
    /// ```
    #[must_use]
    pub fn predict_all(&self, x: &[Row<L::In>]) -> Vec<Row<L::Out>> {
        #[cfg(feature = "rayon")]
        if x.len() > PER_TASK {
            let mut y = vec![Zeroed::ZERO; x.len()];
            self.predict_tasks(x, &mut y);
            return y;
        }
        let mut y = Vec::with_capacity(x.len());
        predict(self, x, &mut Cache::<Self, ROWS>::boxed().buffers, |outputs| y.extend_from_slice(outputs));
        y
    }

    /// The prediction for each row, in inference mode, on all cores: [`predict_into`](Self::predict_into) with caches on the
    /// heap. The result does not depend on the number of threads.
    ///
    /// ```
    /// use constnet::{Linear, sequential};
    ///
    /// let net = sequential![Linear::new([[2.0]], [1.0])];
    /// let mut y = [[0.0]; 3];
    /// net.predict_into_parallel(&[[1.0], [2.0], [3.0]], &mut y)?;
    /// assert_eq!(y, [[3.0], [5.0], [7.0]]);
    /// # Ok::<(), constnet::Error<f32>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Length`], if there are not as many results as rows.
    #[cfg(feature = "rayon")]
    pub fn predict_into_parallel(
        &self,
        x: &[Row<L::In>],
        y: &mut [Row<L::Out>],
    ) -> Result<(), Error<Elem<L>>> {
        check_length("outputs", y.len(), x.len())?;
        if x.len() > PER_TASK {
            self.predict_tasks(x, y);
        } else {
            predict_slice(self, x, y, &mut Cache::<Self, ROWS>::boxed().buffers);
        }
        Ok(())
    }

    /// The predictions for as many rows, in tasks for all threads.
    #[cfg(feature = "rayon")]
    fn predict_tasks(&self, x: &[Row<L::In>], y: &mut [Row<L::Out>]) {
        let tasks = y.par_chunks_mut(PER_TASK).zip(x.par_chunks(PER_TASK));
        tasks.for_each_init(Cache::<Self, ROWS>::boxed, |cache, (y, x)| {
            predict_slice(self, x, y, &mut cache.buffers);
        });
    }
}

/// The batch size of [`predict_all`](Sequential::predict_all).
#[cfg(feature = "alloc")]
const ROWS: usize = 64;

/// The rows of a task: at least as many as one thread predicts in the time in which another is woken.
#[cfg(feature = "rayon")]
const PER_TASK: usize = 8 * ROWS;

impl<N: LayerTypes, Opt: OptimizerMemory, const B: usize, C> Trainer<N, Opt, B, C> {
    /// One step on any number of rows: the gradient of their mean loss, computed in batches of `B`, then the update. Returns
    /// the loss before it. `gradient` is overwritten.
    ///
    /// On all cores: `step_parallel`, with the feature `rayon`.
    ///
    /// ```
    /// use constnet::{Sgd, Trainer, Zeroed, mlp};
    ///
    /// let (x, y) = (vec![[1.0]; 10], vec![[2.0]; 10]);
    /// let mut trainer: Trainer<mlp![1, 1], Sgd, 4> = Trainer::new(Zeroed::ZERO, Sgd { lr: 0.1 });
    /// assert_eq!(trainer.step_rows(&x, &y, &mut Zeroed::ZERO)?, 4.0);
    /// assert_eq!(trainer.net.predict(&[0.0]), [0.4]);
    /// # Ok::<(), constnet::Error<f32>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If there are no samples, the numbers of inputs and targets differ, an input is not finite, the loss refuses a target, or
    /// the loss is not finite; and those of [`update`](Self::update). Nothing is then updated, except after
    /// [`Error::Overflow`]: see [`Optimizer::step`].
    pub fn step_rows(
        &mut self,
        x: &[Row<N::In>],
        y: &[C::Target],
        gradient: &mut N,
    ) -> Result<Elem<N>, Error<Elem<N>>>
    where
        N: Layer,
        Opt: Optimizer<Elem<N>>,
        C: Loss<N::Out>,
    {
        check::<N, C>(&self.loss, x, y)?;
        zero(gradient);
        let mode = self.training_mode();
        let Self { net, loss, buffers, .. } = self;
        let value = finite_loss(add_gradient(net, loss, buffers, mode, x, y, gradient), net)?;
        self.update(gradient)?;
        Ok(value)
    }
}

/// Calls `take` with the predictions of each batch, one after the other.
fn predict<N: Layer, const B: usize>(
    net: &N,
    x: &[Row<N::In>],
    buffers: &mut Buffers<N, B>,
    mut take: impl FnMut(&[Row<N::Out>]),
) {
    for x in x.chunks(B) {
        match <&[_; B]>::try_from(x) {
            Ok(x) => *buffers.input_mut() = *x,
            Err(_) => buffers.set_inputs(x),
        }
        let Buffers { layers, output, .. } = buffers;
        dispatch::<N, _>(Forward { net, layers, output, mode: &Mode::Eval });
        take(output.get(..x.len()).unwrap_or_default());
    }
}

/// The predictions for as many rows.
fn predict_slice<N: Layer, const B: usize>(
    net: &N,
    x: &[Row<N::In>],
    y: &mut [Row<N::Out>],
    buffers: &mut Buffers<N, B>,
) {
    let mut y = y.iter_mut();
    predict(net, x, buffers, |outputs| outputs.iter().zip(&mut y).for_each(|(output, y)| *y = *output));
}

/// The mode of one shard: each has a seed, and so dropout masks, that differ from those of the others.
pub(super) const fn mode_of_shard(mode: Mode, shard: usize) -> Mode {
    match mode {
        Mode::Eval => Mode::Eval,
        Mode::Train { seed, pass } => {
            Mode::Train { seed: seed ^ (shard as u32).wrapping_mul(0x85eb_ca6b), pass }
        }
    }
}

/// The mean loss of data that have been checked; adds its gradient.
pub(crate) fn add_gradient<N: Layer, C: Loss<N::Out>, const B: usize>(
    net: &N,
    loss: &C,
    buffers: &mut Buffers<N, B>,
    mode: Mode,
    x: &[Row<N::In>],
    y: &[C::Target],
    gradient: &mut N,
) -> Elem<N> {
    let samples = y.len();
    let mut sum = CompensatedSum::<Elem<N>>::ZERO;
    for (shard, (x, y)) in x.chunks(B).zip(y.chunks(B)).enumerate() {
        buffers.set_inputs(x);
        let (buffers, gradient) = (&mut *buffers, &mut *gradient);
        let mode = mode_of_shard(mode, shard);
        let mean = dispatch::<N, _>(Gradient { net, loss, buffers, mode, y, samples, gradient });
        sum.add(mean * Elem::<N>::from_count(y.len()));
    }
    sum.total() / Elem::<N>::from_count(samples)
}

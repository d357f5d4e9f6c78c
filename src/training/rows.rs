//! Predictions and gradients for any number of rows.

use super::{
    data::{check, finite_loss},
    sum::CompensatedSum,
    trainer::Gradient,
};
use crate::{
    error::Error,
    layers::{Elem, Layer, Mode, Row, dispatch},
    loss::Loss,
    network::{Buffers, Cache, Forward, Sequential},
    simd::{Element, Zeroed},
};

/// Any number of rows, in batches of `B`.
impl<L: Layer> Sequential<L> {
    /// The prediction for each row, in inference mode.
    ///
    /// ```
    /// use constnet::{Cache, Linear, Zeroed, sequential};
    ///
    /// let net = sequential![Linear::new([[2.0]], [1.0])];
    /// let mut y = [[0.0]; 3];
    /// net.predict_into(&[[1.0], [2.0], [3.0]], &mut y, &mut Cache::<_, 2>::ZERO)?;
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
        let (given, expected) = (y.len(), x.len());
        if given != expected {
            return Err(Error::Length { name: "outputs", given, expected });
        }
        predict(self, x, y, &mut cache.buffers);
        Ok(())
    }

    /// The mean loss of any number of rows. **Adds** the gradient of that mean to `gradient`. The pass is one of inference:
    /// [`Dropout`](crate::Dropout) drops nothing.
    ///
    /// On all cores: [`Workers::gradient`](crate::parallel::Workers::gradient), with the feature `rayon`.
    ///
    /// ```
    /// use constnet::{Cache, Linear, Mse, Sequential, Zeroed, sequential};
    ///
    /// let net = sequential![Linear::new([[2.0]], [0.0])];
    /// let mut gradient = Sequential::ZERO;
    /// let (x, y) = ([[1.0], [2.0], [3.0]], [[0.0]; 3]);
    /// let loss = net.gradient(&Mse, &x, &y, &mut gradient, &mut Cache::<_, 2>::ZERO)?;
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
        check::<Self, C>(loss, x, y)?;
        finite_loss(add_gradient(self, loss, &mut cache.buffers, x, y, gradient), self)
    }
}

/// The predictions for as many rows.
fn predict<N: Layer, const B: usize>(
    net: &N,
    x: &[Row<N::In>],
    y: &mut [Row<N::Out>],
    buffers: &mut Buffers<N, B>,
) {
    for (x, y) in x.chunks(B).zip(y.chunks_mut(B)) {
        for (input, x) in buffers.input_mut().iter_mut().zip(x) {
            *input = *x;
        }
        let Buffers { layers, output, .. } = buffers;
        dispatch::<N, _>(Forward { net, layers, output, mode: &Mode::Eval });
        for (y, output) in y.iter_mut().zip(output) {
            *y = *output;
        }
    }
}

/// The mean loss of data that have been checked; adds its gradient.
pub(crate) fn add_gradient<N: Layer, C: Loss<N::Out>, const B: usize>(
    net: &N,
    loss: &C,
    buffers: &mut Buffers<N, B>,
    x: &[Row<N::In>],
    y: &[C::Target],
    gradient: &mut N,
) -> Elem<N> {
    let (samples, mode) = (y.len(), Mode::Eval);
    let mut sum = CompensatedSum::<Elem<N>>::ZERO;
    for (x, y) in x.chunks(B).zip(y.chunks(B)) {
        for (input, x) in buffers.input_mut().iter_mut().zip(x) {
            *input = *x;
        }
        let (buffers, gradient) = (&mut *buffers, &mut *gradient);
        let mean = dispatch::<N, _>(Gradient { net, loss, buffers, mode, y, samples, gradient });
        sum.add(mean * Elem::<N>::from_count(y.len()));
    }
    sum.total() / Elem::<N>::from_count(samples)
}

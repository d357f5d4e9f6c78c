//! The targets of a batch: gathered in an array, or read one by one where the user stores them.

use core::{ops::Range, slice::from_ref};

use super::step::{loss_and_gradient, scale_of};
use crate::{
    layers::{Elem, Layer, Row},
    loss::Loss,
    simd::{Element, Simd, Zeroed},
};

/// The targets of a batch of at most `B` samples.
pub(crate) trait Targets<Y> {
    /// The number of samples.
    fn len(&self) -> usize;

    /// The loss of the first predictions. Overwrites the predictions with its gradient: see
    /// [`loss_and_gradient`].
    fn loss_and_gradient<S: Simd<Elem<N>>, N: Layer, C: Loss<N::Out, Target = Y>, const B: usize>(
        self,
        token: S,
        loss: &C,
        output: &mut [Row<N::Out>; B],
        samples: usize,
    ) -> Elem<N>;

    /// The loss of the first predictions.
    fn loss<S: Simd<Elem<N>>, N: Layer, C: Loss<N::Out, Target = Y>>(
        self,
        token: S,
        loss: &C,
        output: &[Row<N::Out>],
    ) -> Elem<N>;
}

impl<Y> Targets<Y> for &[Y] {
    #[inline(always)]
    fn len(&self) -> usize {
        (**self).len()
    }

    #[inline(always)]
    fn loss_and_gradient<S: Simd<Elem<N>>, N: Layer, C: Loss<N::Out, Target = Y>, const B: usize>(
        self,
        token: S,
        loss: &C,
        output: &mut [Row<N::Out>; B],
        samples: usize,
    ) -> Elem<N> {
        loss_and_gradient::<S, N, C, B>(token, loss, output, self, scale_of::<N, B>(samples))
    }

    #[inline(always)]
    fn loss<S: Simd<Elem<N>>, N: Layer, C: Loss<N::Out, Target = Y>>(
        self,
        token: S,
        loss: &C,
        output: &[Row<N::Out>],
    ) -> Elem<N> {
        let (y_hat, _) = output.split_at(self.len().min(output.len()));
        loss.value(token, y_hat, self)
    }
}

/// The targets with these indices.
pub(crate) struct OneByOne<'a, Y, I> {
    y: &'a [Y],
    indices: I,
    len: usize,
}

impl<Y, I: Iterator<Item = usize>> Targets<Y> for OneByOne<'_, Y, I> {
    #[inline(always)]
    fn len(&self) -> usize {
        self.len
    }

    #[inline(always)]
    fn loss_and_gradient<S: Simd<Elem<N>>, N: Layer, C: Loss<N::Out, Target = Y>, const B: usize>(
        self,
        token: S,
        loss: &C,
        output: &mut [Row<N::Out>; B],
        samples: usize,
    ) -> Elem<N> {
        let (scale, mut sum) = (scale_of::<N, B>(samples), Elem::<N>::ZERO);
        let (y_hat, filled_up) = output.split_at_mut(self.len.min(B));
        let count = y_hat.len();
        for (y_hat, index) in y_hat.iter_mut().zip(self.indices) {
            let target = self.y.get(index).map_or(&[][..], from_ref);
            let y_hat = core::array::from_mut(y_hat);
            sum = sum + loss_and_gradient::<S, N, C, 1>(token, loss, y_hat, target, scale);
        }
        for unused in filled_up {
            *unused = Zeroed::ZERO;
        }
        sum / Elem::<N>::from_count(count)
    }

    #[inline(always)]
    fn loss<S: Simd<Elem<N>>, N: Layer, C: Loss<N::Out, Target = Y>>(
        self,
        token: S,
        loss: &C,
        output: &[Row<N::Out>],
    ) -> Elem<N> {
        let mut sum = Elem::<N>::ZERO;
        for (y_hat, index) in output.iter().zip(self.indices.take(self.len)) {
            sum = sum + loss.value(token, from_ref(y_hat), self.y.get(index).map_or(&[][..], from_ref));
        }
        sum / Elem::<N>::from_count(self.len)
    }
}

/// Whether the targets of a batch are copied to the stack: those of up to 4096 bytes are. Larger ones are read in
/// place, and the loss is computed sample by sample: unless `B` is large, one target is then long enough to fill SIMD
/// vectors.
pub(crate) const fn are_copied<Y, const B: usize>() -> bool {
    size_of::<[Y; B]>() <= 4096
}

/// The targets of a whole batch, in their order.
pub(crate) fn one_by_one<Y>(y: &[Y]) -> OneByOne<'_, Y, Range<usize>> {
    OneByOne { y, indices: 0..y.len(), len: y.len() }
}

/// Copies the inputs of the next `len` samples into a batch, as [`gather`](super::data::gather) does, but leaves the
/// targets where they are.
#[inline(always)]
pub(crate) fn gather_inputs<'a, X: Copy, Y, I: Iterator<Item = usize> + Clone, const B: usize>(
    inputs: &mut [X; B],
    x: &[X],
    y: &'a [Y],
    indices: &mut I,
    len: usize,
) -> OneByOne<'a, Y, I> {
    let targets = OneByOne { y, indices: indices.clone(), len };
    let mut index = 0;
    for (n, input) in inputs.iter_mut().enumerate() {
        // No index beyond the batch is used up: the next batch starts there.
        if n < len {
            index = indices.next().unwrap_or(index);
        }
        if let Some(x) = x.get(index) {
            *input = *x;
        }
    }
    targets
}

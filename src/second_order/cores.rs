//! How the passes over the rows of a data set are computed: on one core, or on all.

use super::{
    least_squares::LeastSquares,
    passes::{BATCH, jacobian_rows},
    workspace::Workspace,
};
use crate::{
    layers::{Elem, Layer, Mode, Row, Shape, zero},
    linalg::stride,
    loss::Loss,
    network::Buffers,
    training::{add_gradient, mean_loss},
};

/// The passes of a run, in batches of `B` samples.
pub(super) trait Cores<N: Layer, C: Loss<N::Out>, const B: usize> {
    /// The mean loss.
    fn mean_loss(
        &mut self,
        net: &N,
        loss: &C,
        buffers: &mut Buffers<N, B>,
        x: &[Row<N::In>],
        y: &[C::Target],
    ) -> Elem<N>;

    /// The mean loss. Overwrites `gradient` with its gradient.
    fn gradient(
        &mut self,
        net: &N,
        loss: &C,
        buffers: &mut Buffers<N, B>,
        x: &[Row<N::In>],
        y: &[C::Target],
        gradient: &mut N,
    ) -> Elem<N>;
}

/// The passes of a run that needs Jacobian matrices.
pub(super) trait Jacobians<N: Layer, C: LeastSquares<N::Out>>: Cores<N, C, BATCH> {
    /// The Jacobian matrix and the residuals of all samples.
    fn jacobian(
        &mut self,
        net: &N,
        buffers: &mut Buffers<N, BATCH>,
        x: &[Row<N::In>],
        y: &[C::Target],
        workspace: &mut Workspace<'_, Elem<N>>,
    );
}

/// A run computes all passes on one core, in the memory of its method.
#[derive(Clone, Copy, Debug, Default)]
pub struct OneCore;

impl<N: Layer, C: Loss<N::Out>, const B: usize> Cores<N, C, B> for OneCore {
    fn mean_loss(
        &mut self,
        net: &N,
        loss: &C,
        buffers: &mut Buffers<N, B>,
        x: &[Row<N::In>],
        y: &[C::Target],
    ) -> Elem<N> {
        mean_loss(net, loss, buffers, x, y)
    }

    fn gradient(
        &mut self,
        net: &N,
        loss: &C,
        buffers: &mut Buffers<N, B>,
        x: &[Row<N::In>],
        y: &[C::Target],
        gradient: &mut N,
    ) -> Elem<N> {
        zero(gradient);
        add_gradient(net, loss, buffers, Mode::Eval, x, y, gradient)
    }
}

impl<N: Layer, C: LeastSquares<N::Out>> Jacobians<N, C> for OneCore {
    fn jacobian(
        &mut self,
        net: &N,
        buffers: &mut Buffers<N, BATCH>,
        x: &[Row<N::In>],
        y: &[C::Target],
        workspace: &mut Workspace<'_, Elem<N>>,
    ) {
        let stride = stride(N::PARAMS);
        workspace.clear();
        let mut filled = 0;
        for (output, x, y) in batches::<N, C>(x, y) {
            if (filled + y.len()) * stride > workspace.rows.len() {
                workspace.add_rows(filled);
                filled = 0;
            }
            let rows = workspace.rows.get_mut(filled * stride..).unwrap_or_default();
            jacobian_rows::<N, C>(net, buffers, x, y, output, rows);
            filled += y.len();
        }
        workspace.add_rows(filled);
    }
}

/// The batches in which the rows of a Jacobian matrix are computed: an output, and some samples.
pub(super) fn batches<'a, N: Layer, C: Loss<N::Out>>(
    x: &'a [Row<N::In>],
    y: &'a [C::Target],
) -> impl Iterator<Item = (usize, &'a [Row<N::In>], &'a [C::Target])> {
    (0..N::Out::LEN)
        .flat_map(move |output| x.chunks(BATCH).zip(y.chunks(BATCH)).map(move |(x, y)| (output, x, y)))
}

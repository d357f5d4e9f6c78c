//! The passes over the rows on all cores.

use core::fmt;
use std::vec::Vec;

use bytemuck::Zeroable;
use rayon::prelude::*;

use super::{
    cores::{Cores, Jacobians, OneCore, batches},
    least_squares::LeastSquares,
    passes::{BATCH, jacobian_rows},
    run::Run,
    workspace::{ROWS, Workspace},
};
use crate::{
    layers::{Elem, Layer, LayerTypes, Row, Shape},
    linalg::{add_gram_rows, stride},
    loss::Loss,
    network::{Buffers, Cache, copy},
    simd::Zeroed,
    training::{batch_losses, mean_of, parallel::Workers},
};

/// A run computes its passes on all cores: on the threads of the rayon pool in which `run` is called, by default the
/// global pool. The gradients, the losses and the rows are allocated when a pass first needs them, and freed with the
/// run. Each pass allocates the caches and the lists of its tasks, and frees them at its end.
pub struct AllCores<N: LayerTypes, const B: usize> {
    workers: Workers<N, B>,
    /// The sum of the losses of each batch.
    losses: Vec<Elem<N>>,
    /// Rows of a Jacobian matrix, each followed by its residual.
    rows: Vec<Elem<N>>,
}

/// The multiply-adds of a task: as many as one thread computes in the time in which another is woken.
const PER_TASK: usize = 1 << 17;

/// The batches of `B` samples whose forward pass is a task.
const fn batches_per_task<N: Layer, const B: usize>() -> usize {
    let batches = PER_TASK / (N::PARAMS + 1) / B;
    if batches > 0 { batches } else { 1 }
}

/// The multiply-adds from which on the product of a Jacobian matrix is computed on all cores.
const LARGE_PRODUCT: usize = 1 << 21;

/// The blocks of [`ROWS`] rows that are computed before their products are added to the matrix.
const BLOCKS: usize = 16;

/// The smallest number of rows of the matrix whose products a thread computes: a multiple of the rows of every tile.
const HEIGHT: usize = 16;

impl<'a, Method, N: Layer, C: Loss<N::Out>> Run<'a, Method, N, C> {
    /// The same run on all cores.
    pub(super) fn on_all_cores<const B: usize>(self) -> Run<'a, Method, N, C, AllCores<N, B>> {
        let Self { method, net, loss, training, validation, cores: OneCore } = self;
        let cores = AllCores { workers: Workers::new(), losses: Vec::new(), rows: Vec::new() };
        Run { method, net, loss, training, validation, cores }
    }
}

impl<N, C, const B: usize> Cores<N, C, B> for AllCores<N, B>
where
    N: Layer + Zeroable + Send + Sync,
    C: Loss<N::Out, Target: Sync> + Sync,
    Cache<N, B>: Zeroable + Send,
{
    fn mean_loss(
        &mut self,
        net: &N,
        loss: &C,
        buffers: &mut Buffers<N, B>,
        x: &[Row<N::In>],
        y: &[C::Target],
    ) -> Elem<N> {
        let per_task = batches_per_task::<N, B>();
        if x.len() <= per_task * B {
            return OneCore.mean_loss(net, loss, buffers, x, y);
        }
        self.losses.resize(x.len().div_ceil(B), Elem::<N>::ZERO);
        let rows = x.par_chunks(per_task * B).zip(y.par_chunks(per_task * B));
        let tasks = self.losses.par_chunks_mut(per_task).zip(rows);
        tasks.for_each_init(Cache::<N, B>::boxed, |cache, (sums, (x, y))| {
            let losses = batch_losses(net, loss, &mut cache.buffers, x, y);
            sums.iter_mut().zip(losses).for_each(|(sum, loss)| *sum = loss);
        });
        mean_of(self.losses.iter().copied(), x.len())
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
        // So that a task takes much longer than to clear its gradient and to add it to another.
        let per_task = batches_per_task::<N, B>().max(4);
        if x.len() <= per_task * B {
            return OneCore.gradient(net, loss, buffers, x, y, gradient);
        }
        let value = self.workers.gradient_in_units(net, loss, x, y, per_task);
        if let Some(sum) = self.workers.sum() {
            copy(gradient, sum);
        }
        value
    }
}

impl<N, C> Jacobians<N, C> for AllCores<N, BATCH>
where
    N: Layer + Zeroable + Send + Sync,
    C: LeastSquares<N::Out, Target: Sync> + Sync,
    Cache<N, BATCH>: Zeroable + Send,
{
    fn jacobian(
        &mut self,
        net: &N,
        buffers: &mut Buffers<N, BATCH>,
        x: &[Row<N::In>],
        y: &[C::Target],
        workspace: &mut Workspace<'_, Elem<N>>,
    ) {
        let stride = stride(N::PARAMS);
        let residuals = y.len().saturating_mul(N::Out::LEN);
        if residuals.saturating_mul(stride * stride) / 2 < LARGE_PRODUCT {
            return Jacobians::<N, C>::jacobian(&mut OneCore, net, buffers, x, y, workspace);
        }
        workspace.clear();
        // The same blocks as on one core, so that the sums are rounded in the same way.
        let mut blocks = Vec::from([Block::<N, C>::default()]);
        for batch in batches::<N, C>(x, y) {
            let count = batch.2.len();
            match blocks.last_mut() {
                Some(block) if block.rows + count <= ROWS => {
                    block.rows += count;
                    block.batches.push(batch);
                }
                _ => blocks.push(Block { rows: count, batches: Vec::from([batch]) }),
            }
        }
        if workspace.holds_all_rows() {
            return fill_rows(net, &blocks, workspace.rows);
        }
        self.rows.resize(BLOCKS * ROWS * stride, Elem::<N>::ZERO);
        for blocks in blocks.chunks(BLOCKS) {
            fill_rows(net, blocks, &mut self.rows);
            add_products(workspace.matrix_mut(), &self.rows, blocks);
        }
    }
}

/// Some rows of a Jacobian matrix whose product is added to the matrix at once.
struct Block<'a, N: Layer, C: Loss<N::Out>> {
    rows: usize,
    batches: Vec<(usize, &'a [Row<N::In>], &'a [C::Target])>,
}

impl<N: Layer, C: Loss<N::Out>> Default for Block<'_, N, C> {
    fn default() -> Self {
        Self { rows: 0, batches: Vec::new() }
    }
}

/// Computes the rows of some blocks, one after the other.
fn fill_rows<N, C>(net: &N, blocks: &[Block<N, C>], mut rows: &mut [Elem<N>])
where
    N: Layer + Sync,
    C: LeastSquares<N::Out, Target: Sync>,
    Cache<N, BATCH>: Zeroable + Send,
{
    let stride = stride(N::PARAMS);
    let batches = blocks.iter().flat_map(|block| &block.batches);
    let tasks: Vec<_> = batches
        .map(|(output, x, y)| {
            let (first, rest) = core::mem::take(&mut rows).split_at_mut(y.len() * stride);
            rows = rest;
            (*output, *x, *y, first)
        })
        .collect();
    let per_task = (PER_TASK / (4 * BATCH * stride)).max(1);
    tasks.into_par_iter().with_min_len(per_task).for_each_init(
        Cache::<N, BATCH>::boxed,
        |cache, (output, x, y, rows)| {
            jacobian_rows::<N, C>(net, &mut cache.buffers, x, y, output, rows);
        },
    );
}

/// `C ← C + AᵀA`, for the matrix `C` of a network's parameters: block by block of the rows of `A`, some rows of `C` on each thread.
fn add_products<N, C>(matrix: &mut [Elem<N>], rows: &[Elem<N>], blocks: &[Block<N, C>])
where
    N: Layer,
    C: Loss<N::Out, Target: Sync>,
{
    let (size, stride) = (N::PARAMS, stride(N::PARAMS));
    // Thin enough that the threads get equal work, thick enough that the rows of `A` are not loaded too often.
    let height = (size / 32).next_multiple_of(HEIGHT).max(HEIGHT);
    let parts = matrix.par_chunks_mut(height * stride).take(size.div_ceil(height)).enumerate();
    parts.for_each(|(index, c)| {
        let (first, mut rest) = (index * height, rows);
        for block in blocks {
            let (rows, after) = rest.split_at(block.rows * stride);
            add_gram_rows(c, rows, size, first, size.min(first + height));
            rest = after;
        }
    });
}

impl<N: LayerTypes, const B: usize> fmt::Debug for AllCores<N, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AllCores")
    }
}

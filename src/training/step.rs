//! The passes of a training step and of an evaluation, each compiled for every instruction set.

use num_traits::Float;

use super::{sum::CompensatedSum, targets::Targets, trainer::Trainer};
use crate::{
    layers::{
        Context, Elem, FiniteCheck, InputGrad, Layer, Mode, NoInputGrad, OutputActivation, Row, Shape,
        UpdateRule, apply_grad, dispatch,
    },
    loss::Loss,
    network::{Buffers, Forward},
    optim::{GradientStore, Optimizer},
    simd::{Element, Kernel, Simd, Zeroed},
};

/// A whole step on the first `y.len()` inputs in the buffers.
pub(super) struct Step<'a, N: Layer, Opt: Optimizer<Elem<N>>, const B: usize, C, Y> {
    pub(super) trainer: &'a mut Trainer<N, Opt, B, C>,
    pub(super) y: Y,
}

impl<N: Layer, Opt: Optimizer<Elem<N>>, const B: usize, C: Loss<N::Out>, Y: Targets<C::Target>>
    Kernel<Elem<N>> for Step<'_, N, Opt, B, C, Y>
{
    type Output = Elem<N>;

    #[inline(always)]
    fn run<S: Simd<Elem<N>>>(self, token: S) -> Elem<N> {
        let mode = self.trainer.training_mode();
        let Trainer { net, optimizer, loss, state, buffers, .. } = self.trainer;

        let samples = self.y.len();
        let value = forward_and_loss(token, net, loss, buffers, mode, self.y, samples);
        if !value.is_finite() && optimizer.rule(1, Elem::<N>::ZERO).finite_check() != FiniteCheck::Never {
            return value;
        }
        let Buffers { layers, output, scratch } = buffers;
        let ctx = Context::new(token, mode);
        let workspace = (layers, scratch);
        let finite =
            Opt::GradientStore::backward_update(ctx, net, workspace, output, NoInputGrad, optimizer, state);
        if finite { value } else { Elem::<N>::nan() }
    }
}

/// The forward pass on the inputs in the buffers, and the loss of the first `y.len()` predictions.
/// Overwrites the output with the gradient of the loss, averaged over `samples` samples, with respect to the input
/// of the network's last activation, or to the output if there is none.
#[inline(always)]
fn forward_and_loss<S: Simd<Elem<N>>, N: Layer, C: Loss<N::Out>, const B: usize>(
    token: S,
    net: &N,
    loss: &C,
    buffers: &mut Buffers<N, B>,
    mode: Mode,
    y: impl Targets<C::Target>,
    samples: usize,
) -> Elem<N> {
    let Buffers { layers, output, .. } = buffers;
    Forward { net, layers, output, mode: &mode }.run(token);
    y.loss_and_gradient::<S, N, C, B>(token, loss, output, samples)
}

/// The factor of a gradient that is averaged over `samples` samples: the layers average over `B`.
#[inline(always)]
pub(super) fn scale_of<N: Layer, const B: usize>(samples: usize) -> Option<Elem<N>> {
    (samples != B).then(|| Elem::<N>::from_count(B) / Elem::<N>::from_count(samples))
}

/// The loss of the first `y.len()` predictions. Overwrites them with the gradient of the loss, times `scale`, with respect
/// to the input of the network's last activation, or to the output if there is none. With a `scale`, the others
/// become 0.
#[inline(always)]
pub(super) fn loss_and_gradient<S: Simd<Elem<N>>, N: Layer, C: Loss<N::Out>, const B: usize>(
    token: S,
    loss: &C,
    output: &mut [Row<N::Out>; B],
    y: &[C::Target],
    scale: Option<Elem<N>>,
) -> Elem<N> {
    let mut a = *output;
    let (y_hat, filled_up) = output.split_at_mut(y.len().min(B));
    let value = loss.value_and_gradient(token, y_hat, y);
    if let Some(scale) = scale {
        for dy in N::Out::flatten_mut(y_hat) {
            *dy = *dy * scale;
        }
        N::Out::flatten_mut(filled_up).fill(Elem::<N>::ZERO);
    }
    through_activation::<N, S, _, B>(token, OutputActivation::<N>::default(), &mut a, output);
    value
}

/// Multiplies `dy` by the derivative of the network's last activation, if there is one, given its output `a`.
#[inline(always)]
fn through_activation<N: Layer, S: Simd<Elem<N>>, G: InputGrad<Elem<N>>, const B: usize>(
    token: S,
    activation: G,
    a: &mut [Row<N::Out>; B],
    dy: &mut [Row<N::Out>; B],
) {
    if !G::IS_IDENTITY {
        apply_grad(token, activation, N::Out::flatten_mut(a), N::Out::flatten(dy));
        *dy = *a;
    }
}

/// The loss of the first `y.len()` inputs in the buffers. Its gradient, as part of the mean over `samples`
/// samples, is added to `gradient`.
pub(super) struct Gradient<'a, N: Layer, C, Y, const B: usize> {
    pub(super) net: &'a N,
    pub(super) loss: &'a C,
    pub(super) buffers: &'a mut Buffers<N, B>,
    pub(super) mode: Mode,
    pub(super) y: Y,
    pub(super) samples: usize,
    pub(super) gradient: &'a mut N,
}

impl<N: Layer, C: Loss<N::Out>, Y: Targets<C::Target>, const B: usize> Kernel<Elem<N>>
    for Gradient<'_, N, C, Y, B>
{
    type Output = Elem<N>;

    #[inline(always)]
    fn run<S: Simd<Elem<N>>>(self, token: S) -> Elem<N> {
        let Self { net, loss, buffers, mode, y, samples, gradient } = self;
        let value = forward_and_loss(token, net, loss, buffers, mode, y, samples);
        if value.is_finite() {
            let Buffers { layers, output, scratch } = buffers;
            net.backward(Context::new(token, mode), layers, scratch, output, NoInputGrad, gradient);
        }
        value
    }
}

/// The loss of the first `y.len()` inputs in the buffers.
pub(super) struct Evaluate<'a, N: Layer, C, Y, const B: usize> {
    pub(super) net: &'a N,
    pub(super) loss: &'a C,
    pub(super) buffers: &'a mut Buffers<N, B>,
    pub(super) y: Y,
}

impl<N: Layer, C: Loss<N::Out>, Y: Targets<C::Target>, const B: usize> Kernel<Elem<N>>
    for Evaluate<'_, N, C, Y, B>
{
    type Output = Elem<N>;

    #[inline(always)]
    fn run<S: Simd<Elem<N>>>(self, token: S) -> Elem<N> {
        let Self { net, loss, buffers: Buffers { layers, output, .. }, y } = self;
        Forward { net, layers, output, mode: &Mode::Eval }.run(token);
        y.loss::<S, N, C>(token, loss, output.as_slice())
    }
}

/// The mean loss over a data set that has been checked, in inference mode.
pub(crate) fn mean_loss<N: Layer, C: Loss<N::Out>, const B: usize>(
    net: &N,
    loss: &C,
    buffers: &mut Buffers<N, B>,
    x: &[Row<N::In>],
    y: &[C::Target],
) -> Elem<N> {
    mean_of(batch_losses(net, loss, buffers, x, y), x.len())
}

/// The mean loss of as many samples, given the sums of the losses of each batch.
pub(crate) fn mean_of<T: Element>(sums: impl Iterator<Item = T>, samples: usize) -> T {
    let mut total = CompensatedSum::<T>::ZERO;
    sums.for_each(|sum| total.add(sum));
    total.total() / T::from_count(samples)
}

/// The sum of the losses of each batch.
pub(crate) fn batch_losses<N: Layer, C: Loss<N::Out>, const B: usize>(
    net: &N,
    loss: &C,
    buffers: &mut Buffers<N, B>,
    x: &[Row<N::In>],
    y: &[C::Target],
) -> impl Iterator<Item = Elem<N>> {
    x.chunks(B).zip(y.chunks(B)).map(move |(x, y)| {
        buffers.set_inputs(x);
        let mean = dispatch::<N, _>(Evaluate { net, loss, buffers: &mut *buffers, y });
        mean * Elem::<N>::from_count(y.len())
    })
}

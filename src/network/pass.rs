//! A pass over a network: the memory it uses, its forward and its backward half.

use core::fmt;

use crate::{
    layers::{
        Context, Elem, HasGradient, InputActivation, InputGrad, Layer, LayerTypes, Mode, NoActivation,
        NoInputGrad, OutputActivation, Row, Shape, apply, apply_grad, dispatch,
    },
    simd::{Kernel, Simd, Zeroed},
};

/// What a network keeps of a batch of `B` samples from the forward pass to the backward pass, and scratch space
/// for the backward pass.
///
/// It is a value of known size, to be made once and used again and again: on the stack, in a `static`, in a
/// box. A new cache, [`ZERO`](Zeroed::ZERO), is in inference mode.
#[cfg_attr(
    feature = "alloc",
    derive(bytemuck::Zeroable),
    zeroable(
        bound = "N: LayerTypes, N::Cache<B>: bytemuck::Zeroable, Row<N::Out>: bytemuck::Zeroable, N::Scratch: bytemuck::Zeroable"
    )
)]
pub struct Cache<N: LayerTypes, const B: usize> {
    pub(crate) buffers: Buffers<N, B>,
    pub(crate) mode: Mode,
}

/// A [`Cache`] without its mode, for a trainer, which computes the mode of each pass.
///
/// In a trainer, the mode would take memory, and move the weights to an address that costs a Cortex-M 5 % more
/// instructions.
#[cfg_attr(
    feature = "alloc",
    derive(bytemuck::Zeroable),
    zeroable(
        bound = "N: LayerTypes, N::Cache<B>: bytemuck::Zeroable, Row<N::Out>: bytemuck::Zeroable, N::Scratch: bytemuck::Zeroable"
    )
)]
pub(crate) struct Buffers<N: LayerTypes, const B: usize> {
    pub(crate) layers: N::Cache<B>,
    pub(crate) output: [Row<N::Out>; B],
    pub(crate) scratch: N::Scratch,
}

impl<N: Layer, const B: usize> Buffers<N, B> {
    /// The place where the network reads its input.
    #[inline(always)]
    pub(crate) fn input_mut(&mut self) -> &mut [Row<N::In>; B] {
        N::input_buffer(&mut self.layers, &mut self.output)
    }

    /// Copies the inputs. If they are fewer than a batch, the last one fills it up: what was there before may give
    /// numbers that are not finite, and in a gradient `0 · ∞` is NaN.
    #[inline(always)]
    pub(crate) fn set_inputs(&mut self, x: &[Row<N::In>]) {
        let Some(last) = x.last() else { return };
        let mut x = x.iter();
        for input in self.input_mut() {
            *input = *x.next().unwrap_or(last);
        }
    }
}

impl<N: LayerTypes, const B: usize> Zeroed for Buffers<N, B> {
    const ZERO: Self = Self { layers: Zeroed::ZERO, output: Zeroed::ZERO, scratch: Zeroed::ZERO };
}

impl<N: LayerTypes, const B: usize> Cache<N, B> {
    /// Makes the following passes training passes: PyTorch's `model.train()`: [`Dropout`](crate::Dropout)
    /// drops features. The masks depend on the seed and on the number of passes since this call.
    pub const fn train(&mut self, seed: u32) {
        self.mode = Mode::Train { seed, pass: 0 };
    }

    /// Makes the following passes inference: PyTorch's `model.eval()`.
    pub const fn eval(&mut self) {
        self.mode = Mode::Eval;
    }

    /// Counts a training pass. Without random layers the count makes no difference.
    #[inline(always)]
    pub(super) const fn count_pass(&mut self)
    where
        N: Layer,
    {
        if N::IS_RANDOM
            && let Mode::Train { pass, .. } = &mut self.mode
        {
            *pass = pass.wrapping_add(1);
        }
    }
}

impl<N: LayerTypes, const B: usize> Zeroed for Cache<N, B> {
    const ZERO: Self = Self { buffers: Zeroed::ZERO, mode: Mode::Eval };
}

impl<N: LayerTypes, const B: usize> fmt::Debug for Cache<N, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("mode", &self.mode)
            .field("output", &self.buffers.output)
            .finish_non_exhaustive()
    }
}

/// A finished forward pass: its output, and the backward pass that may follow.
#[must_use = "a forward pass has an output"]
pub struct Pass<'a, N: LayerTypes, const B: usize> {
    pub(super) net: &'a N,
    pub(super) cache: &'a mut Cache<N, B>,
}

impl<'a, N: Layer, const B: usize> Pass<'a, N, B> {
    /// The predictions.
    #[must_use]
    pub fn output(&self) -> &[Row<N::Out>; B] {
        &self.cache.buffers.output
    }

    /// Given `dy`, the gradient of each sample with respect to the output, **adds** the gradient of every
    /// parameter, averaged over the batch, to `gradient`: PyTorch's `loss.backward()`, which adds too. The
    /// notebook's `mlp_backward` overwrites.
    pub fn backward(self, dy: &[Row<N::Out>; B], gradient: &mut N) {
        let Self { net, cache } = self;
        dispatch::<N, _>(Backward { net, cache, dy, input_grad: NoInputGrad, gradient });
    }

    /// The same, and returns the gradient of each sample with respect to the input.
    ///
    /// A network that starts with a [`Frozen`](crate::Frozen) network or a [`Standardize`](crate::Standardize) layer
    /// has no such gradient: the compiler refuses it.
    pub fn backward_to_input(self, dy: &[Row<N::Out>; B], gradient: &mut N) -> &'a [Row<N::In>; B]
    where
        N::In: HasGradient,
    {
        let Self { net, cache } = self;
        dispatch::<N, _>(Backward { net, cache: &mut *cache, dy, input_grad: NoActivation, gradient });
        cache.buffers.input_mut()
    }
}

impl<N: Layer, const B: usize> fmt::Debug for Pass<'_, N, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pass").field("output", self.output()).finish_non_exhaustive()
    }
}

/// The forward pass of a network. Its input is already in the cache of the layers.
pub(crate) struct Forward<'a, N: Layer, const B: usize> {
    pub(crate) net: &'a N,
    pub(crate) layers: &'a mut N::Cache<B>,
    pub(crate) output: &'a mut [Row<N::Out>; B],
    // By reference, so that all fields are passed in registers: by value it cost 3 % of a small inference.
    pub(crate) mode: &'a Mode,
}

impl<N: Layer, const B: usize> Kernel<Elem<N>> for Forward<'_, N, B> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<Elem<N>>>(self, token: S) {
        let Self { net, layers, output, mode } = self;
        apply(token, InputActivation::<N>::default(), N::In::flatten_mut(N::input_buffer(layers, output)));
        net.forward(Context::new(token, *mode), layers, output, NoActivation);
    }
}

/// The prediction for one sample. Its cache starts as zeros, which the instructions of the kernel write faster than a
/// call of `memset`.
pub(crate) struct Predict<'a, N: Layer> {
    pub(crate) net: &'a N,
    pub(crate) x: &'a Row<N::In>,
}

impl<N: Layer> Kernel<Elem<N>> for Predict<'_, N> {
    type Output = Row<N::Out>;

    #[inline(always)]
    fn run<S: Simd<Elem<N>>>(self, token: S) -> Row<N::Out> {
        let (mut layers, mut output) = (N::Cache::<1>::ZERO, [Row::<N::Out>::ZERO]);
        *N::input_buffer(&mut layers, &mut output) = [*self.x];
        Forward { net: self.net, layers: &mut layers, output: &mut output, mode: &Mode::Eval }.run(token);
        output[0]
    }
}

/// The backward pass of a network.
struct Backward<'a, N: Layer, G, const B: usize> {
    net: &'a N,
    cache: &'a mut Cache<N, B>,
    dy: &'a [Row<N::Out>; B],
    input_grad: G,
    gradient: &'a mut N,
}

impl<N: Layer, G: InputGrad<Elem<N>>, const B: usize> Kernel<Elem<N>> for Backward<'_, N, G, B> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<Elem<N>>>(self, token: S) {
        let Self { net, cache, dy, input_grad, gradient } = self;
        let Cache { buffers: Buffers { layers, output, scratch }, mode } = cache;
        apply_grad(token, OutputActivation::<N>::default(), N::Out::flatten_mut(output), N::Out::flatten(dy));
        net.backward(Context::new(token, *mode), layers, scratch, output, input_grad, gradient);
    }
}

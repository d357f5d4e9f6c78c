//! Residual connections.
//!
//! | quantity | shape | rule |
//! |---|---|---|
//! | `x` | `(B, N)` | the input, cached for the derivative of the previous activation |
//! | `f(x)` | `(B, N)` | the output of the body, cached with the body's own cache |
//! | `y` | `(B, N)` | `y = x + f(x)` |
//! | `dx` | `(B, N)` | `dx = dy + dx_f`, with the gradient `dx_f` that the body's backward pass computes from `dy` |

use core::{
    fmt,
    ops::{Add, Mul},
};

use rand::Rng;
use typenum::{Prod, Sum, U2, Unsigned};

use super::{
    CacheSize, Context, Cost, Elem, Epilogue, Features, Initializer, InputActivation, InputGrad, Layer,
    LayerTypes, NoActivation, OutputActivation, ParamCount, Parameter, ParameterMut, Printer, Probabilities,
    Row, SampleGradients, Shape, Slots, SlotsOf, Unfused, UpdateRule, apply, apply_grad, apply_tangent,
    impls::{compare_impls, last_layer},
};
use crate::simd::{Element, Simd, Zeroed, transform, transform2};

/// A residual (skip) connection around a body: `y = x + body(x)`.
///
/// | quantity | shape | rule |
/// |---|---|---|
/// | `x`, `y` | `(B, N)` | `y = x + body(x)` |
/// | `dx` | `(B, N)` | `dy`, plus the gradient that the body's backward pass computes from `dy` |
///
/// The body is any layer or network with as many outputs as inputs; the compiler refuses any other. The output has
/// the shape of the input, also if the body ends in a [`Softmax`](crate::Softmax): the sum is no probability.
///
/// PyTorch has no layer for it; there it is a line in the `forward` of a module. The layers of the body are
/// numbered as if they stood in the network themselves.
///
/// # Examples
///
/// ```
/// use constnet::{Linear, Relu, Residual, sequential};
///
/// let net = sequential![
///     Residual(sequential![Linear::new([[1.0, 0.0], [0.0, -1.0]], [0.0, 0.0]), Relu::new()]),
///     Linear::new([[1.0, 1.0]], [0.0]),
/// ];
/// // (2, 3) + (2, 0) = (4, 3)
/// assert_eq!(net.predict(&[2.0, 3.0]), [7.0]);
/// ```
///
/// A body that changes the width does not compile:
///
/// ```compile_fail,E0277
/// # use constnet::{Linear, Residual, Sequential, Zeroed};
/// let net: Sequential![Residual<Linear<5, 3>>, Linear<3, 1>] = Zeroed::ZERO;
/// net.predict(&[0.0; 5]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
pub struct Residual<L>(pub L);

/// The check of a [`Residual`]: its body takes `Input` and gives `Self`, and the two can be added.
///
/// Implemented for the same number of features of the same type only.
#[diagnostic::on_unimplemented(
    message = "the body of this `Residual` takes `{Input}`, but gives `{Self}`",
    label = "the output of the body is added to its input: both must have the same width"
)]
pub trait AddsTo<Input: Shape>: Shape {
    /// The shape of the sum: that of the input.
    type Sum: Shape<Elem = Input::Elem, Row = Input::Row>;
}

impl<const N: usize, T: Element> AddsTo<Self> for Features<N, T> {
    type Sum = Self;
}

impl<const N: usize, T: Element> AddsTo<Features<N, T>> for Probabilities<N, T> {
    type Sum = Features<N, T>;
}

/// The cache of a [`Residual`].
#[derive(Debug)]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
pub struct ResidualCache<X, Y, C> {
    input: X,
    body_output: Y,
    body: C,
}

impl<L: Layer> Residual<L>
where
    L::Out: AddsTo<L::In>,
{
    /// Overwrites the cached output of the body with the gradient that its backward pass takes: `dy`, multiplied
    /// by the derivative of the body's last activation, if it ends with one.
    #[inline(always)]
    fn into_body<S: Simd<Elem<L>>, const B: usize>(
        ctx: Context<S>,
        cache: &mut <Self as LayerTypes>::Cache<B>,
        dy: &[Row<L::In>; B],
    ) {
        let output = L::Out::flatten_mut(&mut cache.body_output);
        apply_grad(ctx.token, OutputActivation::<L>::default(), output, L::In::flatten(dy));
    }

    /// Overwrites the cached input with the sum of `dy` and the gradient that the body's backward pass has left in
    /// its input buffer. `input_grad` is applied to the sum.
    #[inline(always)]
    fn out_of_body<S: Simd<Elem<L>>, const B: usize>(
        ctx: Context<S>,
        cache: &mut <Self as LayerTypes>::Cache<B>,
        dy: &[Row<L::In>; B],
        input_grad: impl InputGrad<Elem<L>>,
    ) {
        let body_dx = L::In::flatten(L::input_buffer(&mut cache.body, &mut cache.body_output));
        transform2(
            ctx.token,
            L::In::flatten_mut(&mut cache.input),
            L::In::flatten(dy),
            body_dx,
            #[inline(always)]
            |a, dy, body_dx| input_grad.apply(a, dy + body_dx),
        );
    }
}

impl<L: Layer> LayerTypes for Residual<L>
where
    L::Out: AddsTo<L::In>,
{
    type In = L::In;
    // Not `L::In`: if the widths differ, there is no such shape, and so no second error about the next layer.
    type Out = <L::Out as AddsTo<L::In>>::Sum;
    type Cache<const B: usize> = ResidualCache<[Row<L::In>; B], [Row<L::Out>; B], L::Cache<B>>;
    type Scratch = L::Scratch;
    type Ends = Unfused<Self>;
}

impl<L: Layer> Layer for Residual<L>
where
    L::Out: AddsTo<L::In>,
{
    const PARAMS: usize = L::PARAMS;
    const LAYERS: usize = L::LAYERS;
    const IS_RANDOM: bool = L::IS_RANDOM;

    #[inline(always)]
    fn input_buffer<'a, const B: usize>(
        cache: &'a mut Self::Cache<B>,
        _: &'a mut [Row<L::In>; B],
    ) -> &'a mut [Row<L::In>; B] {
        &mut cache.input
    }

    #[inline(always)]
    fn forward<S: Simd<Elem<L>>, const B: usize>(
        &self,
        ctx: Context<S>,
        cache: &mut Self::Cache<B>,
        y: &mut [Row<L::In>; B],
        epilogue: impl Epilogue<Elem<L>>,
    ) {
        let ResidualCache { input, body_output, body } = cache;
        let body_input = L::input_buffer(body, body_output);
        *body_input = *input;
        apply(ctx.token, InputActivation::<L>::default(), L::In::flatten_mut(body_input));
        self.0.forward(ctx, body, body_output, NoActivation);
        *y = *input;
        transform(
            ctx.token,
            L::In::flatten_mut(y),
            L::Out::flatten(body_output),
            #[inline(always)]
            |x, body| epilogue.apply(x + body),
        );
    }

    #[inline(always)]
    fn backward<S: Simd<Elem<L>>, const B: usize>(
        &self,
        ctx: Context<S>,
        cache: &mut Self::Cache<B>,
        scratch: &mut L::Scratch,
        dy: &mut [Row<L::In>; B],
        input_grad: impl InputGrad<Elem<L>>,
        gradient: &mut Self,
    ) {
        Self::into_body(ctx, cache, dy);
        let ResidualCache { body, body_output, .. } = cache;
        self.0.backward(ctx, body, scratch, body_output, NoActivation, &mut gradient.0);
        Self::out_of_body(ctx, cache, dy, input_grad);
    }

    #[inline(always)]
    fn backward_update<S: Simd<Elem<L>>, R: UpdateRule<Elem<L>>, const B: usize>(
        &mut self,
        ctx: Context<S>,
        cache: &mut Self::Cache<B>,
        scratch: &mut L::Scratch,
        dy: &mut [Row<L::In>; B],
        input_grad: impl InputGrad<Elem<L>>,
        rule: R,
        state: SlotsOf<R, Elem<L>, &mut Self>,
    ) -> bool {
        Self::into_body(ctx, cache, dy);
        let ResidualCache { body, body_output, .. } = cache;
        let state = R::Slots::map(state, |s| &mut s.0);
        let updated = self.0.backward_update(ctx, body, scratch, body_output, NoActivation, rule, state);
        if updated {
            Self::out_of_body(ctx, cache, dy, input_grad);
        }
        updated
    }

    #[inline(always)]
    fn backward_samples<S: Simd<Elem<L>>, G: SampleGradients<Elem<L>>, const B: usize>(
        &self,
        ctx: Context<S>,
        cache: &mut Self::Cache<B>,
        scratch: &mut L::Scratch,
        dy: &mut [Row<L::In>; B],
        input_grad: impl InputGrad<Elem<L>>,
        gradients: &mut G,
        first: usize,
    ) {
        Self::into_body(ctx, cache, dy);
        let ResidualCache { body, body_output, .. } = cache;
        self.0.backward_samples(ctx, body, scratch, body_output, NoActivation, gradients, first);
        Self::out_of_body(ctx, cache, dy, input_grad);
    }

    #[inline(always)]
    fn forward_tangents<S: Simd<Elem<L>>, const B: usize>(
        &self,
        ctx: Context<S>,
        cache: &mut Self::Cache<B>,
        _: &mut [Row<L::In>; B],
        tangents: &mut Self::Cache<B>,
        dy: &mut [Row<L::In>; B],
    ) {
        let ResidualCache { input, body_output, body } = tangents;
        *L::input_buffer(body, body_output) = *input;
        self.0.forward_tangents(ctx, &mut cache.body, &mut cache.body_output, body, body_output);
        let (activation, output) = (OutputActivation::<L>::default(), L::Out::flatten(&cache.body_output));
        apply_tangent(ctx.token, activation, L::Out::flatten_mut(body_output), output);
        *dy = *input;
        transform(
            ctx.token,
            L::In::flatten_mut(dy),
            L::Out::flatten(body_output),
            #[inline(always)]
            |dx, body| dx + body,
        );
    }

    fn print(&self, printer: &mut Printer<'_, '_>) -> fmt::Result {
        printer.text(
            "  # residual, x + body(x):\n",
            "constnet::Residual<",
            "constnet::Residual(",
            "Residual<",
        )?;
        self.0.print(printer)?;
        printer.text("  # end of the body\n", ">", ")", ">")
    }

    fn tensors(&self) -> usize {
        self.0.tensors()
    }

    fn parameter(&self, index: usize) -> Option<Parameter<'_, Elem<L>>> {
        self.0.parameter(index)
    }

    fn parameter_mut(&mut self, index: usize) -> Option<ParameterMut<'_, Elem<L>>> {
        self.0.parameter_mut(index)
    }

    fn init<I: Initializer, R: Rng + ?Sized>(&mut self, initializer: &I, rng: &mut R) {
        self.0.init(initializer, rng);
    }
}

impl<X: Zeroed, Y: Zeroed, C: Zeroed> Zeroed for ResidualCache<X, Y, C> {
    const ZERO: Self = Self { input: X::ZERO, body_output: Y::ZERO, body: C::ZERO };
}

impl<L: Zeroed> Zeroed for Residual<L> {
    const ZERO: Self = Self(L::ZERO);
}

impl<L: ParamCount> ParamCount for Residual<L> {
    type Count = L::Count;
}

/// The input and the output of the body, besides the cache of the body.
impl<L: CacheSize> CacheSize for Residual<L>
where
    L::Output: Mul<U2>,
    L::Cached: Add<Prod<L::Output, U2>>,
    Sum<L::Cached, Prod<L::Output, U2>>: Unsigned,
{
    type Cached = Sum<L::Cached, Prod<L::Output, U2>>;
    type Output = L::Output;
}

/// The body always computes the gradient with respect to its input.
impl<L: Cost> Cost for Residual<L>
where
    Self: Layer,
{
    const FORWARD: usize = L::FORWARD;
    const WEIGHT_GRADIENT: usize = L::WEIGHT_GRADIENT;
    const HIDDEN_INPUT_GRADIENT: usize = L::HIDDEN_INPUT_GRADIENT + L::FIRST_INPUT_GRADIENT;
    const FIRST_INPUT_GRADIENT: usize = 0;
}

last_layer!(Residual<L>, L);
compare_impls!(Residual<L>, Elem<L>, L: PartialEq + Layer<Out: AddsTo<L::In>>);

//! The pair, by which layers are chained: a first layer, and the layers after it.
//!
//! The notebook keeps its layers in a list, and its `mlp_forward` and `mlp_backward` loop over it:
//!
//! ```python
//! for layer in layers:                       # forward
//!     x, cache = forward(x, layer)
//!     caches.append(cache)
//! for cache in reversed(caches):             # backward
//!     dout = backward(dout, cache)
//! ```
//!
//! Here the list is a type of nested pairs, `(A, (B, C))`, and each loop is a recursion over it, which the compiler
//! unrolls:
//!
//! ```text
//! forward  of (A, R):   A.forward    then  R.forward       from x to y
//! backward of (A, R):   R.backward   then  A.backward      from dy to dx
//! ```

use core::fmt;

use rand::Rng;

use super::{
    Accepts, CanFollow, Context, Elem, Epilogue, FirstLayer, If, Initializer, InputActivation, InputGrad,
    Joined, LastLayer, Layer, LayerTypes, NoActivation, OutputActivation, Parameter, ParameterMut, Printer,
    Row, SameElem, SampleGradients, Shape, Slots, SlotsOf, Unfused, UpdateRule, apply, apply_grad,
    apply_tangent,
};
use crate::simd::{Simd, Zeroed};

/// Chains a layer and the layers after it: what the macro [`sequential!`](crate::sequential) expands to.
///
/// If they do not fit, the result has no type (see [`If`]), and the compiler reports nothing else.
#[inline(always)]
pub const fn pair<A: Layer, R: Layer, Fits>(first: A, rest: R) -> (A, If<Fits, R>)
where
    R::In: Accepts<A::Out, Elem<A>, LastLayer<A>, FirstLayer<R>, Fits = Fits>,
{
    (first, rest)
}

/// The last layer of a chain. If it is not a layer, the result has no type, as in [`pair`].
#[inline(always)]
pub const fn last<L: Layer<In = In>, In: Shape>(layer: L) -> If<In, L> {
    layer
}

/// Rows that are stored between `A` and `R`, if both have an activation there.
type Between<A, R, const B: usize> =
    <InputActivation<R> as CanFollow<OutputActivation<A>>>::Between<[Row<<A as LayerTypes>::Out>; B]>;

/// Whether rows are stored between `A` and `R`: a constant, so that the compiler instantiates only one of the two
/// branches. With both, the code would double with each layer.
const fn stores_rows<A: Layer, R: Layer>() -> bool
where
    InputActivation<R>: CanFollow<OutputActivation<A>>,
{
    <InputActivation<R> as CanFollow<OutputActivation<A>>>::STORES_ROWS
}

/// Where `A` writes its output: the stored rows, if any, else directly the input buffer of `R`.
#[inline(always)]
fn output_of_first<'a, A: Layer, R: Layer, const B: usize>(
    rest: &'a mut R::Cache<B>,
    between: &'a mut Between<A, R, B>,
    y: &'a mut [Row<R::Out>; B],
) -> &'a mut [Row<A::Out>; B]
where
    R::In: Accepts<A::Out, Elem<A>, LastLayer<A>, FirstLayer<R>>,
    InputActivation<R>: CanFollow<OutputActivation<A>>,
{
    match InputActivation::<R>::between(between) {
        Some(rows) => rows,
        None => R::In::same_rows(R::input_buffer(rest, y)),
    }
}

/// A chain: the first layer, then the rest.
impl<A: LayerTypes, R: LayerTypes> LayerTypes for (A, R)
where
    R::In: SameElem<A::Out, Elem<A>, LastLayer<A>, FirstLayer<R>>,
    InputActivation<R>: CanFollow<OutputActivation<A>>,
{
    type In = If<<R::In as SameElem<A::Out, Elem<A>, LastLayer<A>, FirstLayer<R>>>::Same, A::In>;
    type Out = R::Out;
    type Cache<const B: usize> = ((A::Cache<B>, R::Cache<B>), Between<A, R, B>);
    type Scratch = (A::Scratch, R::Scratch);
    type Ends = Joined<A::Ends, R::Ends>;
}

/// Flat tuples are no chains, but have the types of one: that they are no [`Layer`] is then one error.
macro_rules! flat_tuples {
    ($First:ident $($Middle:ident)+, $Last:ident) => {
        impl<$First: LayerTypes, $($Middle: LayerTypes,)+ $Last: LayerTypes> LayerTypes
            for ($First, $($Middle,)+ $Last)
        where
            $Last::Out: Shape<Elem = Elem<$First>>,
        {
            type In = $First::In;
            type Out = $Last::Out;
            type Cache<const BATCH: usize> = ();
            type Scratch = ();
            type Ends = Unfused<Self>;
        }

        impl<$First: Zeroed, $($Middle: Zeroed,)+ $Last: Zeroed> Zeroed for ($First, $($Middle,)+ $Last) {
            const ZERO: Self = ($First::ZERO, $($Middle::ZERO,)+ $Last::ZERO);
        }
    };
}

flat_tuples!(A B, C);
flat_tuples!(A B C, D);
flat_tuples!(A B C D, E);
flat_tuples!(A B C D E, F);
flat_tuples!(A B C D E F, G);
flat_tuples!(A B C D E F G, H);

impl<A: Layer, R: Layer> Layer for (A, R)
where
    R::In: Accepts<A::Out, Elem<A>, LastLayer<A>, FirstLayer<R>>,
    InputActivation<R>: CanFollow<OutputActivation<A>>,
{
    const PARAMS: usize = A::PARAMS + R::PARAMS;
    const LAYERS: usize = A::LAYERS + R::LAYERS;
    const IS_RANDOM: bool = A::IS_RANDOM || R::IS_RANDOM;

    #[inline(always)]
    fn input_buffer<'a, const B: usize>(
        ((first, rest), between): &'a mut Self::Cache<B>,
        y: &'a mut [Row<R::Out>; B],
    ) -> &'a mut [Row<A::In>; B] {
        A::input_buffer(first, output_of_first::<A, R, B>(rest, between, y))
    }

    #[inline(always)]
    fn forward<S: Simd<Elem<A>>, const B: usize>(
        &self,
        ctx: Context<S>,
        ((first, rest), between): &mut Self::Cache<B>,
        y: &mut [Row<R::Out>; B],
        epilogue: impl Epilogue<Elem<A>>,
    ) {
        let activation = InputActivation::<R>::default();
        if const { stores_rows::<A, R>() } {
            if let Some(rows) = InputActivation::<R>::between(between) {
                self.0.forward(ctx, first, rows, NoActivation);
                let x = R::In::same_rows(R::input_buffer(rest, y));
                *x = *rows;
                apply(ctx.token, activation, A::Out::flatten_mut(x));
            }
        } else {
            let x = R::In::same_rows(R::input_buffer(rest, y));
            self.0.forward(ctx, first, x, activation);
        }
        ctx.token.layer_pass(
            #[inline(always)]
            || self.1.forward(ctx.after(A::LAYERS), rest, y, epilogue),
        );
    }

    #[inline(always)]
    fn backward<S: Simd<Elem<A>>, const B: usize>(
        &self,
        ctx: Context<S>,
        ((first, rest), between): &mut Self::Cache<B>,
        scratch: &mut Self::Scratch,
        dy: &mut [Row<R::Out>; B],
        input_grad: impl InputGrad<Elem<A>>,
        gradient: &mut Self,
    ) {
        let (next, activation) = (ctx.after(A::LAYERS), OutputActivation::<A>::default());
        if const { stores_rows::<A, R>() } {
            if let Some(rows) = InputActivation::<R>::between(between) {
                self.1.backward(next, rest, &mut scratch.1, dy, NoActivation, &mut gradient.1);
                let dx = R::In::same_rows(R::input_buffer(rest, dy));
                apply_grad(ctx.token, activation, A::Out::flatten_mut(rows), A::Out::flatten(dx));
                self.0.backward(ctx, first, &mut scratch.0, rows, input_grad, &mut gradient.0);
            }
        } else {
            self.1.backward(next, rest, &mut scratch.1, dy, activation, &mut gradient.1);
            let dx = R::In::same_rows(R::input_buffer(rest, dy));
            self.0.backward(ctx, first, &mut scratch.0, dx, input_grad, &mut gradient.0);
        }
    }

    #[inline(always)]
    fn backward_update<S: Simd<Elem<A>>, U: UpdateRule<Elem<A>>, const B: usize>(
        &mut self,
        ctx: Context<S>,
        ((first, rest), between): &mut Self::Cache<B>,
        scratch: &mut Self::Scratch,
        dy: &mut [Row<R::Out>; B],
        input_grad: impl InputGrad<Elem<A>>,
        rule: U,
        mut state: SlotsOf<U, Elem<A>, &mut Self>,
    ) -> bool {
        let (next, activation) = (ctx.after(A::LAYERS), OutputActivation::<A>::default());
        let rest_state = U::Slots::map(U::Slots::reborrow(&mut state), |s| &mut s.1);
        if const { stores_rows::<A, R>() } {
            if let Some(rows) = InputActivation::<R>::between(between) {
                if !self.1.backward_update(next, rest, &mut scratch.1, dy, NoActivation, rule, rest_state) {
                    return false;
                }
                let dx = R::In::same_rows(R::input_buffer(rest, dy));
                apply_grad(ctx.token, activation, A::Out::flatten_mut(rows), A::Out::flatten(dx));
                let first_state = U::Slots::map(state, |s| &mut s.0);
                return self.0.backward_update(
                    ctx,
                    first,
                    &mut scratch.0,
                    rows,
                    input_grad,
                    rule,
                    first_state,
                );
            }
            true
        } else {
            if !self.1.backward_update(next, rest, &mut scratch.1, dy, activation, rule, rest_state) {
                return false;
            }
            let dx = R::In::same_rows(R::input_buffer(rest, dy));
            let first_state = U::Slots::map(state, |s| &mut s.0);
            self.0.backward_update(ctx, first, &mut scratch.0, dx, input_grad, rule, first_state)
        }
    }

    #[inline(always)]
    fn backward_samples<S: Simd<Elem<A>>, G: SampleGradients<Elem<A>>, const B: usize>(
        &self,
        ctx: Context<S>,
        ((first, rest), between): &mut Self::Cache<B>,
        scratch: &mut Self::Scratch,
        dy: &mut [Row<R::Out>; B],
        input_grad: impl InputGrad<Elem<A>>,
        gradients: &mut G,
        column: usize,
    ) {
        let (next, activation) = (ctx.after(A::LAYERS), OutputActivation::<A>::default());
        let after = column + A::PARAMS;
        if const { stores_rows::<A, R>() } {
            if let Some(rows) = InputActivation::<R>::between(between) {
                self.1.backward_samples(next, rest, &mut scratch.1, dy, NoActivation, gradients, after);
                let dx = R::In::same_rows(R::input_buffer(rest, dy));
                apply_grad(ctx.token, activation, A::Out::flatten_mut(rows), A::Out::flatten(dx));
                self.0.backward_samples(ctx, first, &mut scratch.0, rows, input_grad, gradients, column);
            }
        } else {
            self.1.backward_samples(next, rest, &mut scratch.1, dy, activation, gradients, after);
            let dx = R::In::same_rows(R::input_buffer(rest, dy));
            self.0.backward_samples(ctx, first, &mut scratch.0, dx, input_grad, gradients, column);
        }
    }

    #[inline(always)]
    fn forward_tangents<S: Simd<Elem<A>>, const B: usize>(
        &self,
        ctx: Context<S>,
        ((first, rest), between): &mut Self::Cache<B>,
        y: &mut [Row<R::Out>; B],
        ((first_tangents, rest_tangents), between_tangents): &mut Self::Cache<B>,
        dy: &mut [Row<R::Out>; B],
    ) {
        let x = output_of_first::<A, R, B>(rest, between, y);
        let dx = output_of_first::<A, R, B>(rest_tangents, between_tangents, dy);
        self.0.forward_tangents(ctx, first, x, first_tangents, dx);
        let activation = OutputActivation::<A>::default();
        apply_tangent(ctx.token, activation, A::Out::flatten_mut(dx), A::Out::flatten(x));
        if const { stores_rows::<A, R>() }
            && let Some(rows) = InputActivation::<R>::between(between_tangents)
        {
            *R::In::same_rows(R::input_buffer(rest_tangents, dy)) = *rows;
        }
        ctx.token.layer_pass(
            #[inline(always)]
            || self.1.forward_tangents(ctx.after(A::LAYERS), rest, y, rest_tangents, dy),
        );
    }

    fn print(&self, printer: &mut Printer<'_, '_>) -> fmt::Result {
        self.0.print(printer)?;
        printer.text("", ",\n    ", ",\n    ", ", ")?;
        self.1.print(printer)
    }

    fn tensors(&self) -> usize {
        self.0.tensors() + self.1.tensors()
    }

    fn parameter(&self, index: usize) -> Option<Parameter<'_, Elem<A>>> {
        match index.checked_sub(self.0.tensors()) {
            None => self.0.parameter(index),
            Some(index) => self.1.parameter(index).map(|p| Parameter { layer: p.layer + A::LAYERS, ..p }),
        }
    }

    fn parameter_mut(&mut self, index: usize) -> Option<ParameterMut<'_, Elem<A>>> {
        match index.checked_sub(self.0.tensors()) {
            None => self.0.parameter_mut(index),
            Some(index) => {
                self.1.parameter_mut(index).map(|p| ParameterMut { layer: p.layer + A::LAYERS, ..p })
            }
        }
    }

    fn init<I: Initializer, G: Rng + ?Sized>(&mut self, initializer: &I, rng: &mut G) {
        self.0.init(initializer, rng);
        self.1.init(initializer, rng);
    }
}

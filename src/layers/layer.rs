//! The trait of layers, and what is done with all layers of a network.

use core::fmt;

use num_traits::Float;
use rand::Rng;

use super::{
    Context, Ends, Epilogue, FiniteCheck, Initializer, InputGrad, NoActivation, Parameter, ParameterMut,
    Printer, Row, SampleGradients, Shape, Slots, SlotsOf, TensorId, UpdateRule,
    depth::Depth,
    update::{UpdateCheck, update_slice},
};
use crate::simd::{Dispatch, Element, Kernel, Simd, Vector, Zeroed};

/// The element type of a layer: `f32` or `f64`.
pub type Elem<L> = <<L as LayerTypes>::In as Shape>::Elem;

/// The types of a layer: the shapes of its rows, and the memory of its passes. The first half of a [`Layer`].
///
/// A chain of layers that do not fit together has these types too. So its mistake is one compile error, where the
/// network is used, and not another one for each type in which it occurs.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a layer, nor a chain of layers",
    label = "not a layer",
    note = "`sequential![Linear::new(…), Relu::new(), …]` and the type `Sequential![Linear<5, 64>, Relu<64>, …]` write a network as a flat list",
    note = "without these macros a network is a chain of nested pairs, `(Linear<5, 64>, (Relu<64>, Linear<64, 3>))`"
)]
pub trait LayerTypes: Zeroed {
    /// The shape of the input.
    type In: Shape;
    /// The shape of the output.
    type Out: Shape<Elem = Elem<Self>>;
    /// What the forward pass of a batch of `B` samples leaves for the backward pass.
    type Cache<const B: usize>: Zeroed;
    /// Scratch space for the backward pass, of the same size for every batch size.
    type Scratch: Zeroed;
    /// The activations that neighbouring layers apply: [`Unfused<Self>`](super::Unfused) if none.
    type Ends: Ends<InputActivation: Epilogue<Elem<Self>>, OutputActivation: InputGrad<Elem<Self>>>;
}

/// A layer, or a chain of layers: a pair `(A, R)` of a first layer and the rest is a layer too.
///
/// This trait is usually met as a bound; [`Sequential`](struct@crate::Sequential) has the methods of a network.
/// To write a layer of your own, implement the smaller [`CustomLayer`](crate::CustomLayer), or this trait if the layer is to use
/// SIMD.
///
/// # How rows flow
///
/// Each layer keeps its input for the backward pass in its [`Cache`](LayerTypes::Cache). So each layer writes its
/// output directly to the place where the next layer keeps its input ([`input_buffer`](Self::input_buffer)).
/// The backward pass runs in the opposite direction: each layer overwrites its cached input with the gradient
/// with respect to it. A [`Linear`](crate::Linear) layer needs one array of rows, and no more.
///
/// An activation between two layers needs no rows at all: see [`Ends`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a layer, nor a chain of layers",
    label = "not a layer",
    note = "`sequential![Linear::new(…), Relu::new(), …]` and the type `Sequential![Linear<5, 64>, Relu<64>, …]` write a network as a flat list",
    note = "without these macros a network is a chain of nested pairs, `(Linear<5, 64>, (Relu<64>, Linear<64, 3>))`"
)]
pub trait Layer: LayerTypes {
    /// The number of parameters, also of those that no optimiser changes. Those of a [`Frozen`](crate::Frozen) network are
    /// not counted.
    const PARAMS: usize = 0;
    /// The number of layers in the chain.
    const LAYERS: usize = 1;
    /// Whether a training pass needs random numbers, as that of [`Dropout`](crate::Dropout). Without this, seed and pass
    /// number of the [`Mode`](super::Mode) do not change.
    const IS_RANDOM: bool = false;
    /// Whether the Jacobian matrix of the outputs with respect to the inputs is symmetric, as that of every elementwise
    /// function. Then [`forward_tangents`](Self::forward_tangents) needs one backward pass only.
    const SYMMETRIC_JACOBIAN: bool = false;

    /// The place where the layer reads its input; `y` is where it will write its output.
    fn input_buffer<'a, const B: usize>(
        cache: &'a mut Self::Cache<B>,
        y: &'a mut [Row<Self::Out>; B],
    ) -> &'a mut [Row<Self::In>; B];

    /// Forward pass: reads the input from the input buffer and writes `epilogue(layer(x))` to `y`.
    fn forward<S: Simd<Elem<Self>>, const B: usize>(
        &self,
        ctx: Context<S>,
        cache: &mut Self::Cache<B>,
        y: &mut [Row<Self::Out>; B],
        epilogue: impl Epilogue<Elem<Self>>,
    );

    /// Backward pass: given `dy`, adds the gradient of the parameters, averaged over the batch, to `gradient`.
    /// Overwrites the cached input with `dx`, the gradient with respect to it, to which `input_grad` is
    /// applied.
    fn backward<S: Simd<Elem<Self>>, const B: usize>(
        &self,
        ctx: Context<S>,
        cache: &mut Self::Cache<B>,
        scratch: &mut Self::Scratch,
        dy: &mut [Row<Self::Out>; B],
        input_grad: impl InputGrad<Elem<Self>>,
        gradient: &mut Self,
    );

    /// The same, but updates each parameter by `rule` as soon as its gradient is known. `state` holds, for each
    /// value that the rule keeps, a layer of the same type. Returns false if a parameter kept its value because the
    /// new one would not be finite (see [`UpdateRule::finite_check`]).
    ///
    /// The default stores the gradient of this layer on the stack until the update. [`Linear`](crate::Linear) and
    /// [`LayerNorm`](crate::LayerNorm) store none.
    #[inline(always)]
    fn backward_update<S: Simd<Elem<Self>>, R: UpdateRule<Elem<Self>>, const B: usize>(
        &mut self,
        ctx: Context<S>,
        cache: &mut Self::Cache<B>,
        scratch: &mut Self::Scratch,
        dy: &mut [Row<Self::Out>; B],
        input_grad: impl InputGrad<Elem<Self>>,
        rule: R,
        state: SlotsOf<R, Elem<Self>, &mut Self>,
    ) -> bool {
        let mut gradient = Self::ZERO;
        self.backward(ctx, cache, scratch, dy, input_grad, &mut gradient);
        update(ctx.token, rule, self, ctx.layer, &gradient, state, rule.finite_check())
    }

    /// Backward pass for derivatives of each sample: given `dy`, overwrites the columns of `gradients` from `first` on, one
    /// for each parameter, with the gradient of each sample, not divided by `B`. Overwrites the cached input with `dx`, to
    /// which `input_grad` is applied.
    ///
    /// The default is for layers without parameters. If another layer does not override it, a Jacobian with respect to its
    /// parameters does not compile.
    #[inline(always)]
    fn backward_samples<S: Simd<Elem<Self>>, G: SampleGradients<Elem<Self>>, const B: usize>(
        &self,
        ctx: Context<S>,
        cache: &mut Self::Cache<B>,
        scratch: &mut Self::Scratch,
        dy: &mut [Row<Self::Out>; B],
        input_grad: impl InputGrad<Elem<Self>>,
        gradients: &mut G,
        first: usize,
    ) {
        const {
            assert!(
                !G::NEEDED || Self::PARAMS == 0,
                "a layer with parameters has to implement `backward_samples`"
            );
        }
        let _ = (gradients, first);
        self.backward(ctx, cache, scratch, dy, input_grad, &mut { Self::ZERO });
    }

    /// Forward-mode derivative (a Jacobian-vector product). Here `dx` and `dy` are changes (tangents), not gradients:
    /// given the change `dx` of the input, in the input buffer of `tangents`, overwrites `dy` with the change of the
    /// output, `J dx`. Called after a forward pass in inference mode, which filled `cache` and wrote `y`; it may
    /// overwrite the cached input.
    ///
    /// The default takes one backward pass of this layer if its Jacobian matrix is
    /// [symmetric](Self::SYMMETRIC_JACOBIAN), else a forward and a backward pass for each output.
    #[inline(always)]
    fn forward_tangents<S: Simd<Elem<Self>>, const B: usize>(
        &self,
        ctx: Context<S>,
        cache: &mut Self::Cache<B>,
        y: &mut [Row<Self::Out>; B],
        tangents: &mut Self::Cache<B>,
        dy: &mut [Row<Self::Out>; B],
    ) {
        let (x, dx) = (*Self::input_buffer(cache, y), *Self::input_buffer(tangents, dy));
        if Self::SYMMETRIC_JACOBIAN {
            copy_numbers(ctx.token, Self::Out::flatten_mut(dy), Self::In::flatten(&dx));
            self.backward(ctx, cache, &mut { Zeroed::ZERO }, dy, NoActivation, &mut { Self::ZERO });
            let change = Self::In::flatten(Self::input_buffer(cache, y));
            copy_numbers(ctx.token, Self::Out::flatten_mut(dy), change);
            return;
        }
        let before = *y;
        for output in 0..Self::Out::LEN {
            *Self::input_buffer(cache, y) = x;
            self.forward(ctx, cache, y, NoActivation);
            let mut unit = [Row::<Self::Out>::ZERO; B];
            let of_output = unit.iter_mut().filter_map(|row| row.as_mut().get_mut(output));
            of_output.for_each(|dy| *dy = Elem::<Self>::from_count(1));
            self.backward(ctx, cache, &mut { Zeroed::ZERO }, &mut unit, NoActivation, &mut { Self::ZERO });
            for ((dy, gradient), dx) in dy.iter_mut().zip(Self::input_buffer(cache, y)).zip(&dx) {
                let products = gradient.as_ref().iter().zip(dx.as_ref()).map(|(j, dx)| *j * *dx);
                if let Some(dy) = dy.as_mut().get_mut(output) {
                    *dy = products.fold(Zeroed::ZERO, |sum, product| sum + product);
                }
            }
        }
        *y = before;
    }

    /// Writes the layer as text: what PyTorch prints, or Rust source.
    ///
    /// # Errors
    ///
    /// Those of the formatter.
    fn print(&self, printer: &mut Printer<'_, '_>) -> fmt::Result;

    // A layer without parameters leaves the rest as it is.

    /// The number of parameter tensors: two for a [`Linear`](crate::Linear) layer.
    fn tensors(&self) -> usize {
        0
    }

    /// The parameter tensor with this index, counted from 0 in PyTorch's order.
    fn parameter(&self, index: usize) -> Option<Parameter<'_, Elem<Self>>> {
        let _ = index;
        None
    }

    /// The parameter tensor with this index, to be changed.
    fn parameter_mut(&mut self, index: usize) -> Option<ParameterMut<'_, Elem<Self>>> {
        let _ = index;
        None
    }

    /// Sets all parameters to their initial values, random ones by `initializer`.
    fn init<I: Initializer, R: Rng + ?Sized>(&mut self, initializer: &I, rng: &mut R) {
        let _ = (initializer, rng);
    }
}

pub(crate) type FirstLayer<L> = <<L as LayerTypes>::Ends as Ends>::First;
pub(crate) type LastLayer<L> = <<L as LayerTypes>::Ends as Ends>::Last;
pub(crate) type InputActivation<L> = <<L as LayerTypes>::Ends as Ends>::InputActivation;
pub(crate) type OutputActivation<L> = <<L as LayerTypes>::Ends as Ends>::OutputActivation;

/// Runs a pass of the network `N` on the best instruction set of this machine.
#[inline(always)]
pub(crate) fn dispatch<N: Layer, K: Kernel<Elem<N>>>(kernel: K) -> K::Output {
    Elem::<N>::dispatch_passes::<<<N::Ends as Ends>::Depth as Depth>::Passes, K>(kernel)
}

/// `y = epilogue(y)`, for all elements.
#[inline(always)]
pub fn apply<S: Simd<T>, T: Element, E: Epilogue<T>>(token: S, epilogue: E, y: &mut [T]) {
    if E::IS_IDENTITY {
        return;
    }
    crate::simd::map(
        token,
        y,
        #[inline(always)]
        |y: Vector<S, T>| epilogue.apply(y),
    );
}

/// Overwrites the outputs `a` of an activation with the gradient with respect to its inputs, given `da`.
#[inline(always)]
pub fn apply_grad<S: Simd<T>, T: Element>(token: S, input_grad: impl InputGrad<T>, a: &mut [T], da: &[T]) {
    crate::simd::transform(
        token,
        a,
        da,
        #[inline(always)]
        |a, da| input_grad.apply(a, da),
    );
}

/// Overwrites the changes `dz` of the inputs of an activation with those of its outputs `a`.
#[inline(always)]
pub(crate) fn apply_tangent<S: Simd<T>, T: Element, G: InputGrad<T>>(
    token: S,
    activation: G,
    dz: &mut [T],
    a: &[T],
) {
    if !G::IS_IDENTITY {
        crate::simd::transform(
            token,
            dz,
            a,
            #[inline(always)]
            |dz, a| activation.apply(a, dz),
        );
    }
}

/// Copies numbers, as many as both slices have.
#[inline(always)]
fn copy_numbers<S: Simd<T>, T: Element>(token: S, to: &mut [T], from: &[T]) {
    crate::simd::transform(
        token,
        to,
        from,
        #[inline(always)]
        |_, from| from,
    );
}

/// Sets every parameter to zero.
pub(crate) fn zero<L: Layer>(layer: &mut L) {
    let mut index = 0;
    while let Some(parameter) = layer.parameter_mut(index) {
        parameter.values.fill(Zeroed::ZERO);
        index += 1;
    }
}

/// All parameter tensors, in PyTorch's order.
pub(crate) fn parameters<L: Layer>(layer: &L) -> impl Iterator<Item = Parameter<'_, Elem<L>>> {
    (0..layer.tensors()).filter_map(|index| layer.parameter(index))
}

/// The first number of a network, or of a gradient, that is infinite or NaN: its parameter tensor, its row and column in
/// PyTorch's order, and the number.
pub(crate) fn not_finite<L: Layer>(layer: &L) -> Option<(Parameter<'_, Elem<L>>, [usize; 2], Elem<L>)> {
    parameters(layer).filter(|parameter| !all_finite(parameter.values)).find_map(|parameter| {
        let index = parameter.iter().position(|p| !p.is_finite())?;
        let columns = parameter.shape[1];
        let place = [index.checked_div(columns)?, index.checked_rem(columns)?];
        Some((parameter, place, *parameter.get(place[0], place[1])?))
    })
}

/// Whether all values are finite. Without an early exit, so that the compiler can use vectors.
pub(crate) fn all_finite<T: Float>(values: &[T]) -> bool {
    values.iter().fold(true, |all, value| all & value.is_finite())
}

/// Updates all parameters of a network, or of a part whose first layer has the index `layer`, given its whole
/// gradient. `state` holds, for each value that the rule keeps, a network of the same type. A parameter that does not
/// pass the check keeps its old value and state, and the result is false.
#[inline(always)]
pub(crate) fn update<S: Simd<Elem<L>>, L: Layer, R: UpdateRule<Elem<L>>>(
    token: S,
    rule: R,
    net: &mut L,
    layer: u32,
    gradient: &L,
    mut state: SlotsOf<R, Elem<L>, &mut L>,
    check: FiniteCheck<Elem<L>>,
) -> bool {
    let mut check = UpdateCheck::of(token, check);
    let mut index = 0;
    while let (Some(parameter), Some(gradient)) = (net.parameter_mut(index), gradient.parameter(index)) {
        let number = index;
        index += 1;
        if !parameter.trained {
            continue;
        }
        let state = R::Slots::map(R::Slots::reborrow(&mut state), |s| {
            s.parameter_mut(number).map_or(&mut [][..], |parameter| parameter.values)
        });
        let tensor =
            TensorId { layer: layer as usize + parameter.layer, name: parameter.name, dims: parameter.dims };
        update_slice(token, rule.for_tensor(tensor), parameter.values, gradient.values, state, &mut check);
    }
    check.passed()
}

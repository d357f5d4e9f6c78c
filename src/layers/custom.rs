//! Layers of your own, without SIMD.

use core::{any::type_name, fmt};

use rand::Rng;

use super::{
    CacheSize, Context, Cost, Elem, Epilogue, Initializer, InputGrad, Layer, LayerTypes, ParamCount,
    Parameter, ParameterMut, Row, SampleGradients, Shape, Unfused, apply, apply_grad,
    impls::last_layer,
    print::{LayerText, Printer, Style, TypeName},
};
use crate::simd::{Element, Simd, Zeroed};

/// A layer of your own: a forward and a backward pass on plain arrays, as in PyTorch's `autograd.Function`, and
/// its parameters.
///
/// Wrapped in [`Custom`] it is a [`Layer`], which can be chained with others, trained and saved. If the compiler's
/// own vectorisation of the two passes is not enough, implement [`Layer`] instead. For an elementwise activation,
/// use [`activation_layer!`](crate::activation_layer).
///
/// # Examples
///
/// A layer that multiplies each feature by a weight, `y = g ⊙ x`:
///
/// ```
/// use constnet::{Custom, CustomLayer, Linear, Zeroed, layers::Features, sequential};
///
/// #[derive(Debug)]
/// struct Scale<const N: usize> {
///     gain: [f32; N],
/// }
///
/// impl<const N: usize> Zeroed for Scale<N> {
///     const ZERO: Self = Self { gain: [0.0; N] };
/// }
///
/// impl<const N: usize> CustomLayer for Scale<N> {
///     type In = Features<N>;
///     type Out = Features<N>;
///     type Cache<const B: usize> = ();
///
///     const NAME: &'static str = "Scale";
///     const PARAMS: usize = N;
///
///     fn forward<const B: usize>(&self, x: &[[f32; N]; B], y: &mut [[f32; N]; B], (): &mut ()) {
///         for (x, y) in x.iter().zip(y) {
///             for i in 0..N {
///                 y[i] = self.gain[i] * x[i];
///             }
///         }
///     }
///
///     fn backward<const B: usize>(
///         &self,
///         x: &[[f32; N]; B],
///         (): &(),
///         dy: &[[f32; N]; B],
///         dx: &mut [[f32; N]; B],
///         gradient: &mut Self,
///     ) {
///         for b in 0..B {
///             for i in 0..N {
///                 gradient.gain[i] += dy[b][i] * x[b][i] / B as f32;
///                 dx[b][i] = dy[b][i] * self.gain[i];
///             }
///         }
///     }
///
///     fn parameter(&self, index: usize) -> Option<(&'static str, &[f32])> {
///         (index == 0).then_some(("gain", &self.gain))
///     }
///
///     fn parameter_mut(&mut self, index: usize) -> Option<(&'static str, &mut [f32])> {
///         (index == 0).then_some(("gain", &mut self.gain))
///     }
/// }
///
/// let net = sequential![Custom(Scale { gain: [2.0, 3.0] }), Linear::new([[1.0, 1.0]], [0.5])];
/// assert_eq!(net.predict(&[10.0, 100.0]), [320.5]);
/// ```
pub trait CustomLayer: Zeroed {
    /// The shape of the input.
    type In: Shape;
    /// The shape of the output.
    type Out: Shape<Elem = <Self::In as Shape>::Elem>;
    /// The values that the forward pass leaves for the backward pass, besides the input: arrays, tuples, `()`.
    type Cache<const B: usize>: Zeroed;

    /// The name of the layer in a printed network.
    const NAME: &'static str;
    /// The number of trainable parameters.
    const PARAMS: usize;
    /// The number of multiply-adds of the forward pass for one sample, for a [`Report`](crate::sizes::Report): one for each
    /// parameter, unless you set it.
    const MULTIPLY_ADDS: usize = Self::PARAMS;

    /// Forward pass: `y = layer(x)`. Write all of `y` and of the cache; both still hold old values.
    fn forward<const B: usize>(
        &self,
        x: &[Row<Self::In>; B],
        y: &mut [Row<Self::Out>; B],
        cache: &mut Self::Cache<B>,
    );

    /// Backward pass: given `dy`, **overwrites** all of `dx`, which still holds old values, and **adds** the
    /// gradient of the parameters, averaged over the batch, to `gradient`.
    fn backward<const B: usize>(
        &self,
        x: &[Row<Self::In>; B],
        cache: &Self::Cache<B>,
        dy: &[Row<Self::Out>; B],
        dx: &mut [Row<Self::In>; B],
        gradient: &mut Self,
    );

    /// Sets the parameters to their initial values. The default leaves them unchanged.
    fn init<R: Rng + ?Sized>(&mut self, rng: &mut R) {
        let _ = rng;
    }

    /// The parameter tensor with this index, counted from 0, and its name. A layer without parameters leaves this
    /// and [`parameter_mut`](Self::parameter_mut) as they are.
    fn parameter(&self, index: usize) -> Option<(&'static str, &[<Self::In as Shape>::Elem])> {
        let _ = index;
        None
    }

    /// The same parameter tensor, to be changed.
    fn parameter_mut(&mut self, index: usize) -> Option<(&'static str, &mut [<Self::In as Shape>::Elem])> {
        let _ = index;
        None
    }
}

/// A [`CustomLayer`] as a [`Layer`] of a network.
///
/// # Memory
///
/// Besides its input and the layer's own cache, it caches the gradient with respect to its input. A training step
/// keeps the gradient of the layer's parameters on the stack until they are updated.
///
/// For a network on the heap, and for training on all cores, derive `bytemuck::Zeroable` for the layer and for
/// the structs in its cache.
///
/// To use the layer with [`sizes::budget`](crate::sizes::budget), implement [`ParamCount`] and [`CacheSize`] for it:
/// `Cached` must count two rows of the input for each sample (the input and its gradient), and the layer's own cache.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
pub struct Custom<C>(pub C);

/// The cache of a [`Custom`] layer: its input, the gradient with respect to it, and the layer's own cache.
#[derive(Debug)]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
pub struct CustomCache<X, C> {
    x: X,
    dx: X,
    own: C,
}

impl<C: CustomLayer> LayerTypes for Custom<C> {
    type In = C::In;
    type Out = C::Out;
    type Cache<const B: usize> = CustomCache<[Row<C::In>; B], C::Cache<B>>;
    type Scratch = ();
    type Ends = Unfused<Self>;
}

impl<C: CustomLayer> Layer for Custom<C> {
    const PARAMS: usize = C::PARAMS;

    #[inline(always)]
    fn input_buffer<'a, const B: usize>(
        cache: &'a mut Self::Cache<B>,
        _: &'a mut [Row<C::Out>; B],
    ) -> &'a mut [Row<C::In>; B] {
        &mut cache.x
    }

    #[inline(always)]
    fn forward<S: Simd<Elem<Self>>, const B: usize>(
        &self,
        ctx: Context<S>,
        cache: &mut Self::Cache<B>,
        y: &mut [Row<C::Out>; B],
        epilogue: impl Epilogue<Elem<Self>>,
    ) {
        self.0.forward(&cache.x, y, &mut cache.own);
        apply(ctx.token, epilogue, C::Out::flatten_mut(y));
    }

    #[inline(always)]
    fn backward<S: Simd<Elem<Self>>, const B: usize>(
        &self,
        ctx: Context<S>,
        cache: &mut Self::Cache<B>,
        (): &mut (),
        dy: &mut [Row<C::Out>; B],
        input_grad: impl InputGrad<Elem<Self>>,
        gradient: &mut Self,
    ) {
        let CustomCache { x, dx, own } = cache;
        self.0.backward(x, own, dy, dx, &mut gradient.0);
        apply_grad(ctx.token, input_grad, C::In::flatten_mut(x), C::In::flatten(dx));
    }

    /// Calls the backward pass of the layer once for each sample, because it returns the mean of the samples' gradients.
    #[inline(always)]
    fn backward_samples<S: Simd<Elem<Self>>, G: SampleGradients<Elem<Self>>, const B: usize>(
        &self,
        ctx: Context<S>,
        cache: &mut Self::Cache<B>,
        (): &mut (),
        dy: &mut [Row<C::Out>; B],
        input_grad: impl InputGrad<Elem<Self>>,
        gradients: &mut G,
        first: usize,
    ) {
        let CustomCache { x, dx, own } = cache;
        if G::NEEDED {
            for (sample, row) in dy.iter().enumerate() {
                let (mut dy, mut gradient) = ([Row::<C::Out>::ZERO; B], C::ZERO);
                dy[sample] = *row;
                self.0.backward(x, own, &dy, dx, &mut gradient);
                let mut column = first;
                for values in (0..).map_while(|index| gradient.parameter(index)).map(|(_, values)| values) {
                    for (to, mean) in gradients.of(sample, column, values.len()).iter_mut().zip(values) {
                        *to = *mean * Elem::<Self>::from_count(B);
                    }
                    column += values.len();
                }
            }
        }
        self.0.backward(x, own, dy, dx, &mut { C::ZERO });
        apply_grad(ctx.token, input_grad, C::In::flatten_mut(x), C::In::flatten(dx));
    }

    /// As Rust source, the value is all zeros; a layer with parameters gives a compile error there.
    fn print(&self, printer: &mut Printer<'_, '_>) -> fmt::Result {
        let (name, ty) = (C::NAME, type_name::<C>());
        let layer = |printer: &mut Printer<'_, '_>, value: fmt::Arguments<'_>| {
            printer.layer(LayerText {
                pytorch: format_args!("{name}()"),
                path: "constnet",
                rust_type: format_args!(
                    "Custom<{}>",
                    TypeName { full: ty, paths: printer.style() != Style::Layers }
                ),
                rust_value: value,
                parameters: C::PARAMS,
            })
        };
        if C::PARAMS == 0 {
            layer(printer, format_args!("Zeroed::ZERO"))
        } else {
            layer(
                printer,
                format_args!(
                    "Custom(compile_error!(\"the parameters of `{ty}` cannot be written as Rust source\"))"
                ),
            )
        }
    }

    fn tensors(&self) -> usize {
        (0..).take_while(|index| self.0.parameter(*index).is_some()).count()
    }

    fn parameter(&self, index: usize) -> Option<Parameter<'_, Elem<Self>>> {
        let (name, values) = self.0.parameter(index)?;
        Some(Parameter::vector(name, values))
    }

    fn parameter_mut(&mut self, index: usize) -> Option<ParameterMut<'_, Elem<Self>>> {
        let (name, values) = self.0.parameter_mut(index)?;
        Some(ParameterMut::vector(name, values))
    }

    fn init<I: Initializer, R: Rng + ?Sized>(&mut self, _: &I, rng: &mut R) {
        self.0.init(rng);
    }
}

impl<X: Zeroed, C: Zeroed> Zeroed for CustomCache<X, C> {
    const ZERO: Self = Self { x: X::ZERO, dx: X::ZERO, own: C::ZERO };
}

impl<C: Zeroed> Zeroed for Custom<C> {
    const ZERO: Self = Self(C::ZERO);
}

impl<C: ParamCount> ParamCount for Custom<C> {
    type Count = C::Count;
}

impl<C: CacheSize> CacheSize for Custom<C> {
    type Cached = C::Cached;
    type Output = C::Output;
}

impl<C: CustomLayer> Cost for Custom<C> {
    const FORWARD: usize = C::MULTIPLY_ADDS;
}

last_layer!(Custom<C>, C);

//! The network: a chain of layers, and the methods of a network.

use core::fmt;

use rand::Rng;
use typenum::{Const, ToUInt, U};

use super::{
    init::He,
    pass::{Buffers, Cache, Forward, Pass, Predict},
};
use crate::{
    layers::{
        CacheSize, Context, Cost, Elem, Epilogue, Initializer, InputGrad, Layer, LayerAt, LayerTypes, Layers,
        ParamCount, Parameter, ParameterMut, Printer, Row, SampleGradients, Shape, Slots, SlotsOf,
        UpdateRule, dispatch,
        impls::{compare_impls, last_layer},
        parameters,
        print::Style,
        zero,
    },
    simd::{Simd, Zeroed},
};

/// A network: layers in a row, the same as PyTorch's `nn.Sequential`.
///
/// Inside is a chain of nested pairs; [`mlp!`](crate::mlp) writes the type of a ReLU network,
/// [`Sequential!`](macro@crate::Sequential) that of any, and [`sequential!`](crate::sequential)
/// builds a value. The gradient of a network is a network of the same type.
///
/// With the feature `serde` a network goes through any of serde's formats. JSON keeps every bit of an
/// `f64` with `serde_json`'s feature `float_roundtrip` only, and has no NaN and no infinity. The
/// [layers](Self::layers) are saved too, and a network of other layers is refused. Load a large network with
/// `formats::load_in_place` or `formats::load_boxed`; serde's own functions return it by way of the stack.
///
/// # Examples
///
/// ```
/// use constnet::{Cache, Linear, Relu, Sequential, Zeroed, mlp, sequential};
///
/// let net: mlp![2, 2, 1] = sequential![
///     Linear::new([[1.0, 1.0], [1.0, -1.0]], [0.0, 0.0]),
///     Relu::new(),
///     Linear::new([[2.0, 1.0]], [0.5]),
/// ];
/// assert_eq!(net.predict(&[3.0, 4.0]), [14.5]);
///
/// let mut cache = Cache::ZERO;
/// let mut gradient = Sequential::ZERO;
/// let pass = net.forward(&[[3.0, 4.0]], &mut cache);
/// assert_eq!(pass.output(), &[[14.5]]);
/// pass.backward(&[[1.0]], &mut gradient);
/// assert_eq!(gradient.layer::<0>().weight(), [[6.0, 8.0], [0.0, 0.0]]);
/// ```
#[derive(Clone, Copy, PartialEq)]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
pub struct Sequential<L>(pub L);

/// The text of PyTorch's `print(model)`, with the Rust type and the number of parameters of each layer as comments.
///
/// ```
/// use constnet::{Zeroed, mlp};
///
/// assert_eq!(
///     <mlp![5, 64, 3]>::ZERO.to_string(),
///     "Sequential(
///   (0): Linear(in_features=5, out_features=64, bias=True)  # Linear<5, 64>, 384 parameters
///   (1): ReLU()  # Relu<64>
///   (2): Linear(in_features=64, out_features=3, bias=True)  # Linear<64, 3>, 195 parameters
/// )  # 579 parameters"
/// );
/// ```
impl<L: Layer> fmt::Display for Sequential<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Sequential(")?;
        self.0.print(&mut Printer::new(f, Style::PyTorch))?;
        write!(f, ")  # {} parameters", L::PARAMS)
    }
}

/// All parameters; long tensors are summarised.
impl<L: Layer> fmt::Debug for Sequential<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.parameters().map(|p| (p.path(), p.values()))).finish()
    }
}

impl<L: Layer> Sequential<L> {
    /// The number of parameters: all weights and biases, and the `mean` and `deviation` of a
    /// [`Standardize`](crate::Standardize) layer, which no optimiser changes.
    pub const PARAMS: usize = L::PARAMS;
}

// The bound is on each method, not on the type, so that a chain that does not fit together is
// one error where it is used, with the message of `Accepts`.
impl<L> Sequential<L> {
    /// The network of a chain of layers.
    #[must_use]
    pub const fn new(layers: L) -> Self
    where
        L: Layer,
    {
        Self(layers)
    }

    /// `ŷ = net(x)` for one sample.
    #[must_use]
    // `Y` is `Row<L::Out>`: as a return type that would hide the message of `Accepts`.
    pub fn predict<Y: Copy + Zeroed>(&self, x: &Row<L::In>) -> Y
    where
        L: Layer<Out: Shape<Row = Y>>,
    {
        dispatch::<L, _>(Predict { net: self, x })
    }

    /// `ŷ = net(x)` for a batch, and leaves in `cache` what the backward pass needs.
    ///
    /// Returns a [`Pass`]: call [`output`](Pass::output) for the predictions and [`backward`](Pass::backward)
    /// (once) for the gradients. The pass borrows the network and the cache until then.
    #[inline]
    pub fn forward<'a, const B: usize>(
        &'a self,
        x: &[Row<L::In>; B],
        cache: &'a mut Cache<Self, B>,
    ) -> Pass<'a, Self, B>
    where
        L: Layer,
    {
        const { assert!(B > 0, "a batch has at least one sample") };
        cache.buffers.input_mut().copy_from_slice(x);
        cache.count_pass();
        let Cache { buffers: Buffers { layers, output, .. }, mode } = cache;
        dispatch::<L, _>(Forward { net: self, layers, output, mode });
        Pass { net: self, cache }
    }

    /// Sets every parameter of a gradient to zero: PyTorch's `optimizer.zero_grad()`.
    ///
    /// A gradient is a separate network: called on the network itself, this erases its weights.
    pub fn zero_grad(&mut self)
    where
        L: Layer,
    {
        zero(&mut self.0);
    }

    /// The types of all layers on one line, without paths: the same text for equal types, another one for different
    /// types, unless types in different modules have the same name. A file that records it is not loaded into another
    /// network. For a [`Frozen`](crate::Frozen) network these are its layers, for a [`Custom`](crate::Custom) layer
    /// the type inside.
    ///
    /// ```
    /// use constnet::{Dropout, Linear, Residual, Sequential, Tanh, Zeroed, mlp};
    ///
    /// let layers = <mlp![f64; 5, 64, 3]>::ZERO.layers().to_string();
    /// assert_eq!(layers, "Sequential![Linear<5, 64, f64>, Relu<64, f64>, Linear<64, 3, f64>]");
    ///
    /// type Net = Sequential![Residual<Sequential![Linear<2, 2>, Tanh<2>]>, Dropout<2, 20>];
    /// let layers = "Sequential![Residual<Sequential![Linear<2, 2>, Tanh<2>]>, Dropout<2, 20>]";
    /// assert!(Net::ZERO.layers().is(layers));
    /// ```
    #[must_use]
    pub const fn layers(&self) -> Layers<'_, Self>
    where
        L: Layer,
    {
        Layers(self)
    }

    /// All parameter tensors in PyTorch's order: its `named_parameters()`; the layers of a network
    /// in the network are numbered as if they stood in it themselves.
    ///
    /// ```
    /// use constnet::{Zeroed, mlp};
    ///
    /// let net = <mlp![5, 64, 3]>::ZERO;
    /// let names: Vec<_> = net.parameters().map(|p| p.to_string()).collect();
    /// assert_eq!(names, ["0.weight (64, 5)", "0.bias (64,)", "2.weight (3, 64)", "2.bias (3,)"]);
    /// ```
    pub fn parameters(&self) -> impl Iterator<Item = Parameter<'_, Elem<L>>>
    where
        L: Layer,
    {
        parameters(&self.0)
    }

    /// Calls `each` with each parameter tensor, in the order of [`parameters`](Self::parameters).
    ///
    /// ```
    /// use constnet::{Zeroed, mlp};
    ///
    /// let mut net = <mlp![2, 3, 1]>::ZERO;
    /// // Same as PyTorch's `nn.utils.vector_to_parameters`, for example for an evolution strategy.
    /// let mut vector = (1..).map(|n| n as f32);
    /// net.for_each_parameter_mut(|mut p| p.for_each_mut(|value| *value = vector.next().unwrap()));
    /// assert_eq!(net.layer::<0>().weight(), [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]);
    /// ```
    pub fn for_each_parameter_mut(&mut self, mut each: impl FnMut(ParameterMut<'_, Elem<L>>))
    where
        L: Layer,
    {
        let mut index = 0;
        while let Some(parameter) = self.0.parameter_mut(index) {
            each(parameter);
            index += 1;
        }
    }

    /// The parameter tensor of this name: PyTorch's `get_parameter`.
    ///
    /// ```
    /// use constnet::{Zeroed, mlp};
    ///
    /// let net = <mlp![5, 64, 3]>::ZERO;
    /// assert_eq!(net.get_parameter("2.weight").unwrap().sizes(), [3, 64]);
    /// assert!(net.get_parameter("1.weight").is_none(), "a ReLU has none");
    /// ```
    #[must_use]
    pub fn get_parameter(&self, name: &str) -> Option<Parameter<'_, Elem<L>>>
    where
        L: Layer,
    {
        self.parameters().find(|p| p.path().is(name))
    }

    /// The parameter tensor of this name, to be changed.
    ///
    /// ```
    /// use constnet::{Zeroed, mlp};
    ///
    /// let mut net = <mlp![2, 1]>::ZERO;
    /// net.get_parameter_mut("0.weight").unwrap().copy_from_slice(&[1.0, 2.0]);
    /// assert_eq!(net.predict(&[10.0, 100.0]), [210.0]);
    /// ```
    #[must_use]
    pub fn get_parameter_mut(&mut self, name: &str) -> Option<ParameterMut<'_, Elem<L>>>
    where
        L: Layer,
    {
        let index = self.parameters().position(|p| p.path().is(name))?;
        self.0.parameter_mut(index)
    }

    /// The layer with this index, counted from 0 as in PyTorch, activations too: PyTorch's `model[2]`. A network in the
    /// network is one layer.
    ///
    /// ```
    /// use constnet::{Zeroed, mlp};
    ///
    /// let net = <mlp![5, 64, 3]>::ZERO;
    /// assert_eq!(net.layer::<2>().bias(), &[0.0; 3]);
    /// ```
    ///
    /// An index that is too large does not compile:
    ///
    /// ```compile_fail,E0277
    /// # use constnet::{Zeroed, mlp};
    /// # let net = <mlp![5, 64, 3]>::ZERO;
    /// net.layer::<3>();
    /// ```
    #[must_use]
    pub fn layer<const INDEX: usize>(&self) -> &<L as LayerAt<U<INDEX>>>::Layer
    where
        Const<INDEX>: ToUInt,
        L: LayerAt<U<INDEX>>,
    {
        self.0.layer_at()
    }

    /// The layer with this index, to be changed.
    ///
    /// ```
    /// use constnet::{Zeroed, mlp};
    ///
    /// let mut net = <mlp![2, 1]>::ZERO;
    /// net.layer_mut::<0>().bias_mut()[0] = 1.5;
    /// assert_eq!(net.predict(&[10.0, 100.0]), [1.5]);
    /// ```
    #[must_use]
    pub fn layer_mut<const INDEX: usize>(&mut self) -> &mut <L as LayerAt<U<INDEX>>>::Layer
    where
        Const<INDEX>: ToUInt,
        L: LayerAt<U<INDEX>>,
    {
        self.0.layer_at_mut()
    }

    /// Sets all parameters to new random values, in place: those of [`He`].
    pub fn init<R: Rng + ?Sized>(&mut self, rng: &mut R)
    where
        L: Layer,
    {
        self.0.init(&He, rng);
    }

    /// Sets all parameters to the initial values of an initializer of [`init`](crate::init), in place.
    ///
    /// ```
    /// use constnet::{Xavier, Zeroed, mlp};
    /// use rand::{SeedableRng, rngs::StdRng};
    ///
    /// let mut net = <mlp![5, 64, 3]>::ZERO;
    /// net.init_with(&Xavier, &mut StdRng::seed_from_u64(0));
    /// ```
    pub fn init_with<I: Initializer, R: Rng + ?Sized>(&mut self, initializer: &I, rng: &mut R)
    where
        L: Layer,
    {
        self.0.init(initializer, rng);
    }
}

/// A network is a layer too, and can be part of another network.
impl<L: LayerTypes> LayerTypes for Sequential<L> {
    type In = L::In;
    type Out = L::Out;
    type Cache<const B: usize> = L::Cache<B>;
    type Scratch = L::Scratch;
    type Ends = L::Ends;
}

impl<L: Layer> Layer for Sequential<L> {
    const PARAMS: usize = L::PARAMS;
    const LAYERS: usize = L::LAYERS;
    const IS_RANDOM: bool = L::IS_RANDOM;

    #[inline(always)]
    fn input_buffer<'a, const B: usize>(
        cache: &'a mut L::Cache<B>,
        y: &'a mut [Row<L::Out>; B],
    ) -> &'a mut [Row<L::In>; B] {
        L::input_buffer(cache, y)
    }

    #[inline(always)]
    fn forward<S: Simd<Elem<L>>, const B: usize>(
        &self,
        ctx: Context<S>,
        cache: &mut L::Cache<B>,
        y: &mut [Row<L::Out>; B],
        epilogue: impl Epilogue<Elem<L>>,
    ) {
        self.0.forward(ctx, cache, y, epilogue);
    }

    #[inline(always)]
    fn backward<S: Simd<Elem<L>>, const B: usize>(
        &self,
        ctx: Context<S>,
        cache: &mut L::Cache<B>,
        scratch: &mut L::Scratch,
        dy: &mut [Row<L::Out>; B],
        input_grad: impl InputGrad<Elem<L>>,
        gradient: &mut Self,
    ) {
        self.0.backward(ctx, cache, scratch, dy, input_grad, &mut gradient.0);
    }

    #[inline(always)]
    fn backward_update<S: Simd<Elem<L>>, R: UpdateRule<Elem<L>>, const B: usize>(
        &mut self,
        ctx: Context<S>,
        cache: &mut L::Cache<B>,
        scratch: &mut L::Scratch,
        dy: &mut [Row<L::Out>; B],
        input_grad: impl InputGrad<Elem<L>>,
        rule: R,
        state: SlotsOf<R, Elem<L>, &mut Self>,
    ) -> bool {
        let state = R::Slots::map(state, |s| &mut s.0);
        self.0.backward_update(ctx, cache, scratch, dy, input_grad, rule, state)
    }

    #[inline(always)]
    fn backward_samples<S: Simd<Elem<L>>, G: SampleGradients<Elem<L>>, const B: usize>(
        &self,
        ctx: Context<S>,
        cache: &mut L::Cache<B>,
        scratch: &mut L::Scratch,
        dy: &mut [Row<L::Out>; B],
        input_grad: impl InputGrad<Elem<L>>,
        gradients: &mut G,
        first: usize,
    ) {
        self.0.backward_samples(ctx, cache, scratch, dy, input_grad, gradients, first);
    }

    #[inline(always)]
    fn forward_tangents<S: Simd<Elem<L>>, const B: usize>(
        &self,
        ctx: Context<S>,
        cache: &mut L::Cache<B>,
        y: &mut [Row<L::Out>; B],
        tangents: &mut L::Cache<B>,
        dy: &mut [Row<L::Out>; B],
    ) {
        self.0.forward_tangents(ctx, cache, y, tangents, dy);
    }

    fn print(&self, printer: &mut Printer<'_, '_>) -> fmt::Result {
        printer.text("", "constnet::Sequential![\n    ", "constnet::sequential![\n    ", "Sequential![")?;
        self.0.print(printer)?;
        printer.text("", ",\n]", ",\n]", "]")
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

impl<L: Zeroed> Zeroed for Sequential<L> {
    const ZERO: Self = Self(L::ZERO);
}

impl<L: ParamCount> ParamCount for Sequential<L> {
    type Count = L::Count;
}

impl<L: CacheSize> CacheSize for Sequential<L> {
    type Cached = L::Cached;
    type Output = L::Output;
}

impl<L: Cost> Cost for Sequential<L> {
    const FORWARD: usize = L::FORWARD;
    const WEIGHT_GRADIENT: usize = L::WEIGHT_GRADIENT;
    const HIDDEN_INPUT_GRADIENT: usize = L::HIDDEN_INPUT_GRADIENT;
    const FIRST_INPUT_GRADIENT: usize = L::FIRST_INPUT_GRADIENT;
    const NEEDS_OUTPUT_GRADIENT: bool = L::NEEDS_OUTPUT_GRADIENT;
    const FROZEN_BYTES: usize = L::FROZEN_BYTES;
}

last_layer!(Sequential<L>, L);
compare_impls!(Sequential<L>, Elem<L>, L: Layer + PartialEq);

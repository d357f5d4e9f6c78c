//! The network: a chain of layers, with what one does with a network.

use core::fmt;

use rand::Rng;

use crate::{
    Activation, Elem, Feeds, Identity, Layer, Parameter, ParameterMut, Part, Row, Rule, Shape, Unwanted,
    Zeroed,
    activation::{backward_all, forward_all},
    kernel::{Dispatch, Isa, Kernel},
    layer::zero,
};

/// A network: layers in a row, as PyTorch's `nn.Sequential`.
///
/// Inside is a chain of nested pairs; [`mlp!`](crate::mlp) writes the type of a ReLU network,
/// [`Sequential!`](macro@crate::Sequential) that of any, and [`sequential!`](crate::sequential)
/// builds a value. The gradient of a network is a network of the same type.
///
/// With the feature `serde` a network goes through any of serde's formats. JSON keeps every bit of an
/// `f64` with `serde_json`'s feature `float_roundtrip` only, and has no NaN and no infinity. Postcard
/// stores the numbers and nothing about their shapes: the bytes of a larger network read as a smaller
/// one, unless `take_from_bytes` is asked what is left.
///
/// # Examples
///
/// ```
/// use constnet::{Linear, Relu, Sequential, Tape, Zeroed, mlp, sequential};
///
/// let net: mlp![2, 2, 1] = sequential![
///     Linear::new([[1.0, 1.0], [1.0, -1.0]], [0.0, 0.0]),
///     Relu::new(),
///     Linear::new([[2.0, 1.0]], [0.5]),
/// ];
/// assert_eq!(net.predict(&[3.0, 4.0]), [14.5]);
///
/// let mut tape = Tape::ZERO;
/// let mut gradient = Sequential::ZERO;
/// let pass = net.forward(&[[3.0, 4.0]], &mut tape);
/// assert_eq!(pass.output(), &[[14.5]]);
/// pass.backward(&[[1.0]], &mut gradient);
/// assert_eq!(gradient.0.0.weight(), [[6.0, 8.0], [0.0, 0.0]]);
/// ```
#[derive(Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Sequential<L>(pub L);

/// As PyTorch's `print(model)`, with the number of parameters of each layer.
///
/// ```
/// use constnet::{Zeroed, mlp};
///
/// assert_eq!(
///     <mlp![5, 64, 3]>::ZERO.to_string(),
///     "Sequential(
///   (0): Linear(in_features=5, out_features=64, bias=True)  # 384 parameters
///   (1): ReLU()
///   (2): Linear(in_features=64, out_features=3, bias=True)  # 195 parameters
/// )  # 579 parameters"
/// );
/// ```
impl<L: Layer> fmt::Display for Sequential<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Sequential(")?;
        self.0.describe(0, f)?;
        write!(f, ")  # {} parameters", L::PARAMS)
    }
}

/// All parameters; of long tensors a summary.
impl<L: Layer> fmt::Debug for Sequential<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.parameters().map(|p| (p.path(), p.values()))).finish()
    }
}

/// What a network remembers of a batch of `B` from the forward to the backward pass.
///
/// A value of known size, to be made once and used again and again: on the stack, in a `static`,
/// in a box. Each layer's input is in it, and room to work in on the way back.
pub struct Tape<N: Layer, const B: usize> {
    pub(crate) layers: N::Tape<B>,
    pub(crate) output: [Row<N::Out>; B],
    pub(crate) scratch: N::Scratch,
}

impl<N: Layer, const B: usize> Tape<N, B> {
    /// Whether the passes that follow are of training, as PyTorch's `model.train(mode)`: then
    /// [`Dropout`](crate::Dropout) leaves features out. A new tape is one of inference.
    #[inline(always)]
    pub fn training(&mut self, mode: bool) {
        N::noise(&mut self.layers, mode.then_some(0));
    }

    /// Where the network's input goes.
    #[inline(always)]
    pub(crate) fn input_mut(&mut self) -> &mut [Row<N::In>; B] {
        N::input(&mut self.layers, &mut self.output)
    }
}

impl<N: Layer, const B: usize> Zeroed for Tape<N, B> {
    const ZERO: Self = Self { layers: Zeroed::ZERO, output: Zeroed::ZERO, scratch: Zeroed::ZERO };
}

impl<N: Layer, const B: usize> fmt::Debug for Tape<N, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tape").field("output", &self.output).finish_non_exhaustive()
    }
}

impl<L: Layer> Sequential<L> {
    /// How many numbers there are to train: all weights and biases.
    pub const PARAMS: usize = L::PARAMS;
}

// The bound is on each method, not on the type, so that a chain that does not fit together is
// one error where it is used, in the words of `Feeds`.
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
    // `Y` is `Row<L::Out>`: as a return type that would hide the words of `Feeds`.
    pub fn predict<Y: Copy + Zeroed>(&self, x: &Row<L::In>) -> Y
    where
        L: Layer<Out: Shape<Row = Y>>,
    {
        let (mut layers, mut output) = (L::Tape::<1>::ZERO, [Y::ZERO]);
        *L::input(&mut layers, &mut output) = [*x];
        Elem::<L>::dispatch(Forward { net: self, layers: &mut layers, output: &mut output });
        output[0]
    }

    /// `ŷ = net(x)` for a batch, with what the backward pass needs left in the tape.
    ///
    /// The pass that it gives has the output, and the way back. While it lives, nobody can change
    /// the network or the tape, and it can be gone back once.
    #[inline]
    pub fn forward<'a, const B: usize>(
        &'a self,
        x: &[Row<L::In>; B],
        tape: &'a mut Tape<Self, B>,
    ) -> Pass<'a, Self, B>
    where
        L: Layer,
    {
        const { assert!(B > 0, "a batch has at least one sample") };
        *tape.input_mut() = *x;
        Elem::<L>::dispatch(Forward { net: self, layers: &mut tape.layers, output: &mut tape.output });
        Pass { net: self, tape }
    }

    /// Sets every parameter of a gradient to zero, as PyTorch's `optimizer.zero_grad()`.
    ///
    /// A gradient is a network of its own: called on the network itself, this erases its weights.
    pub fn zero_grad(&mut self)
    where
        L: Layer,
    {
        zero(&mut self.0);
    }

    /// All parameter tensors in PyTorch's order, as its `named_parameters()`; the layers of a network
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
        (0..self.0.tensors()).filter_map(|index| self.0.parameter(index))
    }

    /// Does something with each parameter tensor, in the order of [`parameters`](Self::parameters).
    ///
    /// ```
    /// use constnet::{Zeroed, mlp};
    ///
    /// let mut net = <mlp![2, 3, 1]>::ZERO;
    /// // As PyTorch's `nn.utils.vector_to_parameters`, say for an evolution strategy.
    /// let mut vector = (1..).map(|n| n as f32);
    /// net.for_each_parameter_mut(|mut p| p.for_each_mut(|value| *value = vector.next().unwrap()));
    /// assert_eq!(net.0.0.weight(), [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]);
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

    /// The parameter tensor of this name, as PyTorch's `get_parameter`.
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

    /// Draws all parameters anew, in place: see [`He`](crate::He).
    pub fn init<R: Rng + ?Sized>(&mut self, rng: &mut R)
    where
        L: Layer,
    {
        self.0.init(rng);
    }
}

/// A finished forward pass: its output, and the way back.
#[must_use = "a forward pass has an output"]
pub struct Pass<'a, N: Layer, const B: usize> {
    net: &'a N,
    tape: &'a mut Tape<N, B>,
}

impl<'a, N: Layer, const B: usize> Pass<'a, N, B> {
    /// The predictions.
    #[must_use]
    pub fn output(&self) -> &[Row<N::Out>; B] {
        &self.tape.output
    }

    /// Given `dy`, the gradient of each sample with respect to the output, adds the gradient of
    /// every parameter, averaged over the batch, to `gradient`.
    pub fn backward(self, dy: &[Row<N::Out>; B], gradient: &mut N) {
        let Self { net, tape } = self;
        Elem::<N>::dispatch(Backward { net, tape, dy, before: Unwanted, gradient });
    }

    /// As [`backward`](Self::backward), and gives the gradient of each sample with respect to the
    /// input.
    ///
    /// A network that starts [`Frozen`](crate::Frozen) has none, and the compiler says so.
    pub fn backward_to_input(self, dy: &[Row<N::Out>; B], gradient: &mut N) -> &'a [Row<N::In>; B]
    where
        N::In: Feeds<N::In, N, N>,
    {
        let Self { net, tape } = self;
        Elem::<N>::dispatch(Backward { net, tape: &mut *tape, dy, before: Identity, gradient });
        tape.input_mut()
    }
}

impl<N: Layer, const B: usize> fmt::Debug for Pass<'_, N, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pass").field("output", self.output()).finish_non_exhaustive()
    }
}

/// A network is a layer too, and can stand in another's chain.
impl<L: Layer> Layer for Sequential<L> {
    type In = L::In;
    type Out = L::Out;
    type First = L::First;
    type Last = L::Last;
    type Lead = L::Lead;
    type Trail = L::Trail;
    type Tape<const B: usize> = L::Tape<B>;
    type Scratch = L::Scratch;

    const PARAMS: usize = L::PARAMS;
    const WEIGHTS: usize = L::WEIGHTS;
    const LAYERS: usize = L::LAYERS;

    #[inline(always)]
    fn input<'a, const B: usize>(
        tape: &'a mut L::Tape<B>,
        y: &'a mut [Row<L::Out>; B],
    ) -> &'a mut [Row<L::In>; B] {
        L::input(tape, y)
    }

    #[inline(always)]
    fn forward_tape<I: Isa<Elem<L>>, const B: usize>(
        &self,
        isa: I,
        tape: &mut L::Tape<B>,
        y: &mut [Row<L::Out>; B],
        then: impl Activation<Elem<L>>,
    ) {
        self.0.forward_tape(isa, tape, y, then);
    }

    #[inline(always)]
    fn backward_tape<I: Isa<Elem<L>>, const B: usize>(
        &self,
        isa: I,
        tape: &mut L::Tape<B>,
        scratch: &mut L::Scratch,
        dy: &mut [Row<L::Out>; B],
        before: impl Activation<Elem<L>>,
        gradient: &mut Self,
    ) {
        self.0.backward_tape(isa, tape, scratch, dy, before, &mut gradient.0);
    }

    #[inline(always)]
    fn backward_step<I: Isa<Elem<L>>, U: Rule<Elem<L>, S>, const S: usize, const B: usize>(
        &mut self,
        isa: I,
        tape: &mut L::Tape<B>,
        scratch: &mut L::Scratch,
        dy: &mut [Row<L::Out>; B],
        before: impl Activation<Elem<L>>,
        rule: U,
        state: [&mut Self; S],
    ) {
        self.0.backward_step(isa, tape, scratch, dy, before, rule, state.map(|s| &mut s.0));
    }

    #[inline(always)]
    fn update<I: Isa<Elem<L>>, U: Rule<Elem<L>, S>, const S: usize>(
        &mut self,
        isa: I,
        rule: U,
        gradient: &Self,
        state: [&mut Self; S],
    ) {
        self.0.update(isa, rule, &gradient.0, state.map(|s| &mut s.0));
    }

    #[inline(always)]
    fn noise<const B: usize>(tape: &mut L::Tape<B>, stream: Option<u32>) {
        L::noise(tape, stream);
    }

    fn passes<const B: usize>(tape: &L::Tape<B>) -> u32 {
        L::passes(tape)
    }

    fn set_passes<const B: usize>(tape: &mut L::Tape<B>, passes: u32) {
        L::set_passes(tape, passes);
    }

    fn init<R: Rng + ?Sized>(&mut self, rng: &mut R) {
        self.0.init(rng);
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

    fn describe(&self, index: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.describe(index, f)
    }

    fn source_of(&self, part: Part, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match part {
            Part::Type => "constnet::Sequential![\n    ",
            Part::Value => "constnet::sequential![\n    ",
        })?;
        self.0.source_of(part, f)?;
        f.write_str(",\n]")
    }
}

impl<L: Zeroed> Zeroed for Sequential<L> {
    const ZERO: Self = Self(L::ZERO);
}

/// The whole network forwards, from the input that the tape already holds.
pub(crate) struct Forward<'a, N: Layer, const B: usize> {
    pub(crate) net: &'a N,
    pub(crate) layers: &'a mut N::Tape<B>,
    pub(crate) output: &'a mut [Row<N::Out>; B],
}

impl<N: Layer, const B: usize> Kernel<Elem<N>> for Forward<'_, N, B> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa<Elem<N>>>(self, isa: I) {
        let Self { net, layers, output } = self;
        forward_all(isa, N::Lead::default(), N::In::flatten_mut(N::input(layers, output)));
        net.forward_tape(isa, layers, output, Identity);
    }
}

/// The whole network backwards.
pub(crate) struct Backward<'a, N: Layer, A, const B: usize> {
    pub(crate) net: &'a N,
    pub(crate) tape: &'a mut Tape<N, B>,
    pub(crate) dy: &'a [Row<N::Out>; B],
    pub(crate) before: A,
    pub(crate) gradient: &'a mut N,
}

impl<N: Layer, A: Activation<Elem<N>>, const B: usize> Kernel<Elem<N>> for Backward<'_, N, A, B> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa<Elem<N>>>(self, isa: I) {
        let Self { net, tape: Tape { layers, output, scratch }, dy, before, gradient } = self;
        backward_all(isa, N::Trail::default(), N::Out::flatten_mut(output), N::Out::flatten(dy));
        net.backward_tape(isa, layers, scratch, output, before, gradient);
    }
}

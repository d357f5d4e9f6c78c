//! The trait at the centre: what every layer and every network can do.

use core::{any::type_name, fmt};

use rand::Rng;

use crate::{
    Activation, Identity, Parameter, ParameterMut, Part, Row, Rule, Shape, Unwanted, Zeroed,
    activation::After, kernel::Isa, source,
};

/// The element type of a layer: `f32` or `f64`.
pub type Elem<L> = <<L as Layer>::In as Shape>::Elem;

/// A layer, or a chain of them: a pair `(A, R)` of a first layer and the rest is one too.
///
/// You meet this trait as a bound and seldom call it: [`Sequential`](struct@crate::Sequential) has the
/// methods of a network. To write a layer of your own, implement the far smaller
/// [`CustomLayer`](crate::CustomLayer), which gives this trait.
///
/// # How rows flow
///
/// Each layer keeps its input for the backward pass, in its [`Tape`](Self::Tape), so what one
/// layer gives is written straight to where the next one keeps it ([`input`](Self::input)).
/// The backward pass then goes the other way and turns each kept input, in its place, into the
/// gradient with respect to it. So a [`Linear`](crate::Linear) layer needs one array of rows, and no more.
///
/// An [`Activation`] between two layers has no rows of its own: the layer before it applies it as
/// it writes (`then`), the layer after it applies its derivative as it writes (`before`).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a layer, nor a chain of layers",
    note = "a network is a chain of nested pairs, `(Linear<5, 64>, (Relu<64>, Linear<64, 3>))`",
    note = "a layer of your own implements `CustomLayer`"
)]
pub trait Layer: Zeroed {
    /// The features it takes.
    type In: Shape;
    /// The features it gives.
    type Out: Shape<Elem = Elem<Self>>;
    /// The first layer of a chain, to be named in a compiler's message.
    type First;
    /// The last layer of a chain, to be named in a compiler's message.
    type Last;
    /// The activation that whoever writes the [`input`](Self::input) applies first.
    type Lead: Activation<Elem<Self>> + After<Identity> + After<Unwanted>;
    /// The activation whose derivative whoever reads the output applies on the way back.
    type Trail: Activation<Elem<Self>>;
    /// What a batch of `B` leaves behind for the backward pass.
    type Tape<const B: usize>: Zeroed;
    /// Room to work in on the way back, whatever the batch.
    type Scratch: Zeroed;

    /// How many numbers there are to train.
    const PARAMS: usize = 0;
    /// How many weights: parameters less biases. A forward pass takes one multiply-add for each.
    const WEIGHTS: usize = 0;
    /// How many layers the chain has.
    const LAYERS: usize = 1;

    /// Where the layer wants its input; `y` is where its output is to go.
    fn input<'a, const B: usize>(
        tape: &'a mut Self::Tape<B>,
        y: &'a mut [Row<Self::Out>; B],
    ) -> &'a mut [Row<Self::In>; B];

    /// Reads the input, writes `then(layer(input))` to `y`.
    fn forward_tape<I: Isa<Elem<Self>>, const B: usize>(
        &self,
        isa: I,
        tape: &mut Self::Tape<B>,
        y: &mut [Row<Self::Out>; B],
        then: impl Activation<Elem<Self>>,
    );

    /// Given `dy` adds to the gradient, averaged over the batch, and turns the input into the
    /// gradient with respect to what `before` was applied to.
    fn backward_tape<I: Isa<Elem<Self>>, const B: usize>(
        &self,
        isa: I,
        tape: &mut Self::Tape<B>,
        scratch: &mut Self::Scratch,
        dy: &mut [Row<Self::Out>; B],
        before: impl Activation<Elem<Self>>,
        gradient: &mut Self,
    );

    /// As [`backward_tape`](Self::backward_tape), but puts the gradient to use at once: each
    /// parameter is updated by the rule as its gradient is known, and none is stored.
    ///
    /// Unless a layer says otherwise, its own gradient is kept on the stack.
    #[inline(always)]
    fn backward_step<I: Isa<Elem<Self>>, U: Rule<Elem<Self>, S>, const S: usize, const B: usize>(
        &mut self,
        isa: I,
        tape: &mut Self::Tape<B>,
        scratch: &mut Self::Scratch,
        dy: &mut [Row<Self::Out>; B],
        before: impl Activation<Elem<Self>>,
        rule: U,
        state: [&mut Self; S],
    ) {
        let mut gradient = Self::ZERO;
        self.backward_tape(isa, tape, scratch, dy, before, &mut gradient);
        self.update(isa, rule, &gradient, state);
    }

    // What follows is left as it is by a layer without parameters.

    /// Updates every parameter by the rule, given the whole gradient.
    #[inline(always)]
    fn update<I: Isa<Elem<Self>>, U: Rule<Elem<Self>, S>, const S: usize>(
        &mut self,
        isa: I,
        rule: U,
        gradient: &Self,
        state: [&mut Self; S],
    ) {
        let _ = (isa, rule, gradient, state);
    }

    /// Says whether the passes that follow are of training, and by which stream of noise, or of
    /// inference. Of interest to [`Dropout`](crate::Dropout); a tape of zeros is of inference.
    #[inline(always)]
    fn noise<const B: usize>(tape: &mut Self::Tape<B>, stream: Option<u32>) {
        let _ = (tape, stream);
    }

    /// How many passes of training the tape has seen, by which noise is drawn; 0 where there is none.
    fn passes<const B: usize>(tape: &Self::Tape<B>) -> u32 {
        let _ = tape;
        0
    }

    /// Goes on after so many passes: what is saved of a tape.
    fn set_passes<const B: usize>(tape: &mut Self::Tape<B>, passes: u32) {
        let _ = (tape, passes);
    }

    /// Draws new parameters; see [`He`](crate::He).
    fn init<R: Rng + ?Sized>(&mut self, rng: &mut R) {
        let _ = rng;
    }

    /// How many parameter tensors there are: two for each [`Linear`](crate::Linear).
    fn tensors(&self) -> usize {
        0
    }

    /// The parameter tensor of this number, counted from 0 in PyTorch's order.
    fn parameter(&self, index: usize) -> Option<Parameter<'_, Elem<Self>>> {
        let _ = index;
        None
    }

    /// The parameter tensor of this number, to be changed.
    fn parameter_mut(&mut self, index: usize) -> Option<ParameterMut<'_, Elem<Self>>> {
        let _ = index;
        None
    }

    /// Writes a line about each layer, as PyTorch's `print(model)` does.
    ///
    /// # Errors
    ///
    /// Those of the formatter.
    fn describe(&self, index: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result;

    /// Writes each layer of a chain as Rust source; see [`Sequential::source`](crate::Sequential::source).
    ///
    /// Unless it says otherwise, a layer's type is what the compiler calls it, and its value is zero.
    ///
    /// # Errors
    ///
    /// Those of the formatter.
    fn source_of(&self, part: Part, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        source::of_type::<Self>(part, format_args!("{}", type_name::<Self>()), f)
    }
}

/// Sets every parameter to zero.
pub(crate) fn zero<L: Layer>(layer: &mut L) {
    let mut index = 0;
    while let Some(parameter) = layer.parameter_mut(index) {
        parameter.values.fill(Zeroed::ZERO);
        index += 1;
    }
}

/// Writes what [`Layer::describe`] has to say of one layer.
pub(crate) fn line(
    f: &mut fmt::Formatter<'_>,
    index: usize,
    parameters: usize,
    layer: fmt::Arguments<'_>,
) -> fmt::Result {
    write!(f, "  ({index}): {layer}")?;
    if parameters > 0 {
        write!(f, "  # {parameters} parameters")?;
    }
    writeln!(f)
}

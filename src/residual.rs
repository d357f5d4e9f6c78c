//! A body with a way around it.

use core::fmt;

use rand::Rng;

use crate::{
    Activation, Elem, Element, Features, Identity, Layer, Parameter, ParameterMut, Row, Rule, Shape, Zeroed,
    activation::{backward_all, forward_all},
    kernel::Isa,
    source::Part,
};

/// Adds what a body gives to what it takes: `y = x + body(x)`.
///
/// | quantity | shape | rule |
/// |---|---|---|
/// | `x`, `y` | `(B, N)` | `y = x + body(x)` |
/// | `dx` | `(B, N)` | `dy`, and what goes back through the body |
///
/// The body is any layer or network that gives as many features as it takes; the compiler refuses
/// another. PyTorch has no layer for it: there it is a line of one's own `forward`. Its layers are
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
/// // (2, 3) + (2, 0)
/// assert_eq!(net.predict(&[2.0, 3.0]), [7.0]);
/// ```
///
/// Not with a body that changes the width:
///
/// ```compile_fail,E0277
/// # use constnet::{Linear, Residual, Sequential, Zeroed};
/// let net: Sequential![Residual<Linear<5, 3>>, Linear<3, 1>] = Zeroed::ZERO;
/// net.predict(&[0.0; 5]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Residual<L>(pub L);

/// That a body gives what it takes, so that the two can be added. Implemented for equal
/// [`Features`] alone.
#[diagnostic::on_unimplemented(
    message = "the body of this `Residual` takes `{Taken}`, but gives `{Self}`",
    label = "what the body gives is added to what it takes: it must be as wide"
)]
pub trait AddsTo<Taken>: Shape {}

impl<const N: usize, T: Element> AddsTo<Self> for Features<N, T> {}

/// What a residual block keeps of a batch: its input and what its body gave, beside the body's own.
#[derive(Debug)]
pub struct ResidualTape<X, Y, B> {
    x: X,
    given: Y,
    body: B,
}

impl<X: Zeroed, Y: Zeroed, B: Zeroed> Zeroed for ResidualTape<X, Y, B> {
    const ZERO: Self = Self { x: X::ZERO, given: Y::ZERO, body: B::ZERO };
}

impl<L: Zeroed> Zeroed for Residual<L> {
    const ZERO: Self = Self(L::ZERO);
}

/// Takes the gradient with respect to the output back to what the body gave before its last
/// activation.
#[inline(always)]
fn into_body<I: Isa<Elem<L>>, L: Layer, const B: usize>(
    isa: I,
    tape: &mut <Residual<L> as Layer>::Tape<B>,
    dy: &[Row<L::Out>; B],
) where
    L::Out: AddsTo<L::In>,
{
    backward_all(isa, L::Trail::default(), L::Out::flatten_mut(&mut tape.given), L::Out::flatten(dy));
}

/// Adds both ways' gradients, and turns the input into `before`'s share of them.
#[inline(always)]
fn out_of_body<I: Isa<Elem<L>>, L: Layer, const B: usize>(
    isa: I,
    tape: &mut <Residual<L> as Layer>::Tape<B>,
    dy: &mut [Row<L::Out>; B],
    before: impl Activation<Elem<L>>,
) where
    L::Out: AddsTo<L::In>,
{
    let through = L::In::flatten(L::input(&mut tape.body, &mut tape.given));
    let around = L::Out::flatten_mut(dy);
    for (around, through) in around.chunks_mut(I::LANES).zip(through.chunks(I::LANES)) {
        let sum = isa.add(isa.load(around), isa.load(through));
        isa.store(around, sum);
    }
    backward_all(isa, before, L::In::flatten_mut(&mut tape.x), around);
}

impl<L: Layer> Layer for Residual<L>
where
    L::Out: AddsTo<L::In>,
{
    type In = L::In;
    type Out = L::Out;
    type First = Self;
    type Last = Self;
    type Lead = Identity;
    type Trail = Identity;
    type Tape<const B: usize> = ResidualTape<[Row<L::In>; B], [Row<L::Out>; B], L::Tape<B>>;
    type Scratch = L::Scratch;

    const PARAMS: usize = L::PARAMS;
    const WEIGHTS: usize = L::WEIGHTS;
    const LAYERS: usize = L::LAYERS;

    #[inline(always)]
    fn input<'a, const B: usize>(
        tape: &'a mut Self::Tape<B>,
        _: &'a mut [Row<L::Out>; B],
    ) -> &'a mut [Row<L::In>; B] {
        &mut tape.x
    }

    #[inline(always)]
    fn forward_tape<I: Isa<Elem<L>>, const B: usize>(
        &self,
        isa: I,
        tape: &mut Self::Tape<B>,
        y: &mut [Row<L::Out>; B],
        then: impl Activation<Elem<L>>,
    ) {
        let taken = L::input(&mut tape.body, &mut tape.given);
        *taken = tape.x;
        forward_all(isa, L::Lead::default(), L::In::flatten_mut(taken));
        self.0.forward_tape(isa, &mut tape.body, &mut tape.given, Identity);
        let (x, given) = (L::In::flatten(&tape.x), L::Out::flatten(&tape.given));
        let y = L::Out::flatten_mut(y).chunks_mut(I::LANES);
        for (y, (x, given)) in y.zip(x.chunks(I::LANES).zip(given.chunks(I::LANES))) {
            isa.store(y, then.forward(isa, isa.add(isa.load(x), isa.load(given))));
        }
    }

    #[inline(always)]
    fn backward_tape<I: Isa<Elem<L>>, const B: usize>(
        &self,
        isa: I,
        tape: &mut Self::Tape<B>,
        scratch: &mut L::Scratch,
        dy: &mut [Row<L::Out>; B],
        before: impl Activation<Elem<L>>,
        gradient: &mut Self,
    ) {
        into_body::<I, L, B>(isa, tape, dy);
        self.0.backward_tape(isa, &mut tape.body, scratch, &mut tape.given, Identity, &mut gradient.0);
        out_of_body::<I, L, B>(isa, tape, dy, before);
    }

    #[inline(always)]
    fn backward_step<I: Isa<Elem<L>>, U: Rule<Elem<L>, S>, const S: usize, const B: usize>(
        &mut self,
        isa: I,
        tape: &mut Self::Tape<B>,
        scratch: &mut L::Scratch,
        dy: &mut [Row<L::Out>; B],
        before: impl Activation<Elem<L>>,
        rule: U,
        state: [&mut Self; S],
    ) {
        into_body::<I, L, B>(isa, tape, dy);
        let state = state.map(|s| &mut s.0);
        self.0.backward_step(isa, &mut tape.body, scratch, &mut tape.given, Identity, rule, state);
        out_of_body::<I, L, B>(isa, tape, dy, before);
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
    fn noise<const B: usize>(tape: &mut Self::Tape<B>, stream: Option<u32>) {
        L::noise(&mut tape.body, stream);
    }

    fn passes<const B: usize>(tape: &Self::Tape<B>) -> u32 {
        L::passes(&tape.body)
    }

    fn set_passes<const B: usize>(tape: &mut Self::Tape<B>, passes: u32) {
        L::set_passes(&mut tape.body, passes);
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
        writeln!(f, "  # residual, x + body(x):")?;
        self.0.describe(index, f)?;
        writeln!(f, "  # end of the body")
    }

    fn source_of(&self, part: Part, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (open, close) = match part {
            Part::Type => ("constnet::Residual<", ">"),
            Part::Value => ("constnet::Residual(", ")"),
        };
        f.write_str(open)?;
        self.0.source_of(part, f)?;
        f.write_str(close)
    }
}

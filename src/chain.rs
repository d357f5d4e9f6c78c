//! The pair that chains a layer with the layers after it.

use core::fmt;

use rand::Rng;

use crate::{
    Activation, Elem, Feeds, Layer, Parameter, ParameterMut, Part, Row, Rule, Shape, activation::After,
    kernel::Isa,
};

/// A chain: the first layer, then the rest.
impl<A: Layer, R: Layer> Layer for (A, R)
where
    A::Out: Feeds<R::In, A::Last, R::First>,
    R::Lead: After<A::Trail>,
    R::Out: Shape<Elem = Elem<A>>,
    R::In: Shape<Elem = Elem<A>>,
{
    type In = A::In;
    type Out = R::Out;
    type First = A::First;
    type Last = R::Last;
    type Lead = A::Lead;
    type Trail = R::Trail;
    type Tape<const B: usize> = (A::Tape<B>, R::Tape<B>);
    type Scratch = (A::Scratch, R::Scratch);

    const PARAMS: usize = A::PARAMS + R::PARAMS;
    const WEIGHTS: usize = A::WEIGHTS + R::WEIGHTS;
    const LAYERS: usize = A::LAYERS + R::LAYERS;

    #[inline(always)]
    fn input<'a, const B: usize>(
        tape: &'a mut Self::Tape<B>,
        y: &'a mut [Row<R::Out>; B],
    ) -> &'a mut [Row<A::In>; B] {
        A::input(&mut tape.0, A::Out::as_given(R::input(&mut tape.1, y)))
    }

    #[inline(always)]
    fn forward_tape<I: Isa<Elem<A>>, const B: usize>(
        &self,
        isa: I,
        tape: &mut Self::Tape<B>,
        y: &mut [Row<R::Out>; B],
        then: impl Activation<Elem<A>>,
    ) {
        let between = A::Out::as_given(R::input(&mut tape.1, y));
        self.0.forward_tape(isa, &mut tape.0, between, R::Lead::default());
        self.1.forward_tape(isa, &mut tape.1, y, then);
    }

    #[inline(always)]
    fn backward_tape<I: Isa<Elem<A>>, const B: usize>(
        &self,
        isa: I,
        tape: &mut Self::Tape<B>,
        scratch: &mut Self::Scratch,
        dy: &mut [Row<R::Out>; B],
        before: impl Activation<Elem<A>>,
        gradient: &mut Self,
    ) {
        self.1.backward_tape(isa, &mut tape.1, &mut scratch.1, dy, A::Trail::default(), &mut gradient.1);
        let between = A::Out::as_given(R::input(&mut tape.1, dy));
        self.0.backward_tape(isa, &mut tape.0, &mut scratch.0, between, before, &mut gradient.0);
    }

    #[inline(always)]
    fn backward_step<I: Isa<Elem<A>>, U: Rule<Elem<A>, S>, const S: usize, const B: usize>(
        &mut self,
        isa: I,
        tape: &mut Self::Tape<B>,
        scratch: &mut Self::Scratch,
        dy: &mut [Row<R::Out>; B],
        before: impl Activation<Elem<A>>,
        rule: U,
        mut state: [&mut Self; S],
    ) {
        let rest = state.each_mut().map(|s| &mut s.1);
        self.1.backward_step(isa, &mut tape.1, &mut scratch.1, dy, A::Trail::default(), rule, rest);
        let between = A::Out::as_given(R::input(&mut tape.1, dy));
        let first = state.map(|s| &mut s.0);
        self.0.backward_step(isa, &mut tape.0, &mut scratch.0, between, before, rule, first);
    }

    #[inline(always)]
    fn update<I: Isa<Elem<A>>, U: Rule<Elem<A>, S>, const S: usize>(
        &mut self,
        isa: I,
        rule: U,
        gradient: &Self,
        mut state: [&mut Self; S],
    ) {
        self.0.update(isa, rule, &gradient.0, state.each_mut().map(|s| &mut s.0));
        self.1.update(isa, rule, &gradient.1, state.map(|s| &mut s.1));
    }

    #[inline(always)]
    fn noise<const B: usize>(tape: &mut Self::Tape<B>, stream: Option<u32>) {
        A::noise(&mut tape.0, stream);
        R::noise(&mut tape.1, stream.map(|stream| stream.wrapping_add(A::LAYERS as u32)));
    }

    fn passes<const B: usize>(tape: &Self::Tape<B>) -> u32 {
        A::passes(&tape.0).max(R::passes(&tape.1))
    }

    fn set_passes<const B: usize>(tape: &mut Self::Tape<B>, passes: u32) {
        A::set_passes(&mut tape.0, passes);
        R::set_passes(&mut tape.1, passes);
    }

    fn init<G: Rng + ?Sized>(&mut self, rng: &mut G) {
        self.0.init(rng);
        self.1.init(rng);
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

    fn describe(&self, index: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.describe(index, f)?;
        self.1.describe(index + A::LAYERS, f)
    }
    fn source_of(&self, part: Part, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.source_of(part, f)?;
        f.write_str(",\n    ")?;
        self.1.source_of(part, f)
    }
}

//! A step that lacks only its rule.

use super::Rule;
use crate::{Activation, Elem, Layer, Row, kernel::Isa, layer::zero};

/// A step that lacks only its rule: a network, and its gradient, known or about to be.
pub trait Step<L: Layer>: Sized {
    /// The instruction set that it is made on.
    type Isa: Isa<Elem<L>>;

    /// Updates every parameter by the rule, as soon as its gradient is known.
    fn by<U: Rule<Elem<L>, S>, const S: usize>(self, rule: U, state: [&mut L; S]);

    /// Writes the whole gradient, for those who have to see all of it first, and gives the network
    /// that is still to be updated.
    fn backpropagate<'a>(self, gradient: &mut L) -> (Self::Isa, &'a mut L)
    where
        Self: 'a;
}

/// A step whose whole gradient is known.
pub(super) struct Known<'a, I, L> {
    pub(super) isa: I,
    pub(super) net: &'a mut L,
    pub(super) gradient: &'a L,
}

impl<I: Isa<Elem<L>>, L: Layer> Step<L> for Known<'_, I, L> {
    type Isa = I;

    #[inline(always)]
    fn by<U: Rule<Elem<L>, S>, const S: usize>(self, rule: U, state: [&mut L; S]) {
        self.net.update(self.isa, rule, self.gradient, state);
    }

    #[inline(always)]
    fn backpropagate<'a>(self, gradient: &mut L) -> (I, &'a mut L)
    where
        Self: 'a,
    {
        gradient.update(self.isa, Copied, self.gradient, []);
        (self.isa, self.net)
    }
}

/// The parameters become what the gradient is.
#[derive(Clone, Copy)]
struct Copied;

impl<T> Rule<T, 0> for Copied {
    #[inline(always)]
    fn update<I: Isa<T>>(self, _: I, _: I::V, gradient: I::V, _: &mut [I::V; 0]) -> I::V {
        gradient
    }
}

/// A step in the midst of a backward pass: its gradient comes layer by layer.
pub(super) struct Fused<'a, I, L: Layer, A, const B: usize> {
    pub(super) isa: I,
    pub(super) net: &'a mut L,
    pub(super) tape: &'a mut L::Tape<B>,
    pub(super) scratch: &'a mut L::Scratch,
    pub(super) dy: &'a mut [Row<L::Out>; B],
    pub(super) before: A,
}

impl<I: Isa<Elem<L>>, L: Layer, A: Activation<Elem<L>>, const B: usize> Step<L> for Fused<'_, I, L, A, B> {
    type Isa = I;

    #[inline(always)]
    fn by<U: Rule<Elem<L>, S>, const S: usize>(self, rule: U, state: [&mut L; S]) {
        let Self { isa, net, tape, scratch, dy, before } = self;
        net.backward_step(isa, tape, scratch, dy, before, rule, state);
    }

    #[inline(always)]
    fn backpropagate<'a>(self, gradient: &mut L) -> (I, &'a mut L)
    where
        Self: 'a,
    {
        let Self { isa, net, tape, scratch, dy, before } = self;
        zero(gradient);
        net.backward_tape(isa, tape, scratch, dy, before, gradient);
        (isa, net)
    }
}

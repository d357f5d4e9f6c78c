//! Elementwise activations, and how the neighbouring layers apply them, so that they need neither memory nor a
//! pass of their own.

use core::marker::PhantomData;

use super::depth::{Depth, One};
use crate::{
    matmul::epilogue::{Epilogue, InputGrad, NoActivation, NoInputGrad},
    simd::{Element, Real, Zeroed},
};

/// An elementwise activation `a = f(z)`: its formula and that of its gradient, each written once for single
/// numbers and for vectors.
///
/// [`activation_layer!`](crate::activation_layer) makes a layer of it; see there for an example.
pub trait Activation: Copy + Default {
    /// The element type.
    type Elem: Element;

    /// `a = f(z)`
    fn forward<V: Real<Self::Elem>>(z: V) -> V;

    /// `dz = da · f′(z)`. The first argument is the input `z` or the output `a`, whichever the call of
    /// [`activation_layer!`](crate::activation_layer) names.
    fn backward<V: Real<Self::Elem>>(z_or_a: V, da: V) -> V;
}

/// The first and the last layer of a chain, and the activations at its two ends.
///
/// An activation whose derivative is computed from its output needs no separate rows: the layer before it
/// applies it while it writes its output (the [`Epilogue`]), and the layer after it applies the derivative
/// while it writes `dx` (the [`InputGrad`]).
///
/// The type of your own layer is [`Unfused<Self>`](Unfused).
pub trait Ends {
    /// The first layer, named in compile errors.
    type First;
    /// The last layer, named in compile errors.
    type Last;
    /// If the chain starts with an activation, the layer before the chain applies it while writing its
    /// output. This type says which one: [`NoActivation`] if none.
    type InputActivation: CanFollow<NoActivation> + CanFollow<NoInputGrad>;
    /// If the chain ends with an activation, the layer after the chain applies its derivative while writing
    /// its `dx`. This type says which one: [`NoActivation`] if none.
    type OutputActivation;
    /// The number of links of the chain; a network or a residual block in it counts as one.
    type Depth: Depth;
}

/// The ends of a layer that applies everything itself.
#[derive(Debug)]
pub struct Unfused<L>(PhantomData<L>);

impl<L> Ends for Unfused<L> {
    type First = L;
    type Last = L;
    type InputActivation = NoActivation;
    type OutputActivation = NoActivation;
    type Depth = One;
}

/// The ends of an activation that its neighbours apply.
#[derive(Debug)]
pub struct Fused<A>(PhantomData<A>);

impl<A: Activation> Ends for Fused<A> {
    type First = A;
    type Last = A;
    type InputActivation = A;
    type OutputActivation = A;
    type Depth = One;
}

/// The ends of a chain: the first of `A`, the last of `R`.
#[derive(Debug)]
pub struct Joined<A, R>(PhantomData<(A, R)>);

impl<A: Ends, R: Ends> Ends for Joined<A, R> {
    type First = A::First;
    type Last = R::Last;
    type InputActivation = A::InputActivation;
    type OutputActivation = R::OutputActivation;
    type Depth = <R::Depth as Depth>::Next;
}

impl<A: Activation> Epilogue<A::Elem> for A {
    #[inline(always)]
    fn apply<V: Real<A::Elem>>(self, z: V) -> V {
        A::forward(z)
    }
}

impl<A: Activation> InputGrad<A::Elem> for A {
    #[inline(always)]
    fn apply<V: Real<A::Elem>>(self, a: V, da: V) -> V {
        A::backward(a, da)
    }
}

/// Whether rows must be stored between two layers: `Self` is the activation at the start of the second,
/// `Previous` the one at the end of the first.
///
/// Usually the second layer's input is the only place where the rows are. Between two activations that is not
/// enough: the derivative of the first is computed from its output, which the second would overwrite.
pub trait CanFollow<Previous> {
    /// Whether the rows must be stored.
    const STORES_ROWS: bool;

    /// `Rows` if they must be stored, else `()`.
    type Between<Rows: Zeroed>: Zeroed;

    /// The stored rows, if any.
    fn between<Rows: Zeroed>(between: &mut Self::Between<Rows>) -> Option<&mut Rows>;
}

impl<Previous> CanFollow<Previous> for NoActivation {
    const STORES_ROWS: bool = false;

    type Between<Rows: Zeroed> = ();

    #[inline(always)]
    fn between<Rows: Zeroed>((): &mut ()) -> Option<&mut Rows> {
        None
    }
}

impl<A: Activation> CanFollow<NoActivation> for A {
    const STORES_ROWS: bool = false;

    type Between<Rows: Zeroed> = ();

    #[inline(always)]
    fn between<Rows: Zeroed>((): &mut ()) -> Option<&mut Rows> {
        None
    }
}

impl<A: Activation> CanFollow<NoInputGrad> for A {
    const STORES_ROWS: bool = false;

    type Between<Rows: Zeroed> = ();

    #[inline(always)]
    fn between<Rows: Zeroed>((): &mut ()) -> Option<&mut Rows> {
        None
    }
}

impl<A: Activation, Previous: Activation> CanFollow<Previous> for A {
    const STORES_ROWS: bool = true;

    type Between<Rows: Zeroed> = Rows;

    #[inline(always)]
    fn between<Rows: Zeroed>(between: &mut Rows) -> Option<&mut Rows> {
        Some(between)
    }
}

//! Activations, and what they are to the layers around them.

mod elementwise;
mod gelu;
mod leaky_relu;
mod relu;
mod sigmoid;
mod silu;
mod softmax;
mod softplus;
mod tanh;

use core::marker::PhantomData;

use crate::{Element, kernel::Isa};

pub use elementwise::{Elementwise, FromInput, FromOutput, Function, Kept};
pub use gelu::{Gelu, GeluFn, GeluTanh, GeluTanhFn};
pub use leaky_relu::{LeakyRelu, LeakyReluFn};
pub use relu::{Relu, ReluFn};
pub use sigmoid::{Sigmoid, SigmoidFn};
pub use silu::{Silu, SiluFn};
pub use softmax::Softmax;
pub use softplus::{Softplus, SoftplusFn};
pub use tanh::{Tanh, TanhFn};

/// An elementwise function `a = f(z)` whose derivative can be told from `a` alone.
///
/// So `z` need not be kept: the layer before the activation writes `a` at once, the layer after
/// it, which keeps `a` as its input, applies the derivative.
pub trait Activation<T>: Copy + Default {
    /// Whether the gradient with respect to `z` is wanted at all.
    const WANTED: bool = true;
    /// Whether this is the identity.
    const IDENTITY: bool = false;

    /// `a = f(z)`
    fn forward<I: Isa<T>>(self, isa: I, z: I::V) -> I::V;
    /// `dz = da · f′(z)`, where `a = f(z)`.
    fn backward<I: Isa<T>>(self, isa: I, a: I::V, da: I::V) -> I::V;
}

/// No activation: `a = z`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Identity;

impl<T: Element> Activation<T> for Identity {
    const IDENTITY: bool = true;

    #[inline(always)]
    fn forward<I: Isa<T>>(self, _: I, z: I::V) -> I::V {
        z
    }

    #[inline(always)]
    fn backward<I: Isa<T>>(self, _: I, _: I::V, da: I::V) -> I::V {
        da
    }
}

/// Nothing before it is to be trained: the gradient is not wanted, and not computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unwanted;

impl<T: Element> Activation<T> for Unwanted {
    const WANTED: bool = false;

    #[inline(always)]
    fn forward<I: Isa<T>>(self, _: I, z: I::V) -> I::V {
        z
    }

    #[inline(always)]
    fn backward<I: Isa<T>>(self, isa: I, _: I::V, _: I::V) -> I::V {
        isa.splat(T::ZERO)
    }
}

/// A [`Function`] whose derivative is told [`FromOutput`], at the seams between layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fused<F>(PhantomData<F>);

impl<F> Default for Fused<F> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T: Element, F: Function<T>> Activation<T> for Fused<F> {
    #[inline(always)]
    fn forward<I: Isa<T>>(self, isa: I, z: I::V) -> I::V {
        F::forward(isa, z)
    }

    #[inline(always)]
    fn backward<I: Isa<T>>(self, isa: I, a: I::V, da: I::V) -> I::V {
        F::backward(isa, a, da)
    }
}

/// The check of every chain that no two fused activations meet, implemented for the [`Lead`] of a
/// layer that can follow a layer of this [`Trail`].
///
/// What stands between the layers is the second's output, and the first's derivative cannot be
/// told from it. Two ReLUs are one, so they may meet.
///
/// [`Lead`]: crate::Layer::Lead
/// [`Trail`]: crate::Layer::Trail
#[diagnostic::on_unimplemented(
    message = "two activations in a row: `{Previous}`, then `{Self}`",
    label = "the output of the first would not be kept for its derivative",
    note = "put a layer between the two, or write their composition as one `Function`"
)]
pub trait After<Previous> {}

impl<Previous> After<Previous> for Identity {}
impl<F> After<Identity> for Fused<F> {}
impl<F> After<Unwanted> for Fused<F> {}
impl After<Self> for Fused<ReluFn> {}

/// Applies an activation to all elements of a slice.
#[inline(always)]
pub(crate) fn forward_all<I: Isa<T>, T, A: Activation<T>>(isa: I, activation: A, z: &mut [T]) {
    if A::IDENTITY {
        return;
    }
    for z in z.chunks_mut(I::LANES) {
        let a = activation.forward(isa, isa.load(z));
        isa.store(z, a);
    }
}

/// Turns the outputs `a` of an activation into gradients with respect to its inputs.
#[inline(always)]
pub(crate) fn backward_all<I: Isa<T>, T, A: Activation<T>>(isa: I, activation: A, a: &mut [T], da: &[T]) {
    for (a, da) in a.chunks_mut(I::LANES).zip(da.chunks(I::LANES)) {
        let dz = activation.backward(isa, isa.load(a), isa.load(da));
        isa.store(a, dz);
    }
}

//! What an activation is to the layers around it.

mod relu;

pub use relu::Relu;

use crate::{Element, kernel::Isa};

/// An elementwise function `a = f(z)` whose derivative can be told from `a` alone.
///
/// So `z` need not be kept: the layer before the activation writes `a` at once, the layer after
/// it, which keeps `a` as its input, applies the derivative.
///
/// Of two activations in a row only the second's output is kept. That serves two ReLUs; any other
/// two want a layer between them.
pub trait Activation<T>: Copy {
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

//! What a matrix product applies to each result as it writes it, so that an activation between two layers
//! needs no separate pass.

use crate::simd::{Element, Real};

/// The epilogue of a forward pass: the activation after the layer, applied to each output as it is written.
pub trait Epilogue<T: Element>: Copy + Default {
    /// Whether `apply` returns its argument.
    const IS_IDENTITY: bool = false;

    /// `a = f(z)`
    fn apply<V: Real<T>>(self, z: V) -> V;
}

/// What a backward pass does with `dx`, the gradient with respect to the layer's input: the derivative of
/// the activation before the layer, applied as `dx` overwrites the input `a`.
pub trait InputGrad<T: Element>: Copy + Default {
    /// Whether `dx` is needed at all. If not, it is not computed, and the input stays as it is.
    const NEEDED: bool = true;
    /// Whether `apply` returns `da`.
    const IS_IDENTITY: bool = false;

    /// `dz = da · f′(z)`, computed from `a = f(z)`.
    fn apply<V: Real<T>>(self, a: V, da: V) -> V;
}

/// No activation: `a = z`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoActivation;

impl<T: Element> Epilogue<T> for NoActivation {
    const IS_IDENTITY: bool = true;

    #[inline(always)]
    fn apply<V: Real<T>>(self, z: V) -> V {
        z
    }
}

impl<T: Element> InputGrad<T> for NoActivation {
    const IS_IDENTITY: bool = true;

    #[inline(always)]
    fn apply<V: Real<T>>(self, _: V, da: V) -> V {
        da
    }
}

/// No layer before this one is trained: `dx` is not needed and not computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoInputGrad;

impl<T: Element> InputGrad<T> for NoInputGrad {
    const NEEDED: bool = false;

    #[inline(always)]
    fn apply<V: Real<T>>(self, a: V, _: V) -> V {
        a.splat(T::ZERO)
    }
}

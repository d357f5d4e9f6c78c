//! The sizes of a layer as types and constants: parameters, cached values, multiply-adds. The module
//! [`sizes`](crate::sizes) computes budgets and reports from them.

use core::ops::Add;

use typenum::{Sum, U0, Unsigned};

use super::{CanFollow, InputActivation, Layer, OutputActivation};
use crate::simd::Zeroed;

/// The number of a network's parameters, as a type.
///
/// # Examples
///
/// ```
/// use constnet::{layers::ParamCount, mlp};
/// use typenum::Unsigned;
///
/// type Count = <mlp![5, 64, 64, 3] as ParamCount>::Count;
/// assert_eq!(Count::USIZE, 4739);
/// ```
pub trait ParamCount {
    /// The number, a type of `typenum`.
    type Count: Unsigned;
}

/// The number of values that a network's cache holds for each sample, as types of `typenum`.
pub trait CacheSize {
    /// The inputs that the layers keep, and what else they keep for each sample.
    type Cached: Unsigned;
    /// The outputs of the last layer.
    type Output: Unsigned;
}

/// The multiply-adds that a network needs for one sample, and the bytes of its frozen weights.
pub trait Cost: Layer {
    /// Multiply-adds of the forward pass: one for each weight.
    const FORWARD: usize;
    /// Multiply-adds of the gradient with respect to the weights.
    const WEIGHT_GRADIENT: usize = Self::FORWARD;
    /// Multiply-adds of the gradients with respect to the inputs of all layers but the first.
    const HIDDEN_INPUT_GRADIENT: usize = 0;
    /// Multiply-adds of the gradient with respect to the input of the first layer, if it is needed.
    const FIRST_INPUT_GRADIENT: usize = Self::FORWARD;
    /// Whether the layer after this one computes the gradient with respect to its own input.
    const NEEDS_OUTPUT_GRADIENT: bool = true;
    /// Bytes of frozen weights.
    const FROZEN_BYTES: usize = 0;
}

impl<A: ParamCount, R: ParamCount> ParamCount for (A, R)
where
    A::Count: Add<R::Count>,
    Sum<A::Count, R::Count>: Unsigned,
{
    type Count = Sum<A::Count, R::Count>;
}

impl<A: Layer + CacheSize, R: Layer + CacheSize> CacheSize for (A, R)
where
    InputActivation<R>: CanFollow<OutputActivation<A>>,
    StoredBetween<A, R>: RowLen,
    A::Cached: Add<R::Cached>,
    Sum<A::Cached, R::Cached>: Add<<StoredBetween<A, R> as RowLen>::Len>,
    Sum<Sum<A::Cached, R::Cached>, <StoredBetween<A, R> as RowLen>::Len>: Unsigned,
{
    type Cached = Sum<Sum<A::Cached, R::Cached>, <StoredBetween<A, R> as RowLen>::Len>;
    type Output = R::Output;
}

/// The rows that are stored between `A` and `R`: those of `A`'s output if both have an activation there, else `()`.
type StoredBetween<A, R> =
    <InputActivation<R> as CanFollow<OutputActivation<A>>>::Between<RowOf<<A as CacheSize>::Output>>;

/// Stands for a row of `N` values.
#[doc(hidden)]
#[derive(Debug)]
pub struct RowOf<N>(core::marker::PhantomData<N>);

impl<N> Zeroed for RowOf<N> {
    const ZERO: Self = Self(core::marker::PhantomData);
}

/// The number of values of a [`RowOf`], or of no row.
#[doc(hidden)]
pub trait RowLen {
    /// The number, a type of `typenum`.
    type Len: Unsigned;
}

impl RowLen for () {
    type Len = U0;
}

impl<N: Unsigned> RowLen for RowOf<N> {
    type Len = N;
}

impl<A: Cost, R: Cost> Cost for (A, R)
where
    Self: Layer,
{
    const FORWARD: usize = A::FORWARD + R::FORWARD;
    const WEIGHT_GRADIENT: usize = A::WEIGHT_GRADIENT + R::WEIGHT_GRADIENT;
    const HIDDEN_INPUT_GRADIENT: usize = A::HIDDEN_INPUT_GRADIENT
        + R::HIDDEN_INPUT_GRADIENT
        + if A::NEEDS_OUTPUT_GRADIENT { R::FIRST_INPUT_GRADIENT } else { 0 };
    const FIRST_INPUT_GRADIENT: usize = A::FIRST_INPUT_GRADIENT;
    const NEEDS_OUTPUT_GRADIENT: bool = R::NEEDS_OUTPUT_GRADIENT;
    const FROZEN_BYTES: usize = A::FROZEN_BYTES + R::FROZEN_BYTES;
}

//! Sizes that the compiler computes and compares: parameter counts, budgets, whole batches.
//!
//! A bound on a generic item can compare neither two constants nor the results of arithmetic on
//! them. The type-level numbers of `typenum` can, and do so when the program is checked, under the
//! cursor of an editor. They reach widths up to 1024 and a choice of larger ones; wider layers work
//! everywhere but here.

use core::ops::{Add, Mul, Rem};

use typenum::{Add1, B1, Const, IsLessOrEqual, LeEq, Mod, Prod, Sum, ToUInt, U, U0, Unsigned};

use crate::{Linear, Relu, Sequential};

/// The number of a network's parameters, as a type.
///
/// # Examples
///
/// ```
/// use constnet::{budget::Parameters, mlp};
/// use typenum::Unsigned;
///
/// type Count = <mlp![5, 64, 64, 3] as Parameters>::Count;
/// assert_eq!(Count::USIZE, 4739);
/// ```
pub trait Parameters {
    /// The count, a type of `typenum`.
    type Count: Unsigned;
}

impl<const IN: usize, const OUT: usize, T> Parameters for Linear<IN, OUT, T>
where
    Const<IN>: ToUInt,
    Const<OUT>: ToUInt,
    U<IN>: Add<B1>,
    Add1<U<IN>>: Mul<U<OUT>>,
    Prod<Add1<U<IN>>, U<OUT>>: Unsigned,
{
    type Count = Prod<Add1<U<IN>>, U<OUT>>;
}

impl<const N: usize, T> Parameters for Relu<N, T> {
    type Count = U0;
}

impl<A: Parameters, R: Parameters> Parameters for (A, R)
where
    A::Count: Add<R::Count>,
    Sum<A::Count, R::Count>: Unsigned,
{
    type Count = Sum<A::Count, R::Count>;
}

impl<L: crate::Layer + Parameters> Parameters for Sequential<L> {
    type Count = L::Count;
}

/// A bound: a network of at most `MAX` parameters.
///
/// # Examples
///
/// ```
/// use constnet::{budget::ParameterBudget, mlp};
///
/// fn deploy<N: ParameterBudget<8192>>(net: &N) {}
///
/// # use constnet::Zeroed;
/// deploy(&<mlp![5, 64, 64, 3]>::ZERO);
/// ```
pub trait ParameterBudget<const MAX: usize> {}

impl<N: Parameters, const MAX: usize> ParameterBudget<MAX> for N
where
    Const<MAX>: ToUInt,
    N::Count: IsLessOrEqual<U<MAX>>,
    LeEq<N::Count, U<MAX>>: WithinBudget<MAX>,
{
}

/// That a count is within the budget. Implemented for `typenum`'s "true" alone.
#[diagnostic::on_unimplemented(
    message = "this network has more than {MAX} parameters",
    label = "over the budget of {MAX} parameters"
)]
pub trait WithinBudget<const MAX: usize> {}

impl<const MAX: usize> WithinBudget<MAX> for B1 {}

/// A bound on the [`Batch`] size: it divides the size of the data set.
pub trait WholeBatches<const SAMPLES: usize> {}

/// A batch size, to be compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Batch<const B: usize>;

impl<const B: usize, const SAMPLES: usize> WholeBatches<SAMPLES> for Batch<B>
where
    Const<B>: ToUInt,
    Const<SAMPLES>: ToUInt,
    U<SAMPLES>: Rem<U<B>>,
    Mod<U<SAMPLES>, U<B>>: NothingLeft<B, SAMPLES>,
{
}

/// That nothing is left of a division. Implemented for `typenum`'s zero alone.
#[diagnostic::on_unimplemented(
    message = "batch size {B} does not divide the data set of {SAMPLES} samples",
    label = "a last batch would not be full"
)]
pub trait NothingLeft<const B: usize, const SAMPLES: usize> {}

impl<const B: usize, const SAMPLES: usize> NothingLeft<B, SAMPLES> for U0 {}

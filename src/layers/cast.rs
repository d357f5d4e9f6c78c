//! The type of a layer with another element type.

use super::{Dropout, LayerNorm, Linear, Residual, Softmax, Standardize};
use crate::simd::{Element, Zeroed};

/// A layer or network whose numbers can be cast to the type `T`: see [`cast`](crate::Sequential::cast).
#[diagnostic::on_unimplemented(
    message = "the numbers of `{Self}` cannot be cast to `{T}`",
    note = "a network that contains a `Frozen` network or a `Custom` layer cannot be cast"
)]
pub trait CastTo<T> {
    /// The same layer with numbers of the type `T`.
    type As: Zeroed;
}

/// Implements [`CastTo`] for a layer: its name and its const parameters before and after the element type.
#[doc(hidden)]
#[macro_export]
macro_rules! cast_to {
    ($layer:ident<$($N:ident),* ; $($EPS:ident)?>) => {
        impl<$(const $N: usize,)* From, To, $(const $EPS: usize)?> $crate::layers::CastTo<To>
            for $layer<$($N,)* From, $($EPS)?>
        where
            To: $crate::simd::Element,
        {
            type As = $layer<$($N,)* To, $($EPS)?>;
        }
    };
}

cast_to!(Linear<IN, OUT;>);
cast_to!(LayerNorm<N; EPS>);
cast_to!(Softmax<N;>);
cast_to!(Dropout<N, PERCENT;>);
cast_to!(Standardize<N;>);

impl<T: Element, A: CastTo<T>, R: CastTo<T>> CastTo<T> for (A, R) {
    type As = (A::As, R::As);
}

impl<T: Element, L: CastTo<T>> CastTo<T> for Residual<L> {
    type As = Residual<L::As>;
}

//! Shapes: the rows of features that a layer takes and gives, and the check that two layers fit.

use core::{fmt::Debug, marker::PhantomData};

use crate::simd::{Element, Zeroed};

/// The shape of a layer's input or output: a number of features of one element type.
///
/// A sample is a [`Row`], a batch of `B` samples an array `[Row<S>; B]`, a data set of any length a slice
/// `&[Row<S>]`. For [`Features<N, T>`](Features) a row is the array `[T; N]`.
pub trait Shape {
    /// The type of one number.
    type Elem: Element;
    /// One sample.
    type Row: 'static
        + Zeroed
        + Copy
        + Debug
        + PartialEq
        + Send
        + Sync
        + AsRef<[Self::Elem]>
        + AsMut<[Self::Elem]>;
    /// The number of features of a sample.
    const LEN: usize;

    /// All numbers of some rows, one row after the other.
    fn flatten(rows: &[Self::Row]) -> &[Self::Elem];
    /// All numbers of some rows, one row after the other, to be changed.
    fn flatten_mut(rows: &mut [Self::Row]) -> &mut [Self::Elem];
}

/// One sample of shape `S`: for [`Features<N, T>`](Features) the array `[T; N]`.
pub type Row<S> = <S as Shape>::Row;

/// `N` features of type `T`; a sample is a `[T; N]`.
#[derive(Debug)]
pub struct Features<const N: usize, T = f32>(PhantomData<T>);

/// `N` probabilities of type `T`; a sample is a `[T; N]`. The output of [`Softmax`](crate::Softmax) and
/// [`Sigmoid`](crate::Sigmoid).
///
/// Any layer that takes [`Features`] takes them too. But a loss that computes probabilities itself, such as
/// [`CrossEntropy`](crate::CrossEntropy), does not: the softmax would be applied twice.
#[derive(Debug)]
pub struct Probabilities<const N: usize, T = f32>(PhantomData<T>);

macro_rules! array_shape {
    ($($shape:ident)+) => { $(
        impl<const N: usize, T: Element> Shape for $shape<N, T> {
            type Elem = T;
            type Row = [T; N];
            const LEN: usize = N;

            #[inline(always)]
            fn flatten(rows: &[[T; N]]) -> &[T] {
                rows.as_flattened()
            }

            #[inline(always)]
            fn flatten_mut(rows: &mut [[T; N]]) -> &mut [T] {
                rows.as_flattened_mut()
            }
        }

        impl<const N: usize, T: Element> HasGradient for $shape<N, T> {}

        #[diagnostic::do_not_recommend]
        impl<const N: usize, const M: usize, T: Element, From, To> SameElem<$shape<N, T>, T, From, To> for Features<M, T> {
            type Same = ();
        }

        #[diagnostic::do_not_recommend]
        impl<const N: usize, T: Element, From, To> Accepts<$shape<N, T>, T, From, To> for Features<N, T> {
            type Fits = ();

            #[inline(always)]
            fn same_rows<const B: usize>(rows: &mut [[T; N]; B]) -> &mut [[T; N]; B] {
                rows
            }
        }
    )+ };
}

array_shape!(Features Probabilities);

/// The part of the check [`Accepts`] without which a chain has no [`LayerTypes`](super::LayerTypes): both layers have
/// the element type `T`.
#[diagnostic::on_unimplemented(
    message = "layer shapes do not line up: `{From}` gives `{Given}`, but `{To}` takes `{Self}`",
    label = "these two layers do not fit together",
    note = "all layers of a network must have the same element type"
)]
pub trait SameElem<Given: Shape, T, From, To>: Shape<Elem = T> {
    /// `()`, if they have: see [`If`].
    type Same;
}

/// The check of every chain: `Self`, which the layer `To` takes, is what the layer `From` before it gives.
///
/// Implemented for the same number of features of the same type only. Otherwise the compiler names the two
/// layers and both shapes.
#[diagnostic::on_unimplemented(
    message = "layer shapes do not line up: `{From}` gives `{Given}`, but `{To}` takes `{Self}`",
    label = "these two layers do not fit together",
    note = "the output width of each layer must equal the input width of the next, and all layers must have the same element type"
)]
pub trait Accepts<Given: Shape, T, From, To>: SameElem<Given, T, From, To> {
    /// `()`, if the two fit: see [`If`].
    type Fits;

    /// The rows that `To` reads, seen as the rows that `From` writes.
    fn same_rows<const B: usize>(rows: &mut [Self::Row; B]) -> &mut [Given::Row; B];
}

/// `T`, once the type `Known` is known.
///
/// As the type of a result: if `Known` is an associated type of a bound that is not met, the result has no type. The
/// compiler then reports the bound, and nothing about what is done with the result.
pub type If<Known, T> = <Known as Always>::Then<T>;

/// Implemented for every type: see [`If`].
pub trait Always {
    /// `T`
    type Then<T>;
}

impl<Known> Always for Known {
    type Then<T> = T;
}

/// The input shapes with respect to which a network has a gradient: all but [`InputOnly`](super::InputOnly), the input
/// shape of a [`Frozen`](crate::Frozen) network and of a [`Standardize`](crate::Standardize) layer.
#[diagnostic::on_unimplemented(
    message = "this network has no gradient with respect to its input",
    label = "the network starts with a `Frozen` network or a `Standardize` layer, through which no gradient is computed"
)]
pub trait HasGradient: Shape {}

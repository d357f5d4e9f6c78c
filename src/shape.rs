//! What flows between layers: rows of features, and the check that two layers fit.

use core::{fmt::Debug, marker::PhantomData};

use crate::{Element, Zeroed};

/// The shape of what a layer takes or gives: so many features of one element type.
///
/// A sample is a [`Row`], a batch of `B` samples an array `[Row<S>; B]`, a data set of any length
/// a slice `&[Row<S>]`. For [`Features<N, T>`](Features) a row is the array `[T; N]`.
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
    /// How many features a sample has.
    const LEN: usize;

    /// All the numbers of some rows, one row after the other.
    fn flatten(rows: &[Self::Row]) -> &[Self::Elem];
    /// All the numbers of some rows, one row after the other, to be changed.
    fn flatten_mut(rows: &mut [Self::Row]) -> &mut [Self::Elem];
}

/// One sample of shape `S`: for [`Features<N, T>`](Features) the array `[T; N]`.
pub type Row<S> = <S as Shape>::Row;

/// `N` features of type `T`; a sample is a `[T; N]`.
#[derive(Debug)]
pub struct Features<const N: usize, T = f32>(PhantomData<T>);

impl<const N: usize, T: Element> Shape for Features<N, T> {
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

/// The check of every chain: the features that `From` gives are those that `To` takes.
///
/// Implemented for equal [`Features`] alone; on anything else the compiler says which two layers
/// disagree and about which sizes. The function hands rows across, which costs nothing.
#[diagnostic::on_unimplemented(
    message = "layer shapes do not line up: `{From}` gives `{Self}`, but `{To}` takes `{Taken}`",
    label = "this chain does not fit together",
    note = "the number after each layer's last size must be the next layer's first"
)]
pub trait Feeds<Taken: Shape, From, To>: Shape {
    /// Sees the rows that the next layer takes as the rows that this one gives.
    fn as_given<const B: usize>(rows: &mut [Taken::Row; B]) -> &mut [Self::Row; B];
}

impl<const N: usize, T: Element, From, To> Feeds<Self, From, To> for Features<N, T> {
    #[inline(always)]
    fn as_given<const B: usize>(rows: &mut [[T; N]; B]) -> &mut [[T; N]; B] {
        rows
    }
}

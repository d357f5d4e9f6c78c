//! Access to a layer of a chain by its index.

use typenum::{B1, Sub1, UInt, UTerm};

use core::ops::Sub;

/// A chain that has a layer with the index `Index`, a number of `typenum`:
/// [`Sequential::layer`](crate::Sequential::layer) uses it.
#[diagnostic::on_unimplemented(
    message = "there is no layer with this index in the network",
    label = "the index is not less than the number of layers",
    note = "layers are counted from 0 as in PyTorch, activations too; a network in the network is one layer"
)]
pub trait LayerAt<Index> {
    /// The type of the layer.
    type Layer;

    /// The layer.
    fn layer_at(&self) -> &Self::Layer;
    /// The layer, to be changed.
    fn layer_at_mut(&mut self) -> &mut Self::Layer;
}

/// The first layer of a chain.
impl<A, R> LayerAt<UTerm> for (A, R) {
    type Layer = A;

    fn layer_at(&self) -> &A {
        &self.0
    }

    fn layer_at_mut(&mut self) -> &mut A {
        &mut self.0
    }
}

/// A later layer: that of the rest with an index that is smaller by 1.
impl<A, R, U, B> LayerAt<UInt<U, B>> for (A, R)
where
    UInt<U, B>: Sub<B1>,
    R: LayerAt<Sub1<UInt<U, B>>>,
{
    type Layer = R::Layer;

    fn layer_at(&self) -> &R::Layer {
        self.1.layer_at()
    }

    fn layer_at_mut(&mut self) -> &mut R::Layer {
        self.1.layer_at_mut()
    }
}

//! The number of layers of a chain as a type, which decides how its passes are compiled.

use crate::simd::{Inlined, LayerPasses, Outlined};

/// The number of layers of a chain, as a type: from [`One`] to [`Deep`].
pub trait Depth {
    /// The depth of a chain with one more layer.
    type Next: Depth;
    /// How the passes of the layers are compiled.
    type Passes: LayerPasses;
}

/// Eight layers or more, activations included. The passes of the layers are compiled as functions of their own.
#[derive(Debug)]
pub struct Deep;

impl Depth for Deep {
    type Next = Self;
    type Passes = Outlined;
}

macro_rules! shallow {
    ($($(#[$doc:meta])* $depth:ident, then $next:ident;)+) => { $(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $depth;

        impl Depth for $depth {
            type Next = $next;
            type Passes = Inlined;
        }
    )+ };
}

shallow! {
    /// One layer.
    One, then Two;
    /// Two layers.
    Two, then Three;
    /// Three layers.
    Three, then Four;
    /// Four layers.
    Four, then Five;
    /// Five layers.
    Five, then Six;
    /// Six layers.
    Six, then Seven;
    /// Seven layers.
    Seven, then Deep;
}

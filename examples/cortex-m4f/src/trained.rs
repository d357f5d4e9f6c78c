//! A network in flash, trained in PyTorch: see `train.py` and `build.rs`.

use constnet::{Linear, Relu, Sequential};

pub use crate::task::{X, Y};

include!(concat!(env!("OUT_DIR"), "/trained.rs"));

/// The type of [`BODY`].
pub type Body = Sequential![Linear<5, 64>, Relu<64>, Linear<64, 64>, Relu<64>];

/// All layers of the network except the last one.
pub static BODY: Body = {
    let Sequential((first, (relu, (second, (relu_2, _))))) = NET;
    Sequential((first, (relu, (second, relu_2))))
};

/// The last layer of the network.
pub static HEAD: Linear<64, 3> = {
    let Sequential((_, (_, (_, (_, head))))) = NET;
    head
};

//! A network that was trained in PyTorch, for flash: see `train.py` and `build.rs`.

use constnet::{Linear, Relu, Sequential};

pub use crate::task::{X, Y};

include!(concat!(env!("OUT_DIR"), "/trained.rs"));

/// The network of [`BODY`].
pub type Body = Sequential![Linear<5, 64>, Relu<64>, Linear<64, 64>, Relu<64>];

/// All of it but the last layer.
pub static BODY: Body = {
    let Sequential((first, (relu, (second, (relu_2, _))))) = NET;
    Sequential((first, (relu, (second, relu_2))))
};

/// The last layer.
pub static HEAD: Linear<64, 3> = {
    let Sequential((_, (_, (_, (_, head))))) = NET;
    head
};

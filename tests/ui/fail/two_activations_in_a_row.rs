//! Nothing stands between two activations that are fused with their neighbours.

use constnet::{Linear, Sigmoid, Tanh, Zeroed, sequential};

fn main() {
    let _net = sequential![Linear::<5, 8>::ZERO, Tanh::<8>::new(), Sigmoid::<8>::new(), Linear::<8, 3>::ZERO];
}

//! What the body gives cannot be added to what it takes.

use constnet::{Linear, Residual, Tanh, Zeroed, sequential};

fn main() {
    let body = sequential![Linear::<8, 5>::ZERO, Tanh::<5>::new()];
    let _net = sequential![Linear::<5, 8>::ZERO, Residual(body), Linear::<5, 3>::ZERO];
}

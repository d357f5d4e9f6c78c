//! The output of the body cannot be added to its input.

use constnet::{Linear, Residual, Tanh, Zeroed, sequential};

fn main() {
    let body = sequential![Linear::<8, 5>::ZERO, Tanh::<5>::new()];
    let net = sequential![Linear::<5, 8>::ZERO, Residual(body), Linear::<5, 3>::ZERO];
    let _: [f32; 3] = net.predict(&[0.0; 5]);
}

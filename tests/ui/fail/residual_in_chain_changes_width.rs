//! A residual block in the middle of a chain whose body changes the width.

use constnet::{Linear, Relu, Residual, Zeroed, sequential};

fn main() {
    let body = sequential![Linear::<8, 5>::ZERO, Relu::<5>::new()];
    let net = sequential![Linear::<5, 8>::ZERO, Residual(body), Linear::<8, 3>::ZERO];
    let _: [f32; 3] = net.predict(&[0.0; 5]);
}

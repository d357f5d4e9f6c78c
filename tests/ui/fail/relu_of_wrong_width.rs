//! The activation is narrower than the layer before it.

use constnet::{Linear, Relu, Zeroed, sequential};

fn main() {
    let net = sequential![Linear::<5, 64>::ZERO, Relu::<32>::new(), Linear::<32, 3>::ZERO];
    let _: [f32; 3] = net.predict(&[0.0; 5]);
}

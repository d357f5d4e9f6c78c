//! A flat tuple of layers, which only the macro turns into a chain.

use constnet::{Linear, Relu, Sequential, Zeroed};

fn main() {
    let net = Sequential((Linear::<5, 64>::ZERO, Relu::<64>::new(), Linear::<64, 3>::ZERO));
    let _: [f32; 3] = net.predict(&[0.0; 5]);
}

//! A chain is made of nested pairs; the macro `sequential!` writes it as a flat list.

use constnet::{Linear, Relu, Sequential, Zeroed};

fn main() {
    let net = Sequential((Linear::<5, 64>::ZERO, Relu::<64>::new(), Linear::<64, 3>::ZERO));
    let _: [f32; 3] = net.predict(&[0.0; 5]);
}

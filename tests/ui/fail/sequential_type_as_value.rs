//! `Sequential!` writes a type; `sequential!` writes a value.

use constnet::{Linear, Relu, Sequential};

fn main() {
    let net = Sequential![Linear<5, 64>, Relu<64>, Linear<64, 3>];
    let _: [f32; 3] = net.predict(&[0.0; 5]);
}

//! A layer of `f64` numbers after one of `f32` numbers.

use constnet::{Linear, Relu, Zeroed, sequential};

fn main() {
    let net = sequential![Linear::<5, 64>::ZERO, Relu::<64>::new(), Linear::<64, 3, f64>::ZERO];
    let _: [f64; 3] = net.predict(&[0.0; 5]);
}

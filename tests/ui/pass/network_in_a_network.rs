//! A network as a layer of another network.

use constnet::{Linear, Relu, Zeroed, mlp, sequential};

fn main() {
    let encoder = <mlp![9, 8, 2]>::ZERO;
    let net = sequential![encoder, Relu::<2>::new(), Linear::<2, 9>::ZERO];
    let _: [f32; 9] = net.predict(&[0.0; 9]);
}

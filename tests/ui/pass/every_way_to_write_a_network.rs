//! The same network, written in all possible ways.

use constnet::{Linear, Relu, Sequential, Zeroed, mlp, sequential};

type Nested = Sequential<(Linear<5, 64>, (Relu<64>, Linear<64, 3>))>;
type Flat = Sequential![Linear<5, 64>, Relu<64>, Linear<64, 3>];
type Short = mlp![5, 64, 3];

fn main() {
    let net: Nested = sequential![Linear::<5, 64>::ZERO, Relu::<64>::new(), Linear::<64, 3>::ZERO];
    let net: Flat = net;
    let net: Short = net;
    let _: [f32; 3] = net.predict(&[0.0; 5]);
}

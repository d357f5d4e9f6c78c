//! The last layer takes 32 features, but the layer before it gives 64.

use constnet::{Linear, Relu, Zeroed, sequential};

fn main() {
    let net = sequential![Linear::<5, 64>::ZERO, Relu::<64>::new(), Linear::<32, 3>::ZERO];
    let _: [f32; 3] = net.predict(&[0.0; 5]);
}

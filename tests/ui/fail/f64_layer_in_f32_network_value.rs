//! The same mistake in a value.

use constnet::{Linear, Relu, Zeroed, sequential};

fn main() {
    let net = sequential![Linear::<5, 64>::ZERO, Relu::new(), Linear::<64, 3, f64>::ZERO];
    let _: [f32; 3] = net.predict(&[0.0; 5]);
}

//! Four features for a network of five.

use constnet::{Zeroed, mlp};

fn main() {
    let net = <mlp![5, 64, 3]>::ZERO;
    let _: [f32; 3] = net.predict(&[1.0, 2.0, 3.0, 4.0]);
}

//! `mlp!` writes a type, not a value.

use constnet::mlp;

fn main() {
    let net = mlp![5, 64, 3];
    let _: [f32; 3] = net.predict(&[0.0; 5]);
}

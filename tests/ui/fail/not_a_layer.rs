//! A number in the place of a layer.

use constnet::{Linear, Zeroed, sequential};

fn main() {
    let _net = sequential![Linear::<5, 64>::ZERO, 64];
}

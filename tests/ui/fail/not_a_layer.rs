//! A width where a layer belongs.

use constnet::{Linear, Zeroed, sequential};

fn main() {
    let _net = sequential![Linear::<5, 64>::ZERO, 64];
}

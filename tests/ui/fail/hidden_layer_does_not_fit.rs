//! The second layer takes 32 features, of which the first gives 64.

use constnet::{Linear, Relu, Zeroed, sequential};

fn main() {
    let _net = sequential![Linear::<5, 64>::ZERO, Relu::<64>::new(), Linear::<32, 3>::ZERO];
}

//! The gradient is that of a narrower network.

use constnet::{Tape, Zeroed, mlp};

fn main() {
    let net = <mlp![5, 64, 3]>::ZERO;
    let mut tape = Tape::ZERO;
    let mut gradient = <mlp![5, 32, 3]>::ZERO;
    net.forward(&[[0.0; 5]; 4], &mut tape).backward(&[[0.0; 3]; 4], &mut gradient);
}

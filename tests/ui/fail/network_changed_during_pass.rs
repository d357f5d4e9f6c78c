//! The weights change between forward and backward.

use constnet::{Sgd, Tape, Zeroed, mlp};

fn main() {
    let mut net = <mlp![5, 64, 3]>::ZERO;
    let mut tape = Tape::ZERO;
    let mut gradient = Zeroed::ZERO;
    let pass = net.forward(&[[0.0; 5]; 4], &mut tape);
    Sgd { lr: 0.1 }.step(&mut net, &gradient);
    pass.backward(&[[0.0; 3]; 4], &mut gradient);
}

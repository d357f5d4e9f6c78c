//! A pass keeps each layer's input, which going back uses up.

use constnet::{Tape, Zeroed, mlp};

fn main() {
    let net = <mlp![5, 64, 3]>::ZERO;
    let mut tape = Tape::ZERO;
    let mut gradient = Zeroed::ZERO;
    let pass = net.forward(&[[0.0; 5]; 4], &mut tape);
    pass.backward(&[[0.0; 3]; 4], &mut gradient);
    pass.backward(&[[0.0; 3]; 4], &mut gradient);
}

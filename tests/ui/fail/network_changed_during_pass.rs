//! The weights are updated between the forward and the backward pass.

use constnet::{Cache, Sgd, Zeroed, mlp};

fn main() {
    let mut net = <mlp![5, 64, 3]>::ZERO;
    let mut cache = Cache::ZERO;
    let mut gradient = Zeroed::ZERO;
    let pass = net.forward(&[[0.0; 5]; 4], &mut cache);
    Sgd { lr: 0.1 }.step(&mut net, &gradient);
    pass.backward(&[[0.0; 3]; 4], &mut gradient);
}

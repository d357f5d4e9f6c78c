//! The backward pass overwrites the cached inputs of the layers, so it can be run once.

use constnet::{Cache, Zeroed, mlp};

fn main() {
    let net = <mlp![5, 64, 3]>::ZERO;
    let mut cache = Cache::ZERO;
    let mut gradient = Zeroed::ZERO;
    let pass = net.forward(&[[0.0; 5]; 4], &mut cache);
    pass.backward(&[[0.0; 3]; 4], &mut gradient);
    pass.backward(&[[0.0; 3]; 4], &mut gradient);
}

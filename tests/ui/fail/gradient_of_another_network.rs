//! The gradient is that of a narrower network.

use constnet::{Cache, Zeroed, mlp};

fn main() {
    let net = <mlp![5, 64, 3]>::ZERO;
    let mut cache = Cache::ZERO;
    let mut gradient = <mlp![5, 32, 3]>::ZERO;
    net.forward(&[[0.0; 5]; 4], &mut cache).backward(&[[0.0; 3]; 4], &mut gradient);
}

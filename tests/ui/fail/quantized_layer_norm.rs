//! A quantised network with a layer that has no eight-bit form.

use constnet::{LayerNorm, Linear, Quantized, Relu, sequential};

fn main() {
    let net = sequential![Linear::new([[1.0], [2.0]], [0.0, 0.0]), LayerNorm::new(), Relu::new(), Linear::new([[1.0, 1.0]], [0.0])];
    let _ = Quantized::of(&net, &[[1.0]]);
}

//! `CrossEntropy` applies softmax itself, which the check of gradients refuses as well.

use constnet::{CrossEntropy, Linear, Sequential, Softmax, Zeroed, gradient_check};

fn main() {
    let mut net = <Sequential![Linear<2, 3, f64>, Softmax<3, f64>]>::ZERO;
    let _ = gradient_check(&mut net, &CrossEntropy, &[[0.5, 1.0], [1.5, -0.5]], &[0, 2]);
}

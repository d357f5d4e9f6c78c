//! The accuracy of a network with one logit: the argmax of one output is always 0.

use constnet::metrics::accuracy;

fn main() {
    let _ = accuracy([[1.5], [-0.5]], &[0, 0]);
}

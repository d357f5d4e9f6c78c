//! The confusion matrix of a network with one logit: the argmax of one output is always 0.

use constnet::metrics::ConfusionMatrix;

fn main() {
    let _ = ConfusionMatrix::new([[1.5], [-0.5]], &[0, 0]);
}

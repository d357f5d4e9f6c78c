//! The log loss of a network with one logit: it is not a probability for each class.

use constnet::metrics::log_loss;

fn main() {
    let _ = log_loss([[0.75], [0.5]], &[0, 0]);
}

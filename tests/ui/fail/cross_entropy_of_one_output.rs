//! The cross-entropy of one logit: its softmax is always 1.

use constnet::{CrossEntropy, Sgd, Trainer, Zeroed, mlp};

fn main() {
    let mut trainer: Trainer<mlp![2, 8, 1], _, 1, _> =
        Trainer::with_loss(Zeroed::ZERO, Sgd { lr: 0.1 }, CrossEntropy);
    trainer.step(&[[1.0, 2.0]], &[0]);
}

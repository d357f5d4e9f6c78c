//! An optimiser of `f32` numbers on a network of `f64`.

use constnet::{Sgd, Trainer, Zeroed, mlp};

fn main() {
    let mut trainer: Trainer<mlp![f64; 5, 64, 3], Sgd, 8> = Trainer::new(Zeroed::ZERO, Sgd { lr: 0.1 });
    trainer.step(&[[0.0; 5]; 8], &[[0.0; 3]; 8]);
}

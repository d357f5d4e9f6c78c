//! Twenty inputs with ten targets.

use constnet::{Sgd, Trainer, Zeroed, mlp};

fn main() {
    let mut trainer: Trainer<mlp![5, 64, 3], Sgd, 20> = Trainer::new(Zeroed::ZERO, Sgd { lr: 0.1 });
    trainer.step(&[[0.0; 5]; 20], &[[0.0; 3]; 10]);
}

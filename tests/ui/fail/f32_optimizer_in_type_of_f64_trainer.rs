//! The same mistake in a type.

use constnet::{Sgd, Trainer, mlp};

type MyTrainer = Trainer<mlp![f64; 5, 64, 3], Sgd, 8>;

fn train(trainer: &mut MyTrainer) {
    trainer.step(&[[0.0; 5]; 8], &[[0.0; 3]; 8]);
}

fn main() {}

//! The same mistake in the type of a trainer.

use constnet::{Adam, Trainer, mlp};

type MyTrainer = Trainer<mlp![f64; 5, 64, 3], Adam, 8>;

fn train(trainer: &mut MyTrainer) {
    trainer.step(&[[0.0; 5]; 8], &[[0.0; 3]; 8]);
}

fn main() {}

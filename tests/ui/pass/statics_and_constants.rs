//! Trained weights in flash, and a trainer in a `static`: both are constants.

use std::sync::Mutex;

use constnet::{Linear, Relu, Sequential, Sgd, Trainer, Zeroed, mlp, sequential};

const WIDTHS: [usize; 3] = [2, 4, 1];
static TRAINED: mlp![2, 1, 1] =
    sequential![Linear::new([[1.0, 2.0]], [0.5]), Relu::new(), Linear::new([[2.0]], [0.0])];
static TRAINER: Mutex<Trainer<mlp![WIDTHS[0], WIDTHS[1], WIDTHS[2]], Sgd, 8>> =
    Mutex::new(Trainer::new(Sequential::ZERO, Sgd { lr: 0.1 }));

fn main() {
    let _: [f32; 1] = TRAINED.predict(&[1.0, 1.0]);
    TRAINER.lock().unwrap().step(&[[0.0; 2]; 8], &[[0.0; 1]; 8]);
}

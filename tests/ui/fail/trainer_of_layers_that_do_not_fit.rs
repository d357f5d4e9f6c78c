//! Layers that do not fit together, in the type of a trainer.

use constnet::{Linear, Relu, Sequential, Sgd, Trainer};

type Net = Sequential![Linear<5, 64>, Relu<64>, Linear<32, 3>];

fn train(trainer: &mut Trainer<Net, Sgd, 8>) {
    trainer.step(&[[0.0; 5]; 8], &[[0.0; 3]; 8]);
}

fn main() {}

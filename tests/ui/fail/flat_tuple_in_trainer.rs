//! A flat tuple of layers in the type of a trainer.

use constnet::{Linear, Relu, Sequential, Sgd, Trainer, Zeroed};

type Net = Sequential<(Linear<5, 64>, Relu<64>, Linear<64, 3>)>;

fn main() {
    let mut trainer: Trainer<Net, Sgd, 8> = Trainer::new(Zeroed::ZERO, Sgd { lr: 0.1 });
    trainer.step(&[[0.0; 5]; 8], &[[0.0; 3]; 8]);
}

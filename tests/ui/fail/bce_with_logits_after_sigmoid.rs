//! A network that ends in sigmoid, trained with a loss that applies sigmoid itself.

use constnet::{BceWithLogits, Linear, Sequential, Sgd, Sigmoid, Trainer, Zeroed};

type Net = Sequential![Linear<2, 3>, Sigmoid<3>];

fn main() {
    let mut trainer: Trainer<Net, Sgd, 1, _> =
        Trainer::with_loss(Zeroed::ZERO, Sgd { lr: 0.1 }, BceWithLogits);
    trainer.step(&[[1.0, 2.0]], &[[0.0; 3]]);
}

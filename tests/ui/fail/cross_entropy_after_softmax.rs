//! A network that ends in softmax, trained with a loss that applies softmax itself.

use constnet::{CrossEntropy, Linear, Sequential, Sgd, Softmax, Trainer, Zeroed};

type Net = Sequential![Linear<2, 3>, Softmax<3>];

fn main() {
    let mut trainer: Trainer<Net, Sgd, 1, _> =
        Trainer::with_loss(Zeroed::ZERO, Sgd { lr: 0.1 }, CrossEntropy);
    trainer.step(&[[1.0, 2.0]], &[2]);
}

//! The same mistake with probabilities as targets.

use constnet::{Linear, Sequential, Sgd, SoftCrossEntropy, Softmax, Trainer, Zeroed};

type Net = Sequential![Linear<2, 3>, Softmax<3>];

fn main() {
    let mut trainer: Trainer<Net, Sgd, 1, _> =
        Trainer::with_loss(Zeroed::ZERO, Sgd { lr: 0.1 }, SoftCrossEntropy);
    trainer.step(&[[1.0, 2.0]], &[[0.0, 1.0, 0.0]]);
}

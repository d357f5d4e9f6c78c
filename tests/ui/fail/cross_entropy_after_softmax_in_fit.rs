//! The same mistake in a training run.

use constnet::{CrossEntropy, Linear, Sequential, Sgd, Softmax, Trainer};
use rand::Rng;

type Net = Sequential![Linear<2, 3>, Softmax<3>];

fn train(trainer: &mut Trainer<Net, Sgd, 8, CrossEntropy>, x: &[[f32; 2]], y: &[usize], rng: &mut impl Rng) -> f32 {
    trainer.fit(x, y).epochs(10).validate(x, y).run(rng).unwrap().loss
}

fn main() {}

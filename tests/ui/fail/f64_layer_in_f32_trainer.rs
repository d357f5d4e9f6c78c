//! The same mistake in the type of a trainer.

use constnet::{Linear, Sequential, Sgd, Trainer};

type Net = Sequential![Linear<5, 64>, Linear<64, 3, f64>];

fn train(_: &mut Trainer<Net, Sgd, 8>) {}

fn main() {}

//! The same mistake in a type rather than a value.

use constnet::{Linear, Relu, Sequential, Sgd, Trainer};

type Net = Sequential![Linear<5, 64>, Relu<64>, Linear<32, 3>];

fn train(_: &mut Trainer<Net, Sgd, 8>) {}

fn main() {}

//! The same mistake in the field of a struct.

use constnet::{Linear, Relu, Sequential, Sgd, Trainer};

type Net = Sequential![Linear<5, 64>, Relu<64>, Linear<32, 3>];

struct App {
    trainer: Trainer<Net, Sgd, 8>,
}

impl App {
    fn run(&mut self) -> f32 {
        self.trainer.step(&[[0.0; 5]; 8], &[[0.0; 3]; 8])
    }
}

fn main() {}

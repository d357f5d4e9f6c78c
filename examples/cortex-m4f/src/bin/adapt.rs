//! Adapting a trained network on the device: its body stays in flash, its last layer is trained in RAM.
//!
//! PyTorch trained the network on one map. Here the targets have another gain and offset, as if a sensor had been
//! replaced.
#![no_std]
#![no_main]

use constnet::{Frozen, Linear, Sequential, Sgd, StaticNetwork, Trainer, Zeroed};
use device::{Failure, below_goal, fits_ram, measure, program, trained};

struct Body;

impl StaticNetwork for Body {
    type Net = trained::Body;

    fn network() -> &'static Self::Net {
        &trained::BODY
    }
}

type Training = Trainer<Sequential![Frozen<Body>, Linear<64, 3>], Sgd, 1>;

const _: () = fits_ram::<2, Training>();

program!(run, Training = Trainer::new(Zeroed::ZERO, Sgd { lr: 0.0 }));

fn run(trainer: &mut Training) -> Result<f32, Failure> {
    trainer.optimizer.lr = 0.005;
    *trainer.net.layer_mut::<1>() = trained::HEAD;

    let mut count = None;
    let mut mean = 0.0;
    for _ in 0..200 {
        mean = 0.0;
        for (x, y) in trained::X.iter().zip(&trained::Y) {
            let y = y.map(|y| 1.25 * y - 0.5);
            let (loss, instructions) = measure::instructions(|| trainer.step(&[*x], &[y]));
            mean += loss / trained::X.len() as f32;
            count = instructions;
        }
    }
    measure::report(count);
    below_goal(mean)
}

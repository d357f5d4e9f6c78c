//! Adapting on the device: the trained body stays in flash, its head learns on in RAM.
//!
//! PyTorch trained the network on one map; here another one is to be learned, as if a sensor had
//! been replaced by one of another gain and offset.
#![no_std]
#![no_main]

use constnet::{Fixed, Frozen, Linear, Sequential, Sgd, Trainer, Zeroed};
use device::{Failure, below_goal, fits_ram, measure, program, trained};

struct Body;

impl Fixed for Body {
    type Net = trained::Body;

    fn net() -> &'static Self::Net {
        &trained::BODY
    }
}

type Training = Trainer<Sequential![Frozen<Body>, Linear<64, 3>], Sgd, 1>;

const _: () = fits_ram::<2, Training>();

program!(run, Training = Trainer::new(Zeroed::ZERO, Sgd { lr: 0.0 }));

fn run(trainer: &mut Training) -> Result<f32, Failure> {
    trainer.optimizer.lr = 0.005;
    let Sequential((_, head)) = &mut trainer.net;
    *head = trained::HEAD;

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
